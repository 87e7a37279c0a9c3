"""The client of our server is a judge, repeats what may succeed, waits as long as asked, and says what is wrong."""

import asyncio
import threading
import time

import pytest

from tests.integrations.conftest import ANSWERS, QUESTION, JudgeServer, TuesdayJudge, needs_nano, verdict_of
from themis.errors import ConfigError, DataError, ServerError
from themis.integrations import JudgeClient, judge_of
from themis.integrations.judges import shared_judge
from themis.traces import Case, Judge, Verdict

CASES = [Case(QUESTION, answer, id=str(place)) for place, answer in enumerate(ANSWERS)]


def test_verdicts_come_whole_each_with_its_place(server: JudgeServer) -> None:
    with JudgeClient(server.url) as judge:
        assert dict(judge.judge_all(CASES)) == dict(enumerate(map(verdict_of, CASES)))
        assert judge.judge(Case(QUESTION, " ")).reason == "empty_answer"
    assert {request["path"] for request in server.requests} == {"/v1/judge"}


def test_the_same_without_blocking_the_event_loop(server: JudgeServer) -> None:
    async def run() -> None:
        with JudgeClient(server.url) as judge:
            verdicts = await asyncio.gather(*map(judge.ajudge, CASES))
            assert verdicts == list(map(verdict_of, CASES))
            assert {place: verdict async for place, verdict in judge.ajudge_all(CASES)} == dict(enumerate(verdicts))

    asyncio.run(run())


def test_all_of_a_case_is_sent_and_nothing_that_it_lacks(server: JudgeServer) -> None:
    chat = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi?"}]
    with JudgeClient(server.url + "/") as judge:
        judge.judge(Case(chat, "Hi.", context="A talk.", tests=("assert f()",), id="q1"))  # type: ignore[arg-type]
        judge.judge(Case("Hi?", "Hi."))
    whole = {"question": chat, "answer": "Hi.", "context": "A talk.", "tests": ["assert f()"], "id": "q1"}
    assert [request["cases"] for request in server.requests] == [[whole], [{"question": "Hi?", "answer": "Hi."}]]


def test_many_cases_are_in_flight_at_once_and_no_more_than_allowed() -> None:
    counting, busy, most = threading.Lock(), 0, 0

    def judged(case: Case) -> Verdict:
        nonlocal busy, most
        with counting:
            busy += 1
            most = max(most, busy)
        time.sleep(0.05)
        with counting:
            busy -= 1
        return verdict_of(case)

    server = JudgeServer(judged)
    with JudgeClient(server.url, concurrency=3) as judge:
        assert len(list(judge.judge_all(CASES * 3))) == 12
    server.close()
    assert most == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_respected(server: JudgeServer, status: int) -> None:
    server.failures = [(status, {"Retry-After": "0.6"}, "busy")]
    started = time.monotonic()
    with JudgeClient(server.url) as judge:
        assert judge.judge(CASES[0]).reward == 2.0
    assert time.monotonic() - started >= 0.6


@pytest.mark.parametrize("status", [0, 500, 502, 503, 504], ids=["dies"] + ["HTTP"] * 4)
def test_what_may_pass_is_tried_again(server: JudgeServer, status: int) -> None:
    server.failures = [(status, {}, "")]
    with JudgeClient(server.url) as judge:
        assert judge.judge(CASES[0]).reward == 2.0
    assert len(server.requests) == 2


def test_a_wait_longer_than_the_timeout_is_an_error_at_once(server: JudgeServer) -> None:
    server.failures = [(429, {"Retry-After": "3600"}, "queue full")]
    with JudgeClient(server.url, timeout=5) as judge, pytest.raises(ServerError, match="HTTP 429: queue full; it asks to wait 3600"):
        judge.judge(CASES[0])


def test_a_server_that_is_away_or_silent_is_a_server_error() -> None:
    def judged(case: Case) -> Verdict:
        time.sleep(1)
        return verdict_of(case)

    silent = JudgeServer(judged)
    with JudgeClient(silent.url, timeout=0.3) as judge, pytest.raises(ServerError, match=r"did not answer within 0\.3 seconds"):
        judge.judge(CASES[0])
    silent.close()
    with JudgeClient(silent.url, timeout=0.3) as judge, pytest.raises(ServerError):
        judge.judge(CASES[0])


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (422, '{"detail": "field answer is missing"}', DataError, "field answer is missing"),
        (401, "who are you?", ConfigError, "THEMIS_TOKEN"),
        (404, "nothing", ConfigError, "is it a server of Themis?"),
        (200, "<html>", ServerError, "unknown form: JSON is missing"),
        (200, '{"verdicts": []}', ServerError, "unknown form: the verdict is missing"),
        (501, "never", ServerError, "HTTP 501"),
    ],
)
def test_what_does_not_pass_is_said_once_and_says_who_can_mend_it(
    server: JudgeServer, status: int, body: str, error: type[Exception], words: str
) -> None:
    server.failures = [(status, {}, body)]
    with JudgeClient(server.url) as judge, pytest.raises(error, match=words.replace("?", r"\?")):
        judge.judge(CASES[0])
    assert len(server.requests) == 1


def test_a_case_that_is_too_large_to_send_costs_itself_alone(server: JudgeServer) -> None:
    server.failures = [(413, {}, "larger than 8 MB")]
    with JudgeClient(server.url, concurrency=1) as judge:
        assert [verdict.reason for _, verdict in judge.judge_all(CASES[:2])] == ["too_long", "no_evidence"]
        server.failures = [(413, {}, "larger than 8 MB")]
        assert asyncio.run(judge.ajudge(CASES[0])) == Verdict("0", None, "too_long")


def test_half_a_character_is_sent_as_it_is_read_in_process(server: JudgeServer) -> None:
    with JudgeClient(server.url, deadline=20) as judge:
        assert judge.judge(Case(QUESTION, "A Tuesday \ud83d.")).reward == 2.0
    assert server.requests == [{"path": "/v1/judge", "cases": [{"question": QUESTION, "answer": "A Tuesday ?."}], "deadline": 20}]


def test_the_token_is_sent_and_never_shown(server: JudgeServer) -> None:
    server.failures = [(403, {}, "Bearer s3cret is wrong")]
    with JudgeClient(server.url, token="s3cret") as judge, pytest.raises(ConfigError, match=r"Bearer \*\*\* is wrong"):
        judge.judge(CASES[0])
    assert server.tokens == ["Bearer s3cret"]


def test_an_error_of_one_case_cancels_the_others(server: JudgeServer) -> None:
    server.failures = [(422, {}, "no")]
    with JudgeClient(server.url) as judge:
        with pytest.raises(DataError):
            list(judge.judge_all(CASES))
        assert len(list(judge.judge_all(CASES))) == 4


def test_what_is_no_case_no_address_or_asks_for_samples_is_refused(server: JudgeServer) -> None:
    with JudgeClient(server.url) as judge:
        with pytest.raises(DataError, match="takes a Case"):
            judge.judge("A Tuesday.")  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="cannot be sampled"):
            judge.sampled(1.0, "seed")
    with pytest.raises(ConfigError, match="http://host:port"):
        JudgeClient("localhost:8000")
    with pytest.raises(ConfigError, match="one line without blanks"):
        JudgeClient(server.url, token="abc\n")


def test_a_judge_is_found_by_itself_by_address_and_by_name(server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = TuesdayJudge()
    assert judge_of(ours) is ours
    monkeypatch.setenv("THEMIS_TOKEN", "abc")
    with judge_of(server.url) as judge:
        assert isinstance(judge, JudgeClient)
        judge.judge(CASES[0])
    assert server.tokens == ["Bearer abc"]
    monkeypatch.setenv("THEMIS_MODEL", server.url)
    assert shared_judge() is shared_judge(server.url)


@needs_nano
def test_nano_gives_through_a_server_what_it_gives_in_process(nano: Judge, wanted: list[float]) -> None:
    lock = threading.Lock()

    def judged(case: Case) -> Verdict:
        with lock:
            return nano.judge(case)

    server = JudgeServer(judged)
    with judge_of(server.url) as judge:
        verdicts = dict(judge.judge_all(CASES))
    server.close()
    assert [verdicts[place].reward for place in range(4)] == pytest.approx(wanted, abs=1e-4)
    assert all(verdict.trace.steps for verdict in verdicts.values())
