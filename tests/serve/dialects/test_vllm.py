"""vLLM's calls: forms, activation, counts, errors; and verl, which asks `/classify`."""

import math
from typing import Any

import pytest

from tests.integrations.conftest import verdict_of as tuesday
from tests.serve.dialects.clients import QUESTION, Says, says_at_the_third_time, verl, written
from tests.serve.serving import served
from themis.serve.serving import Options
from themis.traces import Case, Message
from themis.traces.one_text import TEMPLATES

CHATML = Options(marks=TEMPLATES["chatml"])
TURNS = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": QUESTION},
    {"role": "assistant", "content": [{"type": "text", "text": "A Tuesday."}]},
]


def test_classify_has_the_form_of_vllm() -> None:
    with served(Says(), Options("judge-7", marks=TEMPLATES["chatml"])) as server:
        told = server.post({"input": [written("four"), written("eleven")], "use_activation": False}, "/classify").json()
    assert told.pop("id").startswith("classify-")
    assert isinstance(told.pop("created"), int)
    assert told == {
        "object": "list",
        "model": "judge-7",
        "data": [
            {"index": 0, "label": "LABEL_0", "probs": [4.0], "num_classes": 1},
            {"index": 1, "label": "LABEL_0", "probs": [6.0], "num_classes": 1},
        ],
        "usage": {"prompt_tokens": 20, "total_tokens": 60, "completion_tokens": 40, "prompt_tokens_details": None},
    }


@pytest.mark.parametrize(
    ("settings", "activated"),
    [({}, True), ({"use_activation": None}, True), ({"use_activation": True}, True), ({"use_activation": False}, False)],
)
def test_activation_is_on_unless_it_is_false(settings: dict[str, Any], activated: bool) -> None:
    body = {"queries": QUESTION, "documents": "A Tuesday.", **settings}
    with served(Says(tuesday)) as server:
        assert server.post(body, "/score").json()["data"][0]["score"] == (0.75 if activated else 2.0)
    with served(Says()) as server:  # a judge that knows no scale
        expected = 1 / (1 + math.exp(-10)) if activated else 10.0
        assert server.post(body, "/score").json()["data"][0]["score"] == pytest.approx(expected)


@pytest.mark.parametrize("path", ["/classify", "/pooling"])
def test_the_last_of_the_messages_is_judged(path: str) -> None:
    judge = Says()
    with served(judge) as server:
        assert server.post({"messages": TURNS, "input": None}, path).status_code == 200
    asked = (Message(role="system", content="Be short."), Message(role="user", content=QUESTION))
    assert judge.cases == [Case(asked, "A Tuesday.")]


def test_pooling_gives_one_number_for_each_text() -> None:
    with served(Says(), CHATML) as server:
        body = {"input": [written("four"), written("eleven")], "task": "classify", "use_activation": False, "encoding_format": "float"}
        told = server.post(body, "/pooling").json()
    assert told["data"] == [{"index": 0, "object": "pooling", "data": [4.0]}, {"index": 1, "object": "pooling", "data": [6.0]}]


@pytest.mark.parametrize("names", [("queries", "documents"), ("queries", "items"), ("data_1", "data_2"), ("text_1", "text_2")])
def test_score_takes_one_query_for_all_or_one_for_each(names: tuple[str, str]) -> None:
    for asked, cases in ((["q"], [Case("q", "a"), Case("q", "bc")]), (["p", "q"], [Case("p", "a"), Case("q", "bc")])):
        judge = Says()
        with served(judge) as server:
            told = server.post({names[0]: asked, names[1]: ["a", "bc"], "use_activation": False}, "/v1/score").json()
        assert judge.cases == cases
        assert [entry["score"] for entry in told["data"]] == [1.0, 2.0]


@pytest.mark.parametrize(("most", "order"), [(0, [1, 0, 2, 3]), (-1, [1, 0, 2, 3]), (2, [1, 0]), (9, [1, 0, 2, 3])])
def test_rerank_gives_the_best_first_and_equals_in_their_order(most: int, order: list[int]) -> None:
    documents = ["bc", "def", "gh", "i"]
    with served(Says()) as server:
        told = server.post({"query": "q", "documents": documents, "top_n": most, "use_activation": False}, "/rerank").json()
    assert [(result["index"], result["document"], result["relevance_score"]) for result in told["results"]] == [
        (place, {"text": documents[place]}, len(documents[place])) for place in order
    ]
    assert told["usage"] == {"prompt_tokens": 40, "total_tokens": 120}


def test_a_case_without_a_reward_costs_its_whole_request_and_is_named() -> None:
    with served(Says()) as server:
        reply = server.post({"query": "q", "documents": ["a", "", "b"]}, "/rerank")
    assert reply.status_code == 503
    assert reply.json()["error"] == {
        "message": "case 1 has no reward, for the reason 'empty_answer'",
        "type": "Service Unavailable",
        "param": None,
        "code": 503,
    }


BOTH = "the body: give one of the fields 'messages' and 'input'"


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/classify", {}, BOTH),
        ("/classify", {"input": "a", "messages": TURNS}, BOTH),
        ("/classify", {"input": [1, 2]}, "the body: field 'input' holds token ids: send text"),
        ("/pooling", {"input": [[1, 2]]}, "the body: field 'input' holds token ids: send text"),
        ("/classify", {"input": {}}, "the body: field 'input' must be text, found an object"),
        ("/classify", {"input": []}, "the body: field 'input' must be text or a list of texts, found an empty list"),
        (
            "/classify",
            {"input": written("a"), "use_activation": "no"},
            "the body: field 'use_activation' must be true, false or null, found text",
        ),
        ("/classify", {"messages": TURNS[:2]}, "the body: field 'messages' must hold a question, and at last the assistant's turn"),
        ("/classify", {"messages": TURNS[2:]}, "the body: field 'messages' must hold a question, and at last the assistant's turn"),
        ("/classify", {"messages": [3]}, "the body: field 'messages[0]' must be an object"),
        ("/classify", {"input": "12"}, "input[0]: without its prompt, a text needs one turn of the assistant"),
        ("/pooling", {"input": written("a"), "task": "embed"}, "the body: field 'task' can only be 'classify' here"),
        ("/pooling", {"input": written("a"), "encoding_format": "base64"}, "the body: field 'encoding_format' can only be 'float' here"),
        ("/score", {"queries": "q"}, "the body: field 'documents' is missing"),
        (
            "/score",
            {"queries": ["p", "q"], "documents": "a"},
            "the body: fields 'queries' and 'documents' must hold 1 and N texts, or N and N",
        ),
        ("/score", {"text_1": [" "], "text_2": ["a"]}, "the body: field 'text_1[0]' is empty"),
        ("/v1/score", {"queries": "q", "documents": [{"content": []}]}, "the body: field 'documents[0]' must be text, found an object"),
        ("/rerank", {"query": "", "documents": ["a"]}, "the body: field 'query' is empty"),
        ("/v1/rerank", {"query": "q", "documents": ["a"], "top_n": 1.5}, "the body: field 'top_n' must be a whole number, found a number"),
    ],
)
def test_a_body_of_another_form_is_400_as_there_and_names_the_field(path: str, body: Any, sentence: str) -> None:
    with served(Says(), CHATML) as server:
        reply = server.post(body, path)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["message"].startswith(sentence)
    assert (error["type"], error["param"], error["code"]) == ("BadRequestError", None, 400)


# --- verl --------------------------------------------------------------------------------------------


def test_verl_asks_again_after_503_and_gets_the_reward() -> None:
    with served(says_at_the_third_time(), CHATML) as server:
        reward, tries = verl(server, written("A Tuesday."))
    assert (reward, tries.statuses) == (10.0, [503, 503, 200])


def test_verl_gives_up_at_once_where_its_text_cannot_be_split() -> None:
    with served(Says()) as server, pytest.raises(RuntimeError, match=r"\[400\].*template"):
        verl(server, written("A Tuesday."))


def test_verl_tries_an_empty_answer_sixteen_times_unless_the_operator_chose_a_number() -> None:
    with served(Says(), CHATML) as server, pytest.raises(RuntimeError, match=r"503(, 503){15}\]"):
        verl(server, written(""))
    with served(Says(), Options(marks=TEMPLATES["chatml"], missing=-10.0)) as server:
        assert verl(server, written(""))[0] == -10.0
