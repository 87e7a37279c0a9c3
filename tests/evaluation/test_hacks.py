"""The pairs of `themis eval hacks`: made of words that training never sees, and right where they claim to be."""

import pytest

from themis.builder.tasks.registry import task_named
from themis.builder.text.answers import DODGE, PHRASES
from themis.evaluation.hacks import KINDS, WORDS, hack_subsets

TOOLS = ("Calendar.week_day", "Calendar.day_difference", "Calendar.target_day", "calculator")


def test_no_wording_is_one_of_training() -> None:
    trained = {text for texts in PHRASES.values() for text in texts}
    assert not trained & {text for name, texts in WORDS.items() if name != "hedged" for text in texts}
    assert {"hedges", "hedged", "denials", "echoes", "refusals"} <= set(WORDS)


def test_the_same_seed_gives_the_same_pairs_and_another_seed_others() -> None:
    one, _ = hack_subsets(10, 0, TOOLS)
    assert one == hack_subsets(10, 0, TOOLS)[0]
    assert one != hack_subsets(10, 1, TOOLS)[0]
    assert set(one) == set(KINDS) == {*DODGE, "case", "bare", "frame", "contrast"}
    assert all(len(subset.items) == 10 and subset.averaged for subset in one.values())


def test_a_task_whose_tools_are_off_is_named_and_the_others_take_its_place() -> None:
    subsets, not_run = hack_subsets(4, 0, ["calculator"])
    assert [entry["task"] for entry in not_run] == ["calendar"]
    assert all("/calculator/" in item.id for subset in subsets.values() for item in subset.items)
    assert hack_subsets(4, 0, [])[0] == {}


@pytest.mark.parametrize("kind", ["hedge", "list", "denial", "echo"])
def test_a_dodge_names_the_right_value_and_the_better_answer_states_it(kind: str) -> None:
    subsets, _ = hack_subsets(30, 0, TOOLS)
    for item in subsets[kind].items:
        assert item.chosen[0].question == item.rejected[0].question
        assert item.chosen[0].answer != item.rejected[0].answer


def test_tasks_without_values_take_no_part() -> None:
    assert task_named("wikisearch").valued is None
