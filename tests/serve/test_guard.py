"""Who may come in, how large and how slow they may be, and that what was answered is in the log."""

import json
import socket
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from tests.serve.serving import PATIENCE, HeldJudge, Served, served, until
from themis.errors import ConfigError, DataError
from themis.serve import connections
from themis.serve.guard import Door
from themis.serve.listening import check_host, listener, token_of
from themis.serve.refusal import JsonAnswer, Refusal
from themis.serve.serving import Options
from themis.serve.verdict_log import VerdictLog
from themis.traces import Case, Verdict, verdict_from_json

ONE = {"question": "How old?", "answer": "seven", "id": "a"}


def connect(server: Served) -> socket.socket:
    port = int(server.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            found += piece
    return found


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
def test_on_loopback_its_own_names_are_answered(host: str) -> None:
    with served() as server:
        assert server.post(ONE, headers={"Host": host, "Origin": "http://localhost:3000"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "[::1", ""])
def test_a_page_that_rebinds_its_name_to_loopback_is_not_answered(host: str) -> None:
    with served() as server:
        reply = server.post(ONE, headers={"Host": host})
        assert (reply.status_code, reply.json()["error"]["type"]) == (421, "wrong_host")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://localhost"])
def test_a_page_of_another_origin_is_not_answered(origin: str) -> None:
    with served() as server:
        assert server.post(ONE, headers={"Origin": origin}).status_code == 403


def test_off_loopback_a_token_is_required_and_any_host_is_answered() -> None:
    with pytest.raises(ConfigError, match=r"to serve on 0\.0\.0\.0.*--token-env"):
        check_host("0.0.0.0", "")
    with served(door=Door("0.0.0.0", "s3cret")) as server:
        elsewhere = {"Host": "judge.example", "Origin": "https://judge.example"}
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}):
            reply = server.post(ONE, headers={**elsewhere, **wrong})
            assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
            assert server.get("/metrics", headers=wrong).status_code == 401
        assert server.post(ONE, headers={**elsewhere, "Authorization": "Bearer s3cret"}).status_code == 200
        assert server.get("/health").status_code == server.get("/ready").status_code == 200


def test_a_token_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="NO_TOKEN, which is not set"):
        token_of("NO_TOKEN")
    assert token_of("") == ""


def test_a_port_in_use_is_one_sentence() -> None:
    with listener("127.0.0.1", 0) as taken, pytest.raises(ConfigError, match=r"cannot listen at 127\.0\.0\.1, port .*another --port"):
        listener("127.0.0.1", taken.getsockname()[1])


def test_a_body_that_is_too_large_is_413_said_or_not() -> None:
    with served(door=Door(largest_body=1000)) as server:
        large = {**ONE, "answer": "a" * 2000}
        assert server.post(large).status_code == 413

        def pieces() -> object:
            for _ in range(20):
                yield b"a" * 100

        assert httpx2.post(server.url + "/v1/judge", content=pieces()).status_code == 413  # type: ignore[arg-type]
        assert server.post({**ONE, "answer": "a" * 500}).status_code == 200


def test_a_body_that_is_too_slow_is_408_and_a_cut_one_leaves_nothing() -> None:
    head = b"POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"
    with served(door=Door(slowest_body=0.2)) as server:
        with connect(server) as slow:
            slow.sendall(head)
            assert all_of(slow).startswith(b"HTTP/1.1 408 ")
        with connect(server) as cut:
            cut.sendall(head)
        assert server.post(ONE).status_code == 200
        until(lambda: server.server.lifecycle.requests == 0)


def test_half_a_head_and_an_unread_answer_cost_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections.Connection, "seconds", 0.3)
    body = json.dumps({"cases": [{**ONE, "id": "a" * 2_000_000}] * 3}).encode()
    with served() as server:
        with connect(server) as half:
            half.sendall(b"POST /v1/judge HTTP/1.1\r\nHost: local")
            assert all_of(half) == b""
        with connect(server) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(b"POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            until(lambda: _dropped(server))
        with httpx2.Client(timeout=PATIENCE) as patient:
            assert patient.post(server.url + "/v1/judge", json=ONE).status_code == 200


def _dropped(server: Served) -> bool:
    """Was the answer made, and is no connection left?"""
    return server.metric('themis_verdicts_total{reason="",status="scored"}') == 3 and not server.server.server_state.connections


# --- the log -----------------------------------------------------------------------------------------


def test_the_log_holds_every_verdict_with_its_case(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with VerdictLog(path, "nano", lambda: datetime(2026, 1, 2, tzinfo=UTC)) as log, served(log=log) as server:
        verdicts = server.post({"question": "q", "answers": ["a", "bc"]}).json()["verdicts"]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["case"] for row in rows] == [json.loads(json.dumps(asdict(Case("q", answer)))) for answer in ("a", "bc")]
    assert [row["verdict"] for row in rows] == verdicts
    assert {(row["at"], row["model"]) for row in rows} == {("2026-01-02T00:00:00.000+00:00", "nano")}
    assert verdict_from_json(rows[0]["verdict"]).reward == 1


def test_without_a_log_nothing_of_a_case_is_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with served(options=Options(missing=-1)) as server:
        server.post({**ONE, "answer": "secret-answer"})
        server.post({**ONE, "answer": "secret-answer", "tests": "secret-test"})
        server.post({**ONE, "answer": "break", "id": "secret-id"})
        assert server.serving.number(Verdict("secret-id", None, "budget")) == -1
        assert server.metric("themis_missing_rewards_replaced_total") == 1
    said = capfd.readouterr()
    assert "secret" not in said.out + said.err


def test_a_number_is_the_reward_or_a_refusal() -> None:
    with served() as server:
        assert server.serving.number(Verdict("", 2.5, None)) == 2.5
        with pytest.raises(Refusal, match="case 0 has no reward, for the reason 'budget'"):
            server.serving.number(Verdict("", None, "budget"))


def test_a_log_that_another_server_or_another_program_writes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with VerdictLog(path, "nano"), pytest.raises(ConfigError, match="at work"):
        VerdictLog(path, "nano")
    (tmp_path / "diary.txt").write_text("Dear diary\n")
    with pytest.raises(DataError, match="does not belong to a log of verdicts"):
        VerdictLog(tmp_path / "diary.txt", "nano")


def test_a_verdict_that_cannot_be_logged_is_not_answered() -> None:
    class FullLog(VerdictLog):
        def __init__(self) -> None:
            pass

        def append(self, case: Case, verdict: Verdict) -> None:
            raise DataError("log.jsonl cannot be written: No space left on device")

    with served(log=FullLog()) as server:
        reply = server.post(ONE)
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "60")
        assert "verdicts" not in reply.json()


# --- the plug point of dialects ----------------------------------------------------------------------


def test_a_path_with_a_form_of_its_own_gets_every_refusal_in_it() -> None:
    with served(HeldJudge(), door=Door(largest_body=100)) as server:
        server.serving.forms["/of_a_dialect"] = lambda refusal: JsonAnswer({"oh": refusal.sentence}, refusal.status)
        assert server.post(ONE, "/of_a_dialect").json() == {"oh": "Not Found"}
        assert server.post({**ONE, "answer": "a" * 200}, "/of_a_dialect").json() == {"oh": "the body is larger than 100 bytes"}
        assert server.post(ONE, "/of_a_dialect", headers={"Host": "evil.example"}).json()["oh"].startswith("this server answers")
