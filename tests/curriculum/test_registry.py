"""Streams by name: what they say is what the tools say, and their templates are learnt from published rows."""

from random import Random

import pytest

from tests.pairs import by_rule
from themis.builder.tasks.dates.rules import WORDINGS
from themis.curriculum.registry import Curriculum
from themis.curriculum.templates import learnt_templates
from themis.tools import default_toolbox
from themis.tools.calculator import CORRECT, check_answer
from themis.traces import Action, Observation, Side, Step, Trace
from themis.traces.pair import Pair

EACH = 60
NAMES = ("calendar", "weather", "multi_tools", "calculator", "no_tool")
STREAMS = Curriculum().streams({}, {})


def test_there_is_a_stream_for_each_task_that_has_rules() -> None:
    free = {"free/calendar", "free/weather", "free/multi_tools", "free/calculator"}
    assert set(STREAMS) == {f"rules/{name}" for name in NAMES} | free | {name.replace("free/", "prose/") for name in free}


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_depends_on_its_random_source_alone(name: str) -> None:
    for seed in range(EACH):
        assert STREAMS[f"rules/{name}"](Random(seed)) == STREAMS[f"rules/{name}"](Random(seed)) == by_rule(name, seed)


@pytest.mark.parametrize("name", NAMES)
def test_the_two_answers_of_a_pair_differ(name: str) -> None:
    for seed in range(EACH):
        pair = by_rule(name, seed)
        assert pair.task == name
        assert pair.chosen.answer != pair.rejected.answer
        assert pair.chosen.score > pair.rejected.score


@pytest.mark.parametrize("name", ["calendar", "calculator"])
def test_each_observation_is_what_the_live_tool_says(name: str) -> None:
    with default_toolbox() as toolbox:
        for seed in range(EACH):
            pair = by_rule(name, seed)
            for case, side in ((pair.chosen_case, pair.chosen), (pair.rejected_case, pair.rejected)):
                assert side.trace is not None
                for step in side.trace.steps:
                    assert step.action is not None
                    # Each question that counts from today has a today of its own.
                    if step.action.tool != "Calendar.today":
                        assert toolbox.call(step.action, case) == step.observation


def test_every_broken_answer_has_a_fault_that_the_calculator_finds() -> None:
    kinds = set()
    for seed in range(200):
        pair = by_rule("calculator", seed)
        if "<<" in pair.chosen.answer:
            assert check_answer(pair.chosen.answer) == CORRECT
            assert check_answer(pair.rejected.answer) != CORRECT
            kinds.add(check_answer(pair.rejected.answer)[:38])
    assert len(kinds) >= 3


def test_templates_are_learnt_with_dates_and_names_taken_out() -> None:
    trace = Trace((Step("", Action("history_weather", "Bern, 2020-01-02"), Observation("... temperature: 3.0(C); ...")),))
    pair = Pair("1", "Say the temperature in Bern for 2020-01-02!", Side("Bern had 3.0(C) on 2020-01-02.", 1, trace), Side("", -1))
    questions, answers = learnt_templates({"weather": [pair]})["weather"]
    assert questions[-1] == "Say the {attribute} in {city} for {day}!"
    assert answers[-1] == "{city} had {value} on {day}."


def test_learnt_templates_are_filled_in_the_stream() -> None:
    trace = Trace((Step("", Action("Calendar.week_day", "2020-01-02"), Observation("Thursday")),))
    pair = Pair("1", "Which weekday has 2020-01-02?", Side("It has Thursday!", 1, trace), Side("", -1))
    stream = Curriculum().streams({"calendar": [pair]}, {})["rules/calendar"]
    questions = [drawn.question for seed in range(1500) if (drawn := stream(Random(seed)))]
    assert any(question.startswith("Which weekday has ") and "2020-01-02" not in question for question in questions)


def test_each_kind_of_question_has_at_least_twenty_wordings() -> None:
    for questions, _ in WORDINGS.values():
        assert len(set(questions)) >= 20
