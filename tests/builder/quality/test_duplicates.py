"""Near-duplicates: another wording of a test question is near, another date in the same wording is not."""

import pytest

from tests.pairs import by_rule
from themis.builder.quality.duplicates import near_duplicates

TEST = (
    "Lena picks 14 apples in the morning and twice as many in the afternoon. "
    "She gives 9 of them to her brother Omar. How many does she have?"
)


@pytest.mark.parametrize(
    "near",
    [
        TEST,
        TEST.upper(),
        TEST.replace("in the morning", "this morning"),
        TEST.replace("does she have?", "does she have left?"),
        TEST.replace(" 9 ", " 8 "),
    ],
)
def test_a_question_in_nearly_the_same_words_is_near(near: str) -> None:
    assert near_duplicates(["Who wrote it?", near, "What is the capital of Peru?"], [TEST, "Who sang it?"]) == {1}


@pytest.mark.parametrize(
    "other",
    [
        "Paul picks 20 apples on Monday and thrice as many on Tuesday. He gives 7 of them to his sister Rosa. How many are left for him?",
        TEST.replace("14", "31").replace("9", "6").replace("Lena", "Paul").replace("Omar", "Rosa"),
        "",
        "apples",
    ],
)
def test_a_question_with_other_facts_is_not(other: str) -> None:
    assert near_duplicates([other], [TEST]) == set()


def _dated(task: str, seeds: range) -> list[str]:
    """Questions with a date of their own. Those that count from today share their words, each with another today."""
    pairs = [by_rule(task, seed) for seed in seeds]
    steps = [(pair, pair.chosen.trace.steps[0].action) for pair in pairs if pair.chosen.trace]
    return [pair.question for pair, action in steps if action and action.tool != "Calendar.today"]


@pytest.mark.parametrize("task", ["calendar", "weather", "multi_tools"])
def test_questions_made_by_rule_are_not_wiped_out(task: str) -> None:
    questions, tests = _dated(task, range(400)), _dated(task, range(10_000, 10_200))
    assert len(near_duplicates(questions, tests)) <= 4
    assert near_duplicates(questions[:50], questions[:50]) == set(range(50))


def test_scripts_without_blanks_are_read_letter_by_letter() -> None:
    asked = "她是在哪一年到达冲绳并开始工作的呢"
    assert near_duplicates([asked + "？", "他什么时候离开了东京去上学的呢"], [asked]) == {0}


def test_nothing_is_near_no_test() -> None:
    assert near_duplicates(["What?"], []) == set()
    assert near_duplicates([], ["What?"]) == set()
