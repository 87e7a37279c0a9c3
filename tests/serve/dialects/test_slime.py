"""`/rm`, asked as slime's and miles' `remote_rm` ask."""

from typing import Any

import pytest

from tests.integrations.conftest import verdict_of as tuesday
from tests.serve.dialects.clients import PROMPT, QUESTION, Says, says_at_the_third_time, slime
from tests.serve.serving import served
from themis.serve.serving import Options
from themis.traces import Case, Message
from themis.traces.one_text import TEMPLATES

CHATML = Options(marks=TEMPLATES["chatml"])
TURNS = [{"role": "user", "content": QUESTION}]


def test_the_answer_is_a_number_or_an_object_with_its_key() -> None:
    with served(Says(tuesday)) as server:
        assert slime(server, QUESTION, "A Tuesday.")[0] == 2.0
        assert slime(server, QUESTION, "A Tuesday.", "?details=1", "reward")[0] == 2.0
        assert server.post({"prompt": QUESTION, "response": "A Friday."}, "/rm?details=1").json() == {
            "reward": -1.0,
            "probability": 0.75,
            "status": "degraded",
            "reason": "no_evidence",
            "calls": 1,
            "valid_calls": 1,
        }


@pytest.mark.parametrize(
    ("options", "prompt", "asked"),
    [
        (Options(), QUESTION, QUESTION),
        (Options(), TURNS, (Message(role="user", content=QUESTION),)),
        (CHATML, TURNS, (Message(role="user", content=QUESTION),)),
        (CHATML, PROMPT, QUESTION),
    ],
)
def test_a_prompt_is_text_or_messages_or_what_a_template_wrote(options: Options, prompt: Any, asked: Any) -> None:
    judge = Says()
    with served(judge, options) as server:
        slime(server, prompt, "A Tuesday.<|im_end|>\n")
    assert judge.cases == [Case(asked, "A Tuesday.")]


def test_it_asks_again_after_503_and_raises_after_ten_tries() -> None:
    with served(says_at_the_third_time()) as server:
        assert slime(server, QUESTION, "A Tuesday.")[1].statuses == [503, 503, 200]
        with pytest.raises(RuntimeError, match=r"503(, 503){9}\]"):
            slime(server, QUESTION, "")


def test_a_missing_reward_is_the_number_of_the_operator_and_its_status_says_so() -> None:
    with served(Says(), Options(missing=-7.5)) as server:
        assert slime(server, QUESTION, "")[0] == -7.5
        told = server.post({"prompt": QUESTION, "response": ""}, "/rm?details=1").json()
    assert (told["reward"], told["status"], told["reason"]) == (-7.5, "unscored", "empty_answer")


@pytest.mark.parametrize(
    ("query", "body", "sentence"),
    [
        ("", {}, "the body: field 'response' is missing"),
        ("", {"response": "12"}, "the body: field 'prompt' is missing"),
        ("", {"prompt": " ", "response": "12"}, "the body: field 'prompt' is empty"),
        ("", {"prompt": [], "response": "12"}, "the body: field 'prompt' must be text or a list of messages, found an empty list"),
        ("", {"prompt": ["q"], "response": "12"}, "the body: field 'prompt[0]' must be an object"),
        ("", {"prompt": QUESTION, "response": ["12"]}, "the body: field 'response' must be text, found a list"),
        ("", {"prompt": PROMPT, "response": "12"}, "the body: the prompt holds <|im_start|>, a mark of a chat template"),
        ("?details=yes", {"prompt": QUESTION, "response": "12"}, "the query's 'details' must be 1 or 0"),
    ],
)
def test_a_body_of_another_form_is_422_and_names_the_field(query: str, body: Any, sentence: str) -> None:
    with served(Says()) as server:
        reply = server.post(body, f"/rm{query}")
    assert reply.status_code == 422, reply.text
    assert reply.json()["error"]["message"].startswith(sentence)
