"""`/compare`, asked as NeMo-Gym's strategy asks."""

import math
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integrations.conftest import verdict_of as tuesday
from tests.serve.dialects.clients import QUESTION, Says, nemo_gym
from tests.serve.serving import served
from themis.serve.dialects.nemo_gym import comparison, ranking
from themis.serve.serving import Options
from themis.traces import Case, Message

PROBABILITIES = st.floats(0, 1)


def test_scores_and_rankings_are_those_of_the_probabilities() -> None:
    told = comparison([0.5, 0.75, 0.5])
    assert told["rewards"] == [3.0, 4.0, 3.0]
    assert [(found["response_i"], found["response_j"], found["judge_idx"]) for found in told["comparison_results"]] == [
        (0, 1, 0),
        (1, 2, 0),
        (2, 0, 0),
    ]
    assert [(found["score_1"], found["score_2"]) for found in told["comparison_results"]] == [(3, 4), (4, 3), (3, 3)]
    assert [found["ranking"] for found in told["comparison_results"]] == pytest.approx([4.75, 2.25, 3.5])
    assert told["metrics"] == pytest.approx(
        {"mean_individual_score": 10 / 3, "std_individual_score": math.sqrt(2) / 3, "tiebreak_usage_rate": 1 / 3}
    )


@given(first=PROBABILITIES, second=PROBABILITIES)
def test_a_ranking_lies_in_its_bounds_favours_the_better_and_turns_with_the_pair(first: float, second: float) -> None:
    found = ranking(first, second)
    assert 1 <= found <= 6
    assert found + ranking(second, first) == pytest.approx(7)
    assert found <= 3.5 + 1e-9 if first >= second else found >= 3.5 - 1e-9


def test_one_answer_has_its_score_and_no_answer_has_none() -> None:
    assert comparison([0.75]) == {"rewards": [4.0], "comparison_results": [], "metrics": {}}
    assert comparison([]) == {"rewards": [], "comparison_results": [], "metrics": {}}


def test_its_client_gets_a_reward_for_each_answer() -> None:
    judge = Says(tuesday)
    with served(judge) as server:
        rewards, metrics = nemo_gym(server, QUESTION, ["A Tuesday.", "It is Sunday."])
    assert rewards == [4.0, 4.0]
    assert metrics["tiebreak_usage_rate"] == 1
    asked = (Message(role="user", content=QUESTION),)
    assert judge.cases == [Case(asked, "A Tuesday."), Case(asked, "It is Sunday.")]


def test_only_what_a_response_says_is_the_answer() -> None:
    judge = Says()
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "I look it up."}]},
        {"type": "function_call", "name": "calendar", "arguments": "{}"},
        {"type": "message", "content": [{"type": "output_text", "text": "A "}, {"type": "refusal", "refusal": "No."}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Tuesday."}]},
        {"role": "assistant", "content": " Indeed."},
    ]
    with served(judge) as server:
        body = {"conversation_history": [{"role": "user", "content": "q"}], "response_objs": [{"output": output}], "principle": "Be kind."}
        assert server.post(body, "/compare").status_code == 200
    assert [case.answer for case in judge.cases] == ["A Tuesday. Indeed."]


def test_an_answer_that_says_nothing_is_503_as_there_unless_the_operator_chose_a_number() -> None:
    with served(Says()) as server, pytest.raises(httpx2.HTTPStatusError, match="503"):
        nemo_gym(server, QUESTION, ["A Tuesday.", ""])
    with served(Says(), Options(missing=-1000.0)) as server:
        assert nemo_gym(server, QUESTION, ["A Tuesday.", ""])[0] == pytest.approx([5.0, 1.0], abs=1e-3)


HISTORY = [{"role": "user", "content": "q"}]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"response_objs": []}, "the body: field 'conversation_history' must be text or a list of messages"),
        ({"conversation_history": [], "response_objs": []}, "the body: field 'conversation_history' must be text or a list of messages"),
        ({"conversation_history": [{"role": "user"}], "response_objs": []}, "the body: field 'conversation_history[0].content' is missing"),
        ({"conversation_history": HISTORY}, "the body: field 'response_objs' is missing"),
        ({"conversation_history": HISTORY, "response_objs": ["12"]}, "the body, response_objs[0]: expected a JSON object, found text"),
        ({"conversation_history": HISTORY, "response_objs": [{}]}, "the body, response_objs[0]: field 'output' is missing"),
        (
            {"conversation_history": HISTORY, "response_objs": [{"output": [{"type": "message", "content": 3}]}]},
            "the body, response_objs[0], output[0]: field 'content' must be a list of objects, found a number",
        ),
        (
            {"conversation_history": HISTORY, "response_objs": [{"output": [{"content": [{"type": "output_text", "text": 3}]}]}]},
            "the body, response_objs[0], output[0]: field 'text' must be text, found a number",
        ),
    ],
)
def test_a_body_of_another_form_is_422_and_names_the_field(body: Any, sentence: str) -> None:
    with served(Says()) as server:
        reply = server.post(body, "/compare")
    assert reply.status_code == 422, reply.text
    assert reply.json()["detail"].startswith(sentence)
