"""Which cases a question becomes, and what their rewards answer, on numbers small enough to check by hand."""

from math import log
from typing import Any

import pytest
from jevcompat import validate

from tests.serve.serving import verdict_of
from themis.inference.judgement import Scale
from themis.serve.dialects.systemone import subject_of
from themis.serve.questions import (
    WHICH,
    Judged,
    Question,
    Subject,
    choice_confidence,
    expected_level,
    options,
    predicate,
    readable,
    score_confidence,
    shares,
)
from themis.traces import Case

TICKET = Subject("I was charged twice.")


def test_a_claim_is_judged_as_an_answer_to_the_text() -> None:
    assert predicate(TICKET, "It is about money.") == Question("claim", (Case(TICKET.text, "It is about money."),))
    assert predicate(Subject(""), "2 + 2 is 4.").cases == (Case(WHICH, "2 + 2 is 4."),)


@pytest.mark.parametrize(
    ("yes", "no", "answers"),
    [("", "", ("Yes", "No")), ("Money.", "", ("Money.", "No")), ("", "Not.", ("Yes", "Not.")), ("Money.", "Not.", ("Money.", "Not."))],
)
def test_a_yes_no_question_sets_both_answers_side_by_side(yes: str, no: str, answers: tuple[str, str]) -> None:
    asked = predicate(TICKET, "Is it about money? ", yes, no, name="q")
    assert asked == Question("yes_or_no", tuple(Case("Is it about money? ", answer, TICKET.text, id="q") for answer in answers))


def test_criteria_of_a_claim_are_answers_too() -> None:
    assert predicate(TICKET, "About money.", "Money.", "").read_as == "yes_or_no"
    assert [case.question for case in predicate(TICKET, "", "Money.", "Not.").cases] == [WHICH, WHICH]


def test_a_text_that_holds_an_answer_is_asked_about_that_answer() -> None:
    subject = Subject("whole", "How old?", "Seven.", "source: a book")
    asked = predicate(subject, "Is it right?", "It is.", "It is not.")
    assert asked == Question("answer", (Case("How old?\nIs it right?\nYes: It is.\nNo: It is not.", "Seven.", "source: a book"),))
    assert options(subject, "Which?", ["a", "b"]).cases == (Case("Which?", "a", "whole"), Case("Which?", "b", "whole"))


@pytest.mark.parametrize(
    ("state", "subject"),
    [
        ("q", Subject("q")),
        ({"question": "q", "answer": "a"}, Subject("question: q\nanswer: a", "q", "a")),
        ({"question": "q", "answer": "a", "n": 3}, Subject("question: q\nanswer: a\nn: 3", "q", "a", "n: 3")),
        (
            {"test_case": {"input": "q", "actual_output": "a"}},
            Subject('test_case: {"input": "q", "actual_output": "a"}', "q", "a"),
        ),
        ({"question": "q", "answer": 3}, Subject("question: q\nanswer: 3")),
        ({"question": "q"}, Subject("question: q")),
        ([], Subject("")),
        (["a", "b"], Subject("a\nb")),
        ([{"role": "user", "content": "q"}], Subject('{"role": "user", "content": "q"}')),
    ],
)
def test_a_state_holds_an_answer_where_its_fields_say_so(state: Any, subject: Subject) -> None:
    assert subject_of(state) == subject


@pytest.mark.parametrize("name", ["", "messages", "turns"])
def test_a_chat_holds_an_answer_where_the_assistant_spoke_last(name: str) -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    found = subject_of({name: turns, "source": "s"} if name else turns)
    assert (found.question, found.answer) == (({"role": "user", "content": "q"},), "a")
    assert found.rest == ("source: s" if name else "")
    assert subject_of([*turns, turns[0]]).question is None
    assert subject_of(turns[1:]).question is None


def test_probabilities_of_rewards() -> None:
    scale = Scale(mean=1.0, temperature=2.0)
    one, two = Question("claim", (Case("q", "a"),)), Question("options", (Case("q", "a"), Case("q", "b")))
    assert one.probabilities([1.0], scale) == [0.5, 0.5]
    assert one.probabilities([1 + 2 * log(3)], scale) == pytest.approx([0.75, 0.25])
    assert two.probabilities([5.0, 5 + 2 * log(4)], scale) == pytest.approx([0.2, 0.8])
    assert shares([1000.0, 1000.0, -1000.0]) == [0.5, 0.5, 0.0]


def test_confidence_and_the_expected_level() -> None:
    assert choice_confidence([0.25, 0.25, 0.25, 0.25]) == 0
    assert choice_confidence([1.0, 0.0]) == 1
    assert choice_confidence([0.8, 0.1, 0.1]) == pytest.approx((0.8 - 1 / 3) / (2 / 3))
    assert expected_level([0.1, 0.1, 0.8]) == pytest.approx(1.7)
    assert score_confidence([0.0, 0.0, 1.0]) == 1
    assert score_confidence([0.1, 0.1, 0.8]) == pytest.approx(1 - 0.3 / (2 / 3))
    assert score_confidence([0.5, 0.0, 0.5]) == 0
    assert score_confidence([0.5, 0.5]) == 0


def test_the_confidence_is_that_of_the_conformance_kit() -> None:
    for probabilities in ([0.5, 0.3, 0.2], [0.1, 0.6, 0.1, 0.2], [0.9, 0.1]):
        assert choice_confidence(probabilities) == pytest.approx(validate.choice_confidence(probabilities))
        assert score_confidence(probabilities) == pytest.approx(validate.score_confidence(probabilities))


def test_the_status_is_that_of_the_worst_case() -> None:
    cases = Case("q", "a"), Case("q", "")
    whole = Judged(Question("options", cases), tuple(map(verdict_of, cases)))
    assert (whole.extras()["x_status"], whole.extras()["x_reason"]) == ("unscored", "empty_answer")
    assert [told["answer"] for told in whole.extras()["x_verdicts"]] == ["a", ""]
    half = Judged(Question("options", cases[:1]), whole.verdicts[:1])
    assert half.missing is None
    assert half.extras()["x_status"] == "scored"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("a\nb", "a\nb"),
        (["a", {"b": "ä"}, 1.5, None, True], 'a\n{"b": "ä"}\n1.5\nnull\ntrue'),
        ({"a": "b", "c": ["d"], "e": None}, 'a: b\nc: ["d"]\ne: null'),
    ],
)
def test_any_json_is_text(value: Any, text: str) -> None:
    assert readable(value) == text
