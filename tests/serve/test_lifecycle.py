"""How the server ends, by signals to a process of its own; and the command `themis serve`."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import Themis as Give
from tests.cli.conftest import sentence, themis  # noqa: F401
from tests.serve.serving import PATIENCE, events_of, free_port
from themis.serve.listening import listener

ONE = {"question": "What day of the week is 2015-03-24?", "answer": "seven", "id": "a"}
ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from tests.serve.serving import HeldJudge
from themis.inference import JudgingService
from themis.serve.app import server_of
from themis.serve.guard import Door
from themis.serve.listening import listener
from themis.serve.serving import Options, Serving
from themis.serve.verdict_log import VerdictLog

port, log = int(sys.argv[1]), Path(sys.argv[2])
with VerdictLog(log, "held") as log, JudgingService(HeldJudge()) as service:
    socket = listener("127.0.0.1", port)
    print("listening", flush=True)
    server_of(Serving(service, Options(), log), Door()).run(sockets=[socket])
"""
"""A server of its own process, whose judge holds some cases until their deadline."""


@contextmanager
def process(words: list[str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT), "THEMIS_DATA": ""}
    with subprocess.Popen(words, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def held_server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    with process([sys.executable, "-c", PROGRAM, str(port), str(tmp_path / "log.jsonl")], tmp_path) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "listening\n"
        yield server, f"http://127.0.0.1:{port}"


class Request(threading.Thread):
    """A request in a thread of its own."""

    def __init__(self, url: str, body: Any) -> None:
        super().__init__(daemon=True)
        self.url, self.body = url, body
        self.reply: httpx2.Response | None = None
        self.start()

    def run(self) -> None:
        self.reply = httpx2.post(self.url + "/v1/judge", json=self.body, timeout=PATIENCE)


def until_in_flight(url: str, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while f"themis_rows_in_flight {count}.0" not in httpx2.get(url + "/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_sigterm_ends_what_is_in_flight_and_refuses_the_rest(tmp_path: Path) -> None:
    with held_server(tmp_path) as (server, url), httpx2.Client() as kept_alive:
        assert kept_alive.post(url + "/v1/judge", json=ONE).status_code == 200
        asked = Request(url, {**ONE, "answer": "hold", "deadline": 2})
        until_in_flight(url, 1)
        server.terminate()
        deadline = time.monotonic() + PATIENCE
        while (refused := kept_alive.post(url + "/v1/judge", json=ONE)).status_code == 200:
            assert time.monotonic() < deadline
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "about to end" in refused.json()["error"]["message"]
        assert httpx2.get(url + "/health").status_code == 200
        assert httpx2.get(url + "/ready").json() == {"status": "ending"}
        asked.join(PATIENCE)
        assert asked.reply is not None
        assert asked.reply.json()["verdicts"][0]["reason"] == "budget"
        assert server.wait(PATIENCE) == 0


def test_a_second_sigterm_ends_at_once(tmp_path: Path) -> None:
    with held_server(tmp_path) as (server, url):
        threading.Thread(target=lambda: _ignored(url), daemon=True).start()
        until_in_flight(url, 1)
        server.terminate()
        time.sleep(0.5)
        assert server.poll() is None
        before = time.monotonic()
        server.terminate()
        assert server.wait(PATIENCE) == 128 + signal.SIGTERM
        assert time.monotonic() - before < 5


def _ignored(url: str) -> None:
    with pytest.raises(httpx2.HTTPError):
        httpx2.post(url + "/v1/judge", json={**ONE, "answer": "hold"}, timeout=PATIENCE)


def test_kill_9_loses_no_line_that_was_answered(tmp_path: Path) -> None:
    answered: list[str] = []

    def ask(number: int, url: str) -> None:
        with httpx2.Client(timeout=PATIENCE) as client:
            for turn in range(10_000):
                try:
                    reply = client.post(url + "/v1/judge", json={**ONE, "id": f"{number}/{turn}"})
                except httpx2.HTTPError:
                    return
                answered.append(reply.json()["verdicts"][0]["id"])

    with held_server(tmp_path) as (server, url):
        threads = [threading.Thread(target=ask, args=(number, url), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        while len(answered) < 100:
            time.sleep(0.01)
        server.kill()
        for thread in threads:
            thread.join(PATIENCE)
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True)
    logged = {json.loads(line)["verdict"]["id"] for line in lines if line.endswith(b"\n")}
    assert len(answered) >= 100
    assert set(answered) <= logged
    with held_server(tmp_path) as (_, url):
        assert httpx2.post(url + "/v1/judge", json={**ONE, "id": "later"}, timeout=PATIENCE).status_code == 200
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["verdict"]["id"] == "later", "the log is taken up again"


# --- the command -------------------------------------------------------------------------------------


def test_the_command_serves_nano_until_sigterm(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = [sys.executable, "-m", "themis", "serve", "--port", str(port), "--log", "log.jsonl", "--device", "cpu"]
    with process(words, tmp_path) as server:
        assert server.stderr is not None
        assert f"serving nano at {url}, loading the model" in server.stderr.readline()
        early = Request(url, {**ONE, "answer": "A Tuesday."})
        assert server.stderr.readline() == "themis: ready\n"
        early.join(PATIENCE)
        assert early.reply is not None
        (verdict,) = early.reply.json()["verdicts"]
        assert verdict["trace"]["steps"][0]["observation"]["text"] == "Tuesday"
        assert httpx2.get(url + "/ready").status_code == 200
        streamed = httpx2.post(url + "/v1/judge?stream=1", json={**ONE, "answer": "A Tuesday."}, timeout=PATIENCE)
        assert events_of(streamed.text)[-2][1]["verdict"]["reward"] == pytest.approx(verdict["reward"], abs=1e-4)
        server.terminate()
        assert server.wait(PATIENCE) == 0
        assert server.stderr.read() == ""
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["verdict"]["reward"] for row in rows] == [pytest.approx(verdict["reward"], abs=1e-4)] * 2


def test_a_model_that_cannot_be_read_ends_the_server_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "themis.json").write_text("{}")
    words = [sys.executable, "-m", "themis", "serve", "--port", str(free_port()), "--model", "cut"]
    with process(words, tmp_path) as server:
        said = server.communicate(timeout=5 * PATIENCE)[1].splitlines()
        assert server.returncode == 2
    assert [line.startswith("themis: ") for line in said] == [True, True], said
    assert "cut" in said[1]


def test_wrong_options_are_one_sentence(themis: Give, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.delenv("NO_TOKEN", raising=False)
    assert "to serve on 0.0.0.0" in sentence(themis("serve", "--host", "0.0.0.0"))
    assert "NO_TOKEN, which is not set" in sentence(themis("serve", "--token-env", "NO_TOKEN"))
    assert "--deadline must be above 0 and below 180" in sentence(themis("serve", "--deadline", "180"))
    assert "--missing must be a finite number" in sentence(themis("serve", "--missing", "nan"))
    assert "template: must be one of chatml, llama3, gemma" in sentence(themis("serve", "--template", "alpaca"))
    assert "no model 'nanno'" in sentence(themis("serve", "--model", "nanno"))
    with listener("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen at 127.0.0.1, port {port}" in sentence(themis("serve", "--port", port))


def test_without_its_extra_the_command_names_it(themis: Give, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    for name in [name for name in sys.modules if name.startswith("themis.serve.app")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "`themis serve` needs the extra 'serve' (fastapi is missing): pip install 'themis-rm[serve]'" in sentence(themis("serve"))
