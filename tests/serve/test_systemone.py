"""`/v1/systemone`: its conformance kit and TypeSafe's client against nano, and questions without a reward."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typesafe_sdk import Choice, Noul, Score, TypeSafeClient, TypeSafeUnprocessableEntityError

from tests.serve.serving import PATIENCE, HeldJudge, Served, served
from themis.inference import load_judge
from themis.inference.judgement import Budget
from themis.serve.guard import Door
from themis.serve.serving import Options

PATH = "/v1/systemone"
NOUL = {"type": "noul", "instructions": "Is it about money?"}
TUESDAY = "What day of the week is 2015-03-24?"


def ask(server: Served, state: Any = "I was charged twice.", **questions: Any) -> httpx2.Response:
    return server.post({"model": "jev-latest", "state": state, "questions": questions or {"q": NOUL}}, PATH)


@pytest.fixture(scope="module")
def held() -> Iterator[Served]:
    with served(options=Options(queue=300)) as server:
        yield server


@pytest.fixture(scope="module")
def nano() -> Iterator[Served]:
    with load_judge("nano", device="cpu") as judge, served(judge) as server:
        yield server


# --- the conformance kit -----------------------------------------------------------------------------


def conformance(url: str, report: Path, *options: str) -> dict[str, Any]:
    """What `jevcompat test` writes."""
    command = [sys.executable, "-m", "jevcompat.cli", "test", url, "--timeout", "300", "--json", str(report), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert report.exists(), done.stderr
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    failed = [(each["id"], [finding["message"] for finding in each["findings"]]) for each in found["results"] if each["status"] == "fail"]
    assert (done.returncode, failed) == (0, []), done.stdout
    return found


def test_all_that_the_protocol_requires_is_met_by_nano(tmp_path: Path) -> None:
    """Without calls, so that hundreds of options take a minute. The traces have tests of their own."""
    with load_judge("nano", device="cpu", rationale="skip", budget=Budget(tool_calls=0)) as judge, served(judge) as server:
        open_door = conformance(server.url, tmp_path / "open.json")
    assert open_door["summary"]["verdict"] == "conformant"
    assert open_door["summary"]["untested_musts"] == []
    assert open_door["summary"]["MUST"] == {"passed": 32, "failed": 0, "skipped": 1, "tested": 32}
    assert open_door["summary"]["SHOULD"]["failed"] == 0
    (skipped,) = [each["id"] for each in open_door["results"] if each["level"] == "MUST" and each["status"] == "skip"]
    assert skipped == "auth.bearer", "it needs a token, and is the next test's"


def test_the_requirements_of_a_server_with_a_token_are_met(tmp_path: Path) -> None:
    with served(door=Door(token="secret"), options=Options(queue=300)) as server:
        closed = conformance(server.url, tmp_path / "closed.json", "--key", "secret")
    status = {each["id"]: each["status"] for each in closed["results"]}
    assert [status[name] for name in ("auth.bearer", "auth.missing", "auth.invalid")] == ["pass"] * 3


# --- answers -----------------------------------------------------------------------------------------


def test_typesafes_client_reads_what_nano_decides(nano: Served) -> None:
    questions: dict[str, Any] = {
        "right": Choice(instructions="Which answer is right?", criteria={"Monday": None, "Tuesday": None, "Friday": "the fifth day"}),
        "level": Score(instructions=TUESDAY, criteria=["2015-03-24 is a Monday.", "2015-03-24 is a Tuesday."]),
    }
    with TypeSafeClient(api_key="none", base_url=nano.url, timeout=PATIENCE) as client:
        told = client.system_one(state=TUESDAY, questions=questions, model="jev-latest")
        judged = [
            client.system_one(state={"question": TUESDAY, "answer": answer}, questions={"q": Noul(instructions="The answer is right.")})
            for answer in ("2015-03-24 is a Tuesday.", "2015-03-24 is a Thursday.")
        ]
        assert {model.name for model in client.models.list().models} == {"nano", "jev-latest"}
    assert told.model == "nano"
    assert told.choices["right"].choice == "Tuesday"
    assert told.choices["right"].confidence > 0.5
    assert told.scores["level"].score > 0.9
    assert told.usage.input_tokens
    assert judged[0].nouls["q"].noul > 0.7 > 0.3 > judged[1].nouls["q"].noul


def test_each_answer_has_its_status_and_the_traces_behind_it(nano: Served) -> None:
    answers = ask(nano, {"question": TUESDAY, "answer": "It is a Tuesday."}, right={"type": "noul", "instructions": "The answer is right."})
    answer = answers.json()["answers"]["right"]
    (verdict,) = answer["x_verdicts"]
    assert (answer["x_read_as"], answer["x_status"], answer["x_reason"]) == ("answer", "scored", None)
    assert verdict["answer"] == "It is a Tuesday."
    assert verdict["trace"]["steps"][0]["observation"]["text"] == "Tuesday"
    assert answer["noul"] == pytest.approx(verdict["probability"])
    assert answers.json()["usage"] == {"input_tokens": verdict["usage"]["read_tokens"], "output_tokens": verdict["usage"]["new_tokens"]}


def test_probabilities_are_those_of_the_rewards_at_the_models_temperature(nano: Served) -> None:
    from math import exp

    question = {"type": "choice", "instructions": TUESDAY, "criteria": {"Tuesday": None, "Monday": None}}
    answer = ask(nano, "", q=question).json()["answers"]["q"]
    right, wrong = (verdict["reward"] for verdict in answer["x_verdicts"])
    temperature = nano.serving.service.scale.temperature
    assert temperature != 1
    assert answer["probabilities"]["Tuesday"] == pytest.approx(1 / (1 + exp((wrong - right) / temperature)))


def test_a_legend_says_how_the_levels_were_read(held: Served) -> None:
    question = {"type": "score", "criteria": ["low", {"label": "high", "signs": [1, None]}]}
    assert ask(held, q=question).json()["answers"]["q"]["legend"] == {"0": "low", "1": "label: high\nsigns: [1, null]"}


# --- where a question has no reward ------------------------------------------------------------------


def test_a_question_without_reward_fails_the_request_so_that_the_client_comes_again() -> None:
    with served(HeldJudge(), Options(deadline=0.3)) as server:
        question = {"type": "choice", "criteria": {"hold": None, "b": None}}
        reply = ask(server, "s", q=NOUL, held=question)
        assert reply.status_code == 503
        message = "question 'held' has no reward, for the reason 'budget'"
        assert reply.json() == {"detail": {"error_type": "no_reward", "message": message}}
        assert ask(server).status_code == 200


def test_a_blank_answer_is_the_clients_mistake(held: Served) -> None:
    reply = ask(held, {"question": "q", "answer": ""})
    assert reply.status_code == 422
    message = "question 'q' has no reward, for the reason 'empty_answer': an answer or an option is blank"
    assert reply.json() == {"detail": [{"loc": ["body", "questions", "q"], "msg": message, "type": "value_error"}]}


def test_a_state_that_is_too_long_is_said_as_deepeval_reads_it(nano: Served) -> None:
    reply = ask(nano, "many words " * 5000)
    assert reply.status_code == 413
    assert reply.json()["detail"]["error_type"] == "max_tokens_exceeded"


def test_the_operators_number_is_the_reward_of_what_has_none() -> None:
    with served(options=Options(missing=-5.0)) as server:
        answer = ask(server, {"question": "q", "answer": ""}).json()["answers"]["q"]
        assert answer["noul"] == pytest.approx(1 / (1 + 2.718281828**5))
        assert (answer["x_status"], answer["x_reason"]) == ("unscored", "empty_answer")
        assert server.metric("themis_missing_rewards_replaced_total") == 1


# --- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"state": None}, "state", "must be text, an object or a list, found null"),
        ({"state": 3}, "state", "must be text, an object or a list, found a number"),
        ({"model": 3}, "model", "Input should be a valid string"),
        ({"questions": {}}, "questions", "at least 1 item"),
        ({"questions": {"q": 3}}, "questions.q", "valid dictionary"),
        ({"questions": {"q": {"type": "box"}}}, "questions.q", "'noul', 'choice', 'score'"),
        ({"questions": {"q": {"type": "noul", "instructions": " "}}}, "questions.q.noul", "a noul needs 'instructions' or 'criteria'"),
        ({"questions": {"q": {"type": "noul", "instructions": 3}}}, "questions.q.noul.instructions", "must be text, an object"),
        ({"questions": {"q": {"type": "choice", "criteria": {"a": None}}}}, "questions.q.choice.criteria", "at least 2 items"),
        ({"questions": {"q": {"type": "score", "criteria": ["a", None]}}}, "questions.q.score.criteria.1", "found null"),
        ({"questions": {"q": {"type": "score", "criteria": ["a"] * 11}}}, "questions.q.score.criteria", "at most 10 items"),
        ({"assets": {"a": {"part": "b"}}}, "", "only text is judged: leave 'assets' out"),
    ],
)
def test_a_body_of_another_form_names_the_field(change: Any, field: str, sentence: str, held: Served) -> None:
    reply = held.post({"model": "m", "state": "s", "questions": {"q": NOUL}, **change}, PATH)
    assert reply.status_code == 422
    entry = reply.json()["detail"][0]
    assert ".".join(map(str, entry["loc"])) == ".".join(["body", *([field] if field else [])])
    assert sentence in entry["msg"]
    assert entry["type"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"model"',
        b"\xff",
        b'{"model": "m", "state": [NaN], "questions": {"q": {"type": "noul", "instructions": "i"}}}',
        b'{"model": "m", "state": "\\ud800", "questions": {"q": {"type": "noul", "instructions": "i"}}}',
        b'{"model": "m", "state": {"\\ud800": [1e999]}, "questions": {"q": {"type": "noul", "instructions": "i"}}}',
        b'{"model": "m", "state": "s", "questions": {"\\ud800": {"type": "noul", "instructions": "i"}}}',
        b'{"model": "m", "state": "s", "questions": {"q": {"type": "\\ud800", "instructions": "i"}}}',
        *(b'{"model": "m", "questions": {}, "state": ' + b"[" * depth + b"]" * depth + b"}" for depth in (70, 900, 990, 100_000)),
    ],
)
def test_no_body_is_an_error_of_the_server(raw: bytes, held: Served) -> None:
    reply = httpx2.post(held.url + PATH, content=raw, timeout=PATIENCE)
    assert reply.status_code == 422, reply.text
    assert all(len(entry["msg"].splitlines()) == 1 and entry["loc"][0] == "body" for entry in reply.json()["detail"])


def test_every_refusal_is_in_the_protocols_form(held: Served) -> None:
    compressed = httpx2.post(held.url + PATH, content=b"x", headers={"content-encoding": "zstd"}, timeout=PATIENCE)
    message = "the body is compressed (zstd): send it without compression"
    assert (compressed.status_code, compressed.json()["detail"]["message"]) == (415, message)
    assert held.get(PATH).json()["detail"]["error_type"] == "method_not_allowed"
    options = {str(place): None for place in range(200)}
    many = ask(held, "s", a={"type": "choice", "criteria": options}, b={"type": "choice", "criteria": options})
    assert many.status_code == 422
    assert "a request may hold 300 cases, found 400" in many.json()["detail"][0]["msg"]
    client = TypeSafeClient(api_key="none", base_url=held.url, timeout=PATIENCE)
    with client, pytest.raises(TypeSafeUnprocessableEntityError, match="at least 2 items"):
        client.system_one(state="s", questions={"q": Score(criteria=["one"])}, model="m")


@pytest.mark.parametrize("path", [PATH, "/v1/decisions"])
def test_the_description_has_true_examples(path: str, held: Served) -> None:
    call = held.get("/openapi.json").json()["paths"][path]["post"]
    body = call["requestBody"]["content"]["application/json"]
    assert "$ref" not in json.dumps(body)
    expected = call["responses"]["200"]["content"]["application/json"]["example"]
    for example in body["examples"].values():
        reply = held.post(example["value"], path)
        assert reply.status_code == 200, reply.text
        assert reply.json().keys() == expected.keys()
        assert reply.json()["usage"].keys() == expected["usage"].keys()
        answers, described = ([*each["answers"].values()] if path == PATH else each["answers"] for each in (reply.json(), expected))
        if answers[0]["type"] == described[0]["type"]:
            assert answers[0].keys() == described[0].keys()
            assert answers[0]["x_verdicts"][0].keys() == described[0]["x_verdicts"][0].keys()
