"""Pairs in many people's words: tools bear them out, forms tell nothing, and dodges are on the worse side alone."""

import re
from collections import Counter
from random import Random

import pytest

from themis.builder.pairs import generated_pair
from themis.builder.tasks.registry import all_tasks, task_named
from themis.builder.text.answers import DODGE, PHRASES
from themis.tools.calculator import calculator
from themis.tools.calendar import day_difference, target_day, week_day
from themis.tools.toolbox import Toolbox
from themis.traces import Case
from themis.traces.pair import Pair

FREE = [task.name for task in all_tasks().values() if task.free]


def pairs(task: str, count: int = 150) -> list[Pair]:
    found = task_named(task)
    return [generated_pair(found, Random(f"{task}/{seed}"), {}, found.free) for seed in range(count)]


@pytest.mark.parametrize("task", FREE)
def test_the_same_seed_gives_the_same_pair(task: str) -> None:
    assert pairs(task, 20) == pairs(task, 20)
    assert len({pair.question for pair in pairs(task, 40)}) > 30


@pytest.mark.parametrize("task", ["calendar", "calculator"])
def test_the_real_tools_say_what_the_traces_observe(task: str) -> None:
    with Toolbox([week_day, day_difference, target_day, calculator]) as toolbox:
        for pair in pairs(task, 80):
            for side in (pair.chosen, pair.rejected):
                assert side.trace is not None
                for step in side.trace.steps:
                    assert step.action is not None
                    if step.action.tool != "Calendar.today":
                        assert toolbox.call(step.action, Case(pair.question, side.answer)).text == step.observation.text  # type: ignore[union-attr]


@pytest.mark.parametrize("task", FREE)
def test_case_and_length_tell_little(task: str) -> None:
    found = pairs(task, 300)
    lower = Counter((pair.chosen.answer.islower(), pair.rejected.answer.islower()) for pair in found)
    upper = Counter((pair.chosen.answer.isupper(), pair.rejected.answer.isupper()) for pair in found)
    for counts in (lower, upper):
        assert abs(counts[True, False] - counts[False, True]) < 45
    longer = sum(len(pair.chosen.answer) > len(pair.rejected.answer) for pair in found)
    assert 60 < longer < 240


def test_about_half_of_the_worse_answers_dodge_and_no_better_one_refuses() -> None:
    refusals = {text.lower().rstrip(".!") for text in PHRASES["refusals"]}
    found = pairs("calendar", 400)
    refused = [
        sum(side.answer.lower().rstrip(".!") in refusals for side in sides)
        for sides in zip(*((p.chosen, p.rejected) for p in found), strict=True)
    ]
    assert refused[0] == 0
    assert 20 < refused[1] < 70  # a fifth of the half that dodge
    assert len(DODGE) == 5


def test_questions_write_dates_in_many_forms_and_calls_copy_them() -> None:
    found = pairs("calendar", 300)
    other = 0
    for pair in found:
        assert pair.chosen.trace is not None
        action = pair.chosen.trace.steps[0].action
        assert action is not None
        if action.tool == "Calendar.week_day":
            assert action.argument in pair.question
            other += not re.fullmatch(r"\d{4}-\d\d-\d\d", action.argument)
    assert other > 20
