"""The client, the commands and the adapters against the real `themis serve`, in a process of its own."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Themis, sentence, themis  # noqa: F401
from tests.integrations.conftest import ANSWERS, QUESTION, needs_nano
from tests.integrations.test_openrlhf import PROMPT, QUERIES, asked_by_openrlhf, from_its_file
from tests.integrations.test_verl import asked_by_verl
from tests.serve.serving import PATIENCE, HeldJudge, free_port, served, until
from themis import load_judge
from themis.errors import ConfigError, ServerError
from themis.inference.client import JudgeClient
from themis.integrations import trl
from themis.serve.serving import Options
from themis.traces import Case, Judge, Verdict

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-the-test"
CASES = [Case(QUESTION, answer, id=str(place)) for place, answer in enumerate(ANSWERS)]
ODD = [Case(QUESTION, "", id="empty"), Case(QUESTION, "Tuesday. " * 2_000, id="long"), Case(QUESTION, "Tue\ud83d", id="half")]

pytestmark = needs_nano


@contextmanager
def nano_server(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command itself, which needs a token."""
    words = ["serve", "--port", str(port), "--token-env", "TOKEN_OF_TEST", "--device", "cpu", "--deadline", "100", "--batch-size", "8"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "THEMIS_DATA": "", "TOKEN_OF_TEST": TOKEN}
    with subprocess.Popen([sys.executable, "-m", "themis", *words], cwd=folder, env=environment, stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        try:
            assert b"loading the model" in server.stderr.readline(), "it listens"
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with nano_server(port, tmp_path_factory.mktemp("served")):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def url(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address, with its token set."""
    monkeypatch.setenv("THEMIS_TOKEN", TOKEN)
    return address


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    """In process."""
    with load_judge("nano", device="cpu") as judge:
        judged = dict(judge.judge_all(CASES + ODD))
    return [judged[place] for place in range(len(judged))]


def same(found: list[Verdict], wanted: list[Verdict]) -> bool:
    """Equal in all but the time; the reward and what is made of it to 1e-4."""
    pairs = list(zip(found, wanted, strict=True))
    assert [one.reward for one, _ in pairs] == [pytest.approx(two.reward, abs=1e-4) for _, two in pairs]
    assert [one.probability for one, _ in pairs] == [pytest.approx(two.probability, abs=1e-4) for _, two in pairs]
    return [(one.id, one.status, one.reason, one.trace, one.unfamiliar) for one, _ in pairs] == [
        (two.id, two.status, two.reason, two.trace, two.unfamiliar) for _, two in pairs
    ]


# --- verdicts ----------------------------------------------------------------------------------------


def test_a_server_gives_the_verdicts_of_this_process_also_where_there_is_no_reward(url: str, verdicts: list[Verdict]) -> None:
    with load_judge(url) as judge:
        found = dict(judge.judge_all(CASES + ODD))
    assert same([found[place] for place in range(len(found))], verdicts)
    assert [verdict.reason for verdict in verdicts[4:6]] == ["empty_answer", "too_long"]
    assert all(verdict.trace.steps for verdict in verdicts[:4])


def test_so_it_does_without_blocking_an_event_loop(url: str, verdicts: list[Verdict]) -> None:
    async def run(judge: Judge) -> list[Verdict]:
        found = await asyncio.gather(*map(judge.ajudge, CASES + ODD))
        assert {place async for place, _ in judge.ajudge_all(CASES)} == {0, 1, 2, 3}
        return found

    with load_judge(url) as judge:
        assert same(asyncio.run(run(judge)), verdicts)


def test_a_case_too_large_for_the_server_has_no_reward_and_spares_the_others(url: str) -> None:
    with load_judge(url) as judge:
        found = dict(judge.judge_all([Case(QUESTION, "x" * 9_000_000), CASES[0]]))
    assert (found[0].reward, found[0].reason) == (None, "too_long")
    assert found[1].reward is not None


def test_another_token_is_refused_in_one_sentence(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for token in ("", "wr\u00f6ng", "another"):
        monkeypatch.setenv("THEMIS_TOKEN", token)
        with load_judge(address) as judge, pytest.raises(ConfigError, match=r"HTTP 401.*THEMIS_TOKEN") as told:
            judge.judge(CASES[0])
        assert TOKEN not in str(told.value)


def test_a_case_that_misses_the_deadline_has_no_reward_and_the_others_have_theirs() -> None:
    with served(HeldJudge()) as server, JudgeClient(server.url, deadline=0.5) as judge:
        found = dict(judge.judge_all([Case("q", "hold"), Case("q", "abc")]))
        assert (found[0].reward, found[0].reason) == (None, "budget")
        assert found[1].reward == 3
        with JudgeClient(server.url, timeout=0.3) as hasty, pytest.raises(ServerError, match=r"did not answer within 0\.3 seconds"):
            hasty.judge(Case("q", "hold"))
        until(lambda: server.serving.service.in_flight == 0)


def test_a_full_queue_is_waited_for_as_long_as_it_says() -> None:
    held = HeldJudge(places=1)
    with served(held, Options(queue=2)) as server, JudgeClient(server.url) as judge:
        cases = [Case("q", "hold")] + [Case("q", "x" * length) for length in range(1, 10)]
        found: dict[int, Verdict] = {}
        asking = threading.Thread(target=lambda: found.update(judge.judge_all(cases)), daemon=True)
        asking.start()
        refused = 'themis_requests_total{code="429",route="/v1/judge"}'
        until(lambda: server.metric(refused) >= 7)
        turned_away, since = server.metric(refused), time.monotonic()
        time.sleep(0.6)  # they were asked to wait for a second or more
        assert server.metric(refused) == turned_away or time.monotonic() - since > 1
        held.release()
        asking.join(PATIENCE)
    assert [found[place].reward for place in range(10)] == [4, *range(1, 10)]


def test_a_server_that_is_killed_and_comes_back_loses_no_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_TOKEN", TOKEN)
    port = free_port()
    found: dict[int, Verdict] = {}

    def ask() -> None:
        with load_judge(f"http://127.0.0.1:{port}") as judge:
            for place, verdict in judge.judge_all(Case(QUESTION, f"{ANSWERS[place % 4]}{' ' * (place // 4)}") for place in range(48)):
                found[place] = verdict

    asking = threading.Thread(target=ask, daemon=True)
    with nano_server(port, tmp_path) as server:
        asking.start()
        while len(found) < 5:
            assert asking.is_alive()
            time.sleep(0.02)
        server.kill()
        server.wait()
    assert asking.is_alive(), "it was killed in the middle"
    with nano_server(port, tmp_path):
        asking.join(5 * PATIENCE)
    assert len(found) == 48
    assert all(verdict.reward is not None for verdict in found.values())


# --- commands ----------------------------------------------------------------------------------------


def test_a_file_is_scored_by_a_server_and_resumes(url: str, verdicts: list[Verdict], themis: Themis, tmp_path: Path) -> None:  # noqa: F811
    file, out = tmp_path / "cases.jsonl", tmp_path / "verdicts.jsonl"
    rows = [json.dumps({"question": case.question, "answer": case.answer, "id": case.id}) + "\n" for case in CASES]
    file.write_text("".join(rows[:2]))
    words = ("score", "--model", url, "--cases", file, "--out", out)
    assert themis(*words).exit_code == 0
    file.write_text("".join(rows))
    assert "2 judged, 2 were there already" in themis(*words).stderr
    written = {row["id"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert [written[case.id]["reward"] for case in CASES] == pytest.approx([verdict.reward for verdict in verdicts[:4]], abs=1e-4)
    assert {row["judge"]["model"] for row in written.values()} == {"nano"}
    local = themis(*words, "--model", "nano")
    assert f"{out}, line 1: another judge" in sentence(local)


def test_a_bench_is_judged_by_a_server_beside_a_model(url: str, themis: Themis, tmp_path: Path) -> None:  # noqa: F811
    file, out = tmp_path / "pairs.jsonl", tmp_path / "bench.json"
    file.write_text(json.dumps({"prompt": QUESTION, "chosen": ANSWERS[0], "rejected": ANSWERS[1]}) + "\n")
    result = themis("eval", "bench", file, "--model", url, "--against", "nano", "--out", out)
    assert result.exit_code == 0, result.output
    written = json.loads(out.read_text())
    assert (written["micro"], written["averages"]["micro"]["rivals"]["against"]["difference"]) == (1.0, 0.0)
    assert themis("demo", "--model", url, "--limit", 1).exit_code == 0
    hacks = themis("eval", "hacks", "--count", 1, "--limit", 1, "--model", url)
    assert "bare" in hacks.stdout, "the tools that the server has decide which pairs there are"


def test_what_only_the_server_can_set_is_one_sentence(url: str, themis: Themis, tmp_path: Path) -> None:  # noqa: F811
    ask = ("score", "-q", "q", "-a", "a", "--model", url)
    assert f"--rationale: the server at {url} decides that" in sentence(themis(*ask, "--rationale", "skip"))
    assert "--tool-calls: the server" in sentence(themis(*ask, "--tool-calls", 0))
    assert "--without: the server" in sentence(themis(*ask, "--without", "calculator"))
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "q", "chosen": "a", "rejected": "b"}\n')
    bench = ("eval", "bench", tmp_path / "pairs.jsonl", "--model", url)
    assert "cannot sample its traces" in sentence(themis(*bench, "--samples", 2))
    assert "cannot write the temperature" in sentence(themis(*bench, "--save-temperature"))
    assert "cannot serve its judge again" in sentence(themis("serve", "--model", url))
    assert "the weights themselves are needed" in sentence(themis("export", "--model", url, "--out", tmp_path / "out"))


# --- adapters ----------------------------------------------------------------------------------------


def test_every_adapter_gives_through_a_server_the_rewards_of_this_process(
    url: str, verdicts: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = pytest.approx([verdict.reward for verdict in verdicts[:4]], abs=1e-4)
    monkeypatch.setenv("THEMIS_MODEL", url)
    monkeypatch.setenv("THEMIS_TEMPLATE", "chatml")
    prompts, completions = [QUESTION] * 5, [*ANSWERS, ""]
    assert trl.reward(prompts=prompts, completions=completions)[:4] == wanted
    by_event_loop = asyncio.run(trl.reward_async(prompts=prompts, completions=completions))
    assert by_event_loop[:4] == wanted
    assert by_event_loop[4] is None
    samples = asked_by_openrlhf(from_its_file(), [*QUERIES, f"{PROMPT}<|im_end|>"], [PROMPT] * 5)
    assert [sample and sample["reward"] for sample in samples[:4]] == wanted
    assert samples[4] is None
    results = asked_by_verl((*ANSWERS, ""), {"question": QUESTION}, missing=-9.0)
    assert [result["score"] for result in results[:4]] == wanted
    assert (results[4]["score"], results[4]["themis_reason"]) == (-9.0, "empty_answer")
