"""A case from JSON: what is wrong is one sentence."""

from dataclasses import replace
from typing import Any

import pytest

from themis.errors import DataError
from themis.traces import Case, case_from_json, case_key


def test_a_case_needs_a_question_and_an_answer() -> None:
    assert case_from_json({"question": "q", "answer": "a"}, "x, line 1") == Case("q", "a")


def test_a_case_may_be_a_chat_with_context_tests_and_id() -> None:
    row = {"messages": [{"role": "user", "content": "q", "name": "x"}], "answer": "a", "context": "c", "test_list": ["assert 1"], "id": 7}
    assert case_from_json(row, "") == Case(({"role": "user", "content": "q"},), "a", "c", ("assert 1",), "7")


def test_a_chat_of_one_message_is_a_plain_question() -> None:
    assert Case(({"role": "user", "content": "q"},), "a").question_text == "q"


def test_a_message_may_hold_parts_of_text_and_have_the_names_of_sharegpt() -> None:
    parts = [{"type": "text", "text": "q"}, {"type": "text", "text": "r", "image_url": None}]
    row = {"messages": [{"role": "system", "content": parts}, {"from": "human", "value": "s"}], "answer": "a", "id": 7.0}
    case = case_from_json(row, "")
    assert case.question == ({"role": "system", "content": "q\nr"}, {"role": "user", "content": "s"})
    assert case.id == "7"


def test_an_empty_answer_is_a_case_since_the_judge_says_what_is_wrong_with_it() -> None:
    assert case_from_json({"question": "q", "answer": ""}, "").answer == ""


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ([], "expected a JSON object, found a list"),
        ({"answer": "a"}, "field 'question' is missing"),
        ({"question": "", "answer": "a"}, "field 'question' is empty"),
        ({"question": [], "answer": "a"}, "field 'question' is empty"),
        ({"question": 1, "answer": "a"}, "field 'question' must be text, found a number"),
        ({"question": ["q"], "answer": "a"}, "field 'question[0]' must be an object with 'role' and 'content', found text"),
        ({"question": [{"role": "user"}], "answer": "a"}, "field 'question[0].content' is missing"),
        ({"question": "q"}, "field 'answer' is missing"),
        ({"question": "q", "answer": ["a"]}, "field 'answer' must be text, found a list"),
        ({"question": "q", "answer": "a\udcff"}, "field 'answer' holds half a character (a lone surrogate)"),
        ({"question": "q", "answer": "a", "context": 1}, "field 'context' must be text, found a number"),
        ({"question": "q", "answer": "a", "tests": "assert"}, "field 'tests' must be a list of texts, found text"),
        ({"question": "q", "answer": "a", "tests": [None]}, "field 'tests[0]' is missing"),
        ({"question": "q", "answer": "a", "id": float("nan")}, "field 'id' must be text or a whole number, found a number"),
        ({"question": "q", "answer": "a", "id": 1.5}, "field 'id' must be text or a whole number, found a number"),
        ({"question": "q", "answer": "a", "id": False}, "field 'id' must be text or a whole number, found true or false"),
        (
            {"question": [{"role": "user", "content": [{"type": "image_url"}]}], "answer": "a"},
            "field 'question[0].content[0]' must be a part with 'text', as only text is judged",
        ),
        ({"question": "q", "answer": "a", "id": "\ud800"}, "field 'id' holds half a character (a lone surrogate)"),
    ],
)
def test_a_broken_row_is_one_sentence_with_its_place_and_field(row: Any, sentence: str) -> None:
    with pytest.raises(DataError) as error:
        case_from_json(row, "cases.jsonl, line 3")
    assert str(error.value) == f"cases.jsonl, line 3: {sentence}"


def test_tests_and_context_make_another_case() -> None:
    case = Case("q", "1", id="a")
    keys = {case_key(each) for each in (case, replace(case, tests=("assert 1",)), replace(case, context="1"))}
    assert len(keys) == 3
    assert case_key(case) == case_key(replace(case, id="z"))
    assert case_key(Case(({"role": "user", "content": "q"},), "1")) != case_key(case)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"question": None, "answer": "a"}, "'question' must be text or chat messages, found NoneType"),
        ({"question": "q", "answer": None}, "'answer' must be text, found NoneType"),
        ({"question": "q", "answer": 4}, "'answer' must be text, found int"),
        ({"question": "q", "answer": "a", "context": 3}, "'context' must be text or None, found int"),
        ({"question": "q", "answer": "a", "tests": "assert f()"}, "'tests' must be a tuple of assert lines, found one text"),
    ],
)
def test_a_case_with_a_field_of_another_type_is_one_sentence(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Case(**fields)


def test_a_list_of_messages_is_a_question_too() -> None:
    turn = {"role": "user", "content": "q"}
    assert Case([turn], "a") == Case((turn,), "a")  # type: ignore[arg-type]
