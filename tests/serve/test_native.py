"""The native routes: what a body may be, what comes back, and what is said of the server."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.serve.serving import PATIENCE, STEPS, HeldJudge, Served, events_of, served, until
from themis.inference import load_judge
from themis.serve.native import read_cases
from themis.serve.refusal import Refusal
from themis.serve.serving import Options
from themis.traces import Case, verdict_from_json

ONE = {"question": "How old?", "answer": "seven", "id": "a"}


def test_one_case_gets_its_whole_verdict() -> None:
    with served() as server:
        reply = server.post(ONE)
    assert reply.status_code == 200
    assert reply.json()["model"] == "nano"
    (verdict,) = reply.json()["verdicts"]
    assert (verdict["id"], verdict["reward"], verdict["status"], verdict["reason"]) == ("a", 5.0, "scored", None)
    assert verdict["trace"]["steps"] == [asdict(step) for step in STEPS]
    assert verdict["usage"]["tool_calls"] == 2


def test_verdicts_come_in_the_order_of_the_cases() -> None:
    judge = HeldJudge()
    with served(judge) as server:
        cases = [{**ONE, "answer": answer, "id": answer} for answer in ("hold", "a", "bcd", "ef", "")]
        judge.release()
        verdicts = server.post({"cases": cases}).json()["verdicts"]
    assert [(verdict["id"], verdict["reward"]) for verdict in verdicts] == [("hold", 4), ("a", 1), ("bcd", 3), ("ef", 2), ("", None)]
    assert (verdicts[-1]["status"], verdicts[-1]["reason"]) == ("unscored", "empty_answer")


def test_several_answers_to_one_question_share_its_context_and_tests() -> None:
    body = {"question": "q", "answers": ["a", "bc"], "context": "c", "tests": ["assert f()"], "id": 3}
    cases = [Case("q", answer, "c", ("assert f()",), "3") for answer in ("a", "bc")]
    assert read_cases(body) == (cases, None)
    with served() as server:
        assert [verdict["reward"] for verdict in server.post(body).json()["verdicts"]] == [1, 2]


def test_a_question_may_be_a_chat() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert read_cases({"question": turns, "answer": "a"})[0] == read_cases({"messages": turns, "answer": "a"})[0]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "the body: expected a JSON object, found a list"),
        ({"question": "q"}, "the body: field 'answer' is missing"),
        ({"answer": "a"}, "the body: field 'question' is missing"),
        ({"question": "q", "answer": 3}, "the body: field 'answer' must be text, found a number"),
        ({"question": "q", "answers": []}, "the body: field 'answers' must be a list, found an empty one"),
        ({"question": "q", "answers": ["a", None]}, "answers[1]: field 'answer' is missing"),
        ({"question": "q", "answers": ["a"], "answer": "a"}, "the body: field 'answer' stands beside 'answers': give one of the two"),
        ({"cases": "q"}, "the body: field 'cases' must be a list, found text"),
        ({"cases": [ONE, {"question": "q"}]}, "cases[1]: field 'answer' is missing"),
        ({"cases": [ONE, 3]}, "cases[1]: expected a JSON object, found a number"),
        ({"cases": [ONE], "question": "q"}, "the body: field 'question' stands beside 'cases': give it in each case"),
        ({**ONE, "tests": "assert"}, "the body: field 'tests' must be a list"),
        ({**ONE, "deadline": "soon"}, "the body: field 'deadline' must be a number of seconds, found text"),
        ({**ONE, "deadline": 0}, "field 'deadline' must be above 0 and at most 150 seconds, found 0"),
        ({**ONE, "deadline": 10**400}, "field 'deadline' must be above 0 and at most 150 seconds, found 1e+09"),
        ({"cases": [ONE] * 9}, "a request may hold 8 cases, found 9: send them in several requests"),
    ],
)
def test_a_body_of_another_form_is_422_and_names_the_field(body: Any, sentence: str, strict_server: Served) -> None:
    reply = strict_server.post(body)
    assert reply.status_code == 422
    assert reply.json()["error"]["type"] == "invalid_request"
    assert sentence in reply.json()["error"]["message"]


@pytest.fixture(scope="module")
def strict_server() -> Any:
    with served(options=Options(queue=8)) as server:
        yield server


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"question": "q", "answer": "\\ud800"}', b"[" * 100_000, b'{"deadline": NaN}'])
def test_a_body_that_is_no_json_or_half_a_character_is_422(raw: bytes, strict_server: Served) -> None:
    reply = httpx2.post(strict_server.url + "/v1/judge", content=raw)
    assert reply.status_code == 422, reply.text
    assert len(reply.json()["error"]["message"].splitlines()) == 1
    assert strict_server.get("/v1/judge?stream=1").status_code == 405
    assert httpx2.post(strict_server.url + "/v1/judge?stream=maybe", json=ONE).status_code == 422


def test_a_stream_tells_the_steps_as_the_trace_grows() -> None:
    judge = HeldJudge()
    with served(judge) as server:
        request = {"cases": [{**ONE, "answer": "hold"}, {**ONE, "answer": "ab"}]}
        with httpx2.stream("POST", server.url + "/v1/judge?stream=1", json=request, timeout=PATIENCE) as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            text = ""
            for piece in reply.iter_text():
                text += piece
                if '"step": {"thought": "I look once' in text and not judge.released.is_set():
                    assert '"verdict": {"id": "a", "reward": 4.0' not in text, "a step is told before its verdict is made"
                    judge.release()
    events = events_of(text)
    for place, reward in enumerate((4, 2)):
        own = [(name, data) for name, data in events if data.get("case") == place]
        assert [name for name, _ in own] == ["step", "step", "verdict"]
        assert [data["step"] for name, data in own if name == "step"] == [asdict(step) for step in STEPS]
        assert own[-1][1]["verdict"]["reward"] == reward
    assert events[-1] == ("done", {"model": "nano", "verdicts": 2})


def test_a_stream_without_an_engine_tells_the_steps_with_the_verdict() -> None:
    from tests.serve.test_mcp import TuesdayJudge

    with served(TuesdayJudge()) as server:
        events = events_of(server.post({**ONE, "answer": "A Tuesday"}, "/v1/judge?stream=1").text)
    assert [name for name, _ in events] == ["step", "verdict", "done"]


@pytest.mark.parametrize(
    ("answer", "sentence", "said"),
    [("break", "the store holds no answer", "DataError"), ("crash", "the judge failed (KeyError)", "KeyError at serving.py, line")],
)
def test_a_case_that_cannot_be_judged_costs_itself_alone(answer: str, sentence: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with served() as server:
        body = {"cases": [ONE, {**ONE, "answer": answer}, {**ONE, "answer": "ab"}]}
        verdicts = server.post(body).json()["verdicts"]
        assert [verdict["reward"] for verdict in verdicts] == [5.0, None, 2.0]
        assert (verdicts[1]["status"], verdicts[1]["reason"], verdicts[1]["error"]) == ("unscored", "failed", sentence)
        events = events_of(server.post(body, "/v1/judge?stream=1").text)
        failed = [data["verdict"]["reason"] for name, data in events if name == "verdict" and data["case"] == 1]
        assert (failed, events[-1][0]) == (["failed"], "done")
        assert server.metric('themis_verdicts_total{reason="failed",status="unscored"}') == 2
        with pytest.raises(Refusal, match=r"case 0 has no reward, for the reason 'failed'"):
            server.serving.number(verdict_from_json(verdicts[1]))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert all(line.startswith(f"a case could not be judged: {said}") for line in lines)
    assert not any(record.exc_info for record in caplog.records), "no traceback"


def test_a_bug_of_a_route_is_500_in_the_form_of_its_path_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with served() as server:
        server.serving.options = None  # type: ignore[assignment]
        reply = server.post(ONE)
        assert (reply.status_code, reply.json()["error"]["type"]) == (500, "error_of_the_server")
        until(lambda: server.metric('themis_requests_total{code="500",route="/v1/judge"}') == 1)
    assert [record.getMessage()[:42] for record in caplog.records] == ["'/v1/judge' failed: AttributeError at serv"]


def test_a_verdict_that_misses_its_deadline_has_no_reward_and_a_reason() -> None:
    judge = HeldJudge()
    with served(judge) as server:
        cases = [{**ONE, "answer": "hold"}, {**ONE, "answer": "ab"}]
        verdicts = server.post({"cases": cases, "deadline": 0.3}).json()["verdicts"]
        assert [(verdict["reward"], verdict["status"], verdict["reason"]) for verdict in verdicts] == [
            (None, "unscored", "budget"),
            (2.0, "scored", None),
        ]
        assert verdicts[0]["trace"]["steps"] == [asdict(STEPS[0])], "the steps until then"
        assert verdicts[0]["usage"]["tool_calls"] == 1
        assert 0.25 < verdicts[0]["usage"]["seconds"] < PATIENCE
        until(lambda: [case.answer for case in judge.dropped] == ["hold"])
        assert server.serving.service.in_flight == 0, "its row is freed"


def test_more_than_the_queue_takes_is_429_with_retry_after() -> None:
    judge = HeldJudge(places=1)
    with served(judge, Options(queue=2)) as server, httpx2.Client(timeout=PATIENCE) as client:
        with client.stream("POST", server.url + "/v1/judge?stream=1", json={**ONE, "answer": "hold"}) as held:
            coming = held.iter_text()  # what is thrown away is closed
            assert next(coming)
            with client.stream("POST", server.url + "/v1/judge?stream=1", json={"cases": [ONE, ONE]}):
                until(lambda: server.serving.service.waiting == 2)
                refused = server.post(ONE)
                assert refused.status_code == 429
                assert 1 <= int(refused.headers["retry-after"]) <= 60
                assert refused.json()["error"]["message"] == "2 cases are waiting, and 2 may wait: come again later"
            judge.release()
        until(lambda: server.serving.service.waiting == 0)
        assert server.post(ONE).status_code == 200


@pytest.mark.parametrize("path", ["/v1/judge", "/v1/judge?stream=1"])
def test_a_client_that_leaves_frees_its_rows_at_once(path: str) -> None:
    judge = HeldJudge(places=2)
    with served(judge) as server:
        cases = [{**ONE, "answer": "hold"}] * 3
        asked = httpx2.stream("POST", server.url + path, json={"cases": cases}, timeout=0.5)
        with pytest.raises(httpx2.ReadTimeout), asked as reply:
            reply.read()
        until(lambda: server.serving.service.in_flight == 0 and server.serving.service.waiting == 0)
        until(lambda: len(judge.dropped) == 2)
        assert server.post({"cases": [ONE] * 2}).status_code == 200
        until(lambda: server.server.lifecycle.requests == 0)
        code = "200" if "stream" in path else "499"
        until(lambda: server.metric(f'themis_requests_total{{code="{code}",route="/v1/judge"}}') >= 1)


def test_metrics_count_what_was_answered() -> None:
    with served(options=Options(missing=-5.0)) as server:
        server.post({"cases": [ONE, {**ONE, "answer": ""}]})
        server.post({})
        server.get("/nowhere")
        until(lambda: server.metric('themis_requests_total{code="404",route="none"}') == 1)
        text = server.get("/metrics").text
        assert 'themis_requests_total{code="200",route="/v1/judge"} 1.0' in text
        assert 'themis_requests_total{code="422",route="/v1/judge"} 1.0' in text
        assert 'themis_verdicts_total{reason="",status="scored"} 1.0' in text
        assert 'themis_verdicts_total{reason="empty_answer",status="unscored"} 1.0' in text
        assert 'themis_tool_calls_total{status="ok"} 4.0' in text
        assert "themis_judgement_seconds_sum 0.5" in text
        assert "themis_waiting_cases 0.0" in text
        assert "themis_rows_in_flight 0.0" in text
        assert "themis_missing_rewards_replaced_total 0.0" in text


def test_health_ready_and_models() -> None:
    loaded: list[bool] = []
    with served(options=Options(model="judge-7"), is_loaded=lambda: bool(loaded)) as server:
        assert server.get("/health").json() == {"status": "alive"}
        assert (server.get("/ready").status_code, server.get("/ready").json()) == (503, {"status": "loading"})
        loaded.append(True)
        assert (server.get("/ready").status_code, server.get("/ready").json()) == (200, {"status": "ready"})
        listed = server.get("/v1/models").json()
        assert [(model["id"], model["object"]) for model in listed["data"]] == [("judge-7", "model")]
        assert server.get("/nowhere").json()["error"]["type"] == "not_found"


def test_each_call_is_described_with_an_example_that_is_true() -> None:
    with served() as server:
        described = server.get("/openapi.json").json()
        assert server.get("/docs").status_code == 200
        own = {"/v1/judge", "/v1/models", "/health", "/ready", "/metrics"}
        dialects = {"/get_reward", "/classify", "/pooling", "/v1/score/evaluation", "/compare", "/rm", "/v1/systemone", "/v1/decisions"}
        assert set(described["paths"]) == own | dialects | {"/score", "/v1/score", "/rerank", "/v1/rerank"}
        for path, calls in described["paths"].items():
            for call in calls.values():
                assert any("example" in content for content in call["responses"]["200"]["content"].values()), path
        judge = described["paths"]["/v1/judge"]["post"]
        for example in judge["requestBody"]["content"]["application/json"]["examples"].values():
            verdicts = server.post(example["value"]).json()["verdicts"]
            expected = judge["responses"]["200"]["content"]["application/json"]["example"]["verdicts"][0]
            assert verdicts[0].keys() == expected.keys()
            assert verdicts[0]["usage"].keys() == expected["usage"].keys()
            assert verdicts[0]["trace"]["steps"][0].keys() == expected["trace"]["steps"][0].keys()


def test_the_page_of_the_calls_needs_no_other_host() -> None:
    with served() as server:
        page = server.get("/docs").text
        assert "https://" not in page
        named = re.findall(r"""(?:src|href)="([^"]+)|url: '([^']+)""", page)
        paths = {next(filter(None, each)) for each in named}
        assert "/openapi.json" in paths
        assert any(path.endswith(".js") for path in paths)
        for path in paths:
            assert path.startswith("/"), "of this server"
            assert server.get(path).status_code == 200
        assert '"validatorUrl": null' in page, "Swagger UI would let a public server check the description"


def test_nano_gives_the_same_reward_over_http_as_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    monkeypatch.chdir(tmp_path)
    question = "What day of the week is 2015-03-24?"
    cases = [Case(question, answer) for answer in ("A Tuesday.", "A Thursday.", "It is a Monday.")]
    with load_judge(device="cpu") as judge:
        expected = dict(judge.judge_all(cases))
        with served(judge) as server:
            body = {"question": question, "answers": [case.answer for case in cases]}
            verdicts = server.post(body).json()["verdicts"]
            events = events_of(server.post(body, "/v1/judge?stream=1").text)
    for place, verdict in enumerate(verdicts):
        assert verdict["reward"] == pytest.approx(expected[place].reward, abs=1e-4)
        assert verdict["trace"]["steps"] == [asdict(step) for step in expected[place].trace.steps]
        own = [name for name, data in events if data.get("case") == place]
        assert own == [*["step"] * len(expected[place].trace.steps), "verdict"]
