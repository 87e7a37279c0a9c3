"""`/v1/score/evaluation`, asked as LLaMA-Factory's PPO trainer asks."""

from typing import Any

import pytest

from tests.serve.dialects.clients import QUESTION, Says, llama_factory, written
from tests.serve.serving import served
from themis.serve.serving import Options
from themis.traces import Case
from themis.traces.one_text import TEMPLATES

CHATML = Options("judge-7", marks=TEMPLATES["chatml"])


def test_a_batch_gets_its_scores_in_its_order() -> None:
    judge = Says()
    with served(judge, CHATML) as server:
        assert llama_factory(server, [written("four"), written("eleven"), written("a")]) == [4.0, 6.0, 1.0]
        told = server.post({"model": "gpt", "messages": [written("a")], "max_length": 512}, "/v1/score/evaluation").json()
    assert told.pop("id").startswith("scoreval-")
    assert told == {"object": "score.evaluation", "model": "judge-7", "scores": [1.0]}
    assert judge.cases[:2] == [Case(QUESTION, "four"), Case(QUESTION, "eleven")]


def test_its_trainer_stops_at_an_answer_without_a_reward_unless_the_operator_chose_a_number() -> None:
    texts = [written("four"), written("")]
    with served(Says(), CHATML) as server, pytest.raises(KeyError, match="scores"):
        llama_factory(server, texts)
    with served(Says(), Options(marks=TEMPLATES["chatml"], missing=-7.5)) as server:
        assert llama_factory(server, texts) == [4.0, -7.5]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "the body: field 'messages' is missing"),
        ({"messages": []}, "the body: field 'messages' must be a list of texts, found an empty one"),
        ({"messages": written("a")}, "the body: field 'messages' must be a list of texts, found text"),
        ({"messages": [{"role": "user"}]}, "the body: field 'messages[0]' must be text, found an object"),
        ({"messages": [written("a")], "max_length": "long"}, "the body: field 'max_length' must be a whole number or null, found text"),
        ({"messages": [written("a").replace(QUESTION, "")]}, "messages[0]: field 'question' is empty"),
        ({"messages": [written("a"), "12"]}, "messages[1]: without its prompt, a text needs one turn of the assistant"),
    ],
)
def test_a_body_of_another_form_is_422_and_names_the_field(body: Any, sentence: str) -> None:
    with served(Says(), CHATML) as server:
        reply = server.post(body, "/v1/score/evaluation")
    assert reply.status_code == 422, reply.text
    assert reply.json()["detail"].startswith(sentence)
