"""`/get_reward`, asked as OpenRLHF's trainer asks."""

from typing import Any

import pytest

from tests.integrations.conftest import verdict_of as tuesday
from tests.serve.dialects.clients import PROMPT, QUESTION, Says, openrlhf, says_at_the_third_time, written
from tests.serve.serving import served
from themis.serve.serving import Options
from themis.traces import Case
from themis.traces.one_text import TEMPLATES

CHATML = Options(marks=TEMPLATES["chatml"])


def test_a_batch_gets_numbers_alone_in_its_order() -> None:
    judge = Says(tuesday)
    with served(judge, CHATML) as server:
        body = {"query": [written("It is a Friday."), written("A Tuesday.")], "prompts": [PROMPT, None], "labels": ["Tuesday", 3]}
        assert server.post(body, "/get_reward").json() == {
            "rewards": [-1.0, 2.0],
            "scores": [0.75, 0.75],
            "extra_logs": {
                "themis_scored": [0, 1],
                "themis_degraded": [1, 0],
                "themis_unscored": [0, 0],
                "themis_calls": [1, 1],
                "themis_valid_calls": [1, 1],
            },
        }
    assert judge.cases == [Case(QUESTION, "It is a Friday."), Case(QUESTION, "A Tuesday.")]


def test_without_a_template_the_prompt_is_the_question() -> None:
    judge = Says()
    with served(judge) as server:
        assert server.post({"query": f"{QUESTION} A Tuesday.</s>", "prompts": f"{QUESTION} "}, "/get_reward").status_code == 200
    assert judge.cases == [Case(f"{QUESTION} ", "A Tuesday.")]


def test_a_prompt_that_was_cut_is_split_by_the_template() -> None:
    judge = Says()
    with served(judge, CHATML) as server:
        longer = f"<|im_start|>system\nBe short.<|im_end|>\n{PROMPT}"
        assert server.post({"query": written("A Tuesday."), "prompts": [longer]}, "/get_reward").status_code == 200
    assert judge.cases == [Case(QUESTION, "A Tuesday.")]


def test_a_sample_that_fails_is_asked_again_until_it_has_its_reward() -> None:
    with served(says_at_the_third_time(), CHATML) as server:
        sample, tries = openrlhf(server, written("A Tuesday."), PROMPT)
    assert tries.statuses == [503, 503, 200]
    assert sample is not None
    assert sample["reward"] == sample["scores"] == [10.0]


def test_a_sample_without_a_reward_is_none_after_five_tries_or_the_number_of_the_operator() -> None:
    with served(Says(), CHATML) as server:
        sample, tries = openrlhf(server, written(""), PROMPT)
        assert (sample, tries.statuses) == (None, [503] * 5)
    with served(Says(), Options(marks=TEMPLATES["chatml"], missing=-7.5)) as server:
        sample, tries = openrlhf(server, written(""), PROMPT)
        assert tries.statuses == [200]
        assert sample is not None
        assert sample["reward"] == sample["scores"] == [-7.5]
        assert sample["extra_logs"]["themis_unscored"] == [1]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "the body: field 'query' is missing"),
        ({"query": 3}, "the body: field 'query' must be text, found a number"),
        ({"query": []}, "the body: field 'query' must be text or a list of texts, found an empty list"),
        ({"query": ["a", None]}, "the body: field 'query[1]' is missing"),
        ({"query": ["a", "b"], "prompts": ["a"]}, "the body: field 'prompts' must hold a text for each query: 2, found 1"),
        ({"query": "a", "prompts": {}}, "the body: field 'prompts' must be a list of texts, found an object"),
        ({"query": "a", "prompts": [7]}, "the body: field 'prompts[0]' must be text, found a number"),
        ({"query": "ab", "prompts": "b"}, "query[0]: the text does not begin with the prompt that came beside it"),
        ({"query": written("a")}, "query[0]: the text came without a prompt, and no template is named"),
    ],
)
def test_a_body_of_another_form_is_422_and_names_the_field(body: Any, sentence: str) -> None:
    with served(Says()) as server:
        reply = server.post(body, "/get_reward")
    assert reply.status_code == 422, reply.text
    assert reply.json()["detail"].startswith(sentence)
