"""From a draft to a pair, in the builder and in infinite streams, whose observations are what the tools say."""

from collections.abc import Sequence
from datetime import date
from random import Random

import pytest

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.builder.pairs import generated_pair, pair_of
from themis.builder.task import Task
from themis.builder.tasks.calculator import marks
from themis.builder.tasks.calculator.generated import faulted
from themis.builder.tasks.dates.generated import MISSPELT, made_up
from themis.builder.tasks.dates.rules import WORDINGS
from themis.builder.tasks.registry import all_tasks, task_named
from themis.tools import default_toolbox
from themis.tools.calculator import CORRECT, check_answer
from themis.tools.setup.settings import Settings
from themis.tools.weather.record import written_weather
from themis.traces import Action, Case, Observation, Pair, Side, Step, Trace

EACH = 60
GENERATED = ("calendar", "weather", "multi_tools", "calculator", "no_tool")


def pairs_of(name: str, count: int = EACH) -> list[Pair]:
    return [generated_pair(task_named(name), Random(seed), {}) for seed in range(count)]


def test_five_tasks_have_an_infinite_stream() -> None:
    assert {name for name, task in all_tasks().items() if task.generate} == set(GENERATED)


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_pair_depends_on_its_random_source_alone(name: str) -> None:
    assert pairs_of(name) == pairs_of(name)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pairs_differ_and_so_do_their_answers(name: str) -> None:
    pairs = pairs_of(name)
    assert all(pair.chosen.answer != pair.rejected.answer for pair in pairs)
    assert len({(pair.question, pair.chosen.answer) for pair in pairs}) > 0.8 * EACH


@pytest.mark.parametrize("name", ["calendar", "calculator"])
def test_each_observation_is_what_the_live_tool_says(name: str) -> None:
    with default_toolbox(settings=Settings({})) as toolbox:
        for pair in pairs_of(name):
            for case, side in ((pair.chosen_case, pair.chosen), (pair.rejected_case, pair.rejected)):
                assert side.trace is not None
                for step in side.trace.steps:
                    assert step.action is not None
                    if step.action.tool != "Calendar.today":  # each question has a today of its own
                        assert toolbox.call(step.action, case) == step.observation


@pytest.mark.parametrize("name", ["calendar", "weather", "multi_tools", "calculator"])
def test_the_agents_find_the_right_answer_right_and_the_wrong_one_wrong(name: str) -> None:
    task = task_named(name)
    for pair in pairs_of(name):
        for case, side, stance in ((pair.chosen_case, pair.chosen, "agrees"), (pair.rejected_case, pair.rejected, "disagrees")):
            assert side.trace is not None
            call = side.trace.steps[-1].action
            assert call is not None
            is_sum = name == "calculator" and "<<" not in pair.chosen.answer
            facts = {"sum": call.argument} if is_sum else {}
            assert task.agents.evidence(View(case, name, facts), side.trace.steps).stance == stance


def test_the_weather_of_a_made_up_city_is_a_function_of_city_and_day() -> None:
    for pair in pairs_of("weather"):
        assert pair.chosen.trace is not None
        step = pair.chosen.trace.steps[-1]
        assert step.action is not None
        assert step.observation is not None
        city, _, day = step.action.argument.rpartition(", ")
        made_up.cache_clear()
        assert step.observation.text == written_weather(made_up(city, date.fromisoformat(day)))


def test_wrong_answers_are_of_kinds_that_published_rows_have() -> None:
    weather = [pair.rejected.answer for pair in pairs_of("weather", 400)]
    assert any("['" in answer for answer in weather)
    assert not all("['" in answer for answer in weather)
    assert any(MISSPELT in pair.rejected.answer for pair in pairs_of("calendar", 400))


def test_most_stories_and_some_plain_sums_are_generated() -> None:
    stories = sum("<<" in pair.chosen.answer for pair in pairs_of("calculator", 200))
    assert 120 < stories < 180


def test_every_fault_of_a_story_is_one_that_the_calculator_finds() -> None:
    task, kinds = task_named("calculator"), set()
    for seed in range(200):
        rng = Random(seed)
        draft, observe = faulted(rng, *marks.story(rng))
        pair = pair_of(draft, task, observe, rng, draft.rejected)
        if pair is not None:
            assert check_answer(pair.chosen.answer) == CORRECT
            assert check_answer(pair.rejected.answer) != CORRECT
            kinds.add(check_answer(pair.rejected.answer)[:38])
    assert len(kinds) >= 3


def test_templates_that_are_handed_in_take_the_place_of_a_task_s_own() -> None:
    wordings = {"weather": (("{attribute}, {city}, {day}!",), ("So it is: {value}",))}
    for seed in range(EACH):
        pair = generated_pair(task_named("weather"), Random(seed), wordings)
        assert pair.question.endswith("!")
        assert pair.chosen.answer.startswith("So it is: ")


@pytest.mark.parametrize("kind", WORDINGS)
def test_each_kind_of_question_has_at_least_twenty_wordings(kind: str) -> None:
    assert len(set(WORDINGS[kind][0])) >= 20


# --- any task at all ---------------------------------------------------------------------------------


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    del rng, observe
    return draft.rejected


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    del rng
    action = Action("echo", view.case.question_text)
    return (Step("I ask.", action, observe(action, view.case)),)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    said = steps[-1].observation.text if steps[-1].observation else ""
    return Evidence("agrees" if view.case.answer == said else "disagrees", view.case.answer, said)


ECHO = Task("echo", ByRule(negatives, steps, evidence), ())
DRAFT = Draft("echo/1", "echo", "mine", "ping", "pong", ("pang",))


def says(text: str) -> Observe:
    return lambda action, case: Observation(text)


def test_a_pair_has_both_answers_judged() -> None:
    pair = pair_of(DRAFT, ECHO, says("pong"), Random(0))
    assert pair is not None
    assert (pair.id, pair.task, pair.chosen.answer, pair.rejected.answer) == ("echo/1", "echo", "pong", "pang")
    assert pair.chosen.trace is not None
    assert pair.chosen.trace.steps == (Step("I ask.", Action("echo", "ping"), Observation("pong")),)
    assert pair.rejected.trace is not None
    assert pair.rejected.trace.rationale != pair.chosen.trace.rationale


@pytest.mark.parametrize("said", ["pang", "pung"])
def test_no_pair_is_made_where_an_observation_speaks_against_a_label(said: str) -> None:
    assert pair_of(DRAFT, ECHO, says(said), Random(0)) is None


def test_wrong_answers_may_be_handed_in_and_without_any_there_is_no_pair() -> None:
    bare = Draft("echo/2", "echo", "mine", "ping", "pong")
    assert pair_of(bare, ECHO, says("pong"), Random(0)) is None
    pair = pair_of(bare, ECHO, says("pong"), Random(0), ["ping"])
    assert pair is not None
    assert pair.rejected.answer == "ping"


def test_a_right_answer_that_is_judged_already_keeps_its_judgement_and_lends_its_steps() -> None:
    judged = Side("pong", 1.0, Trace((Step("Earlier.", Action("echo", "hello"), Observation("pong")),), "As it was."))
    pair = pair_of(DRAFT, ECHO, says("nothing"), Random(0), chosen=judged)
    assert pair is not None
    assert pair.chosen == judged
    assert pair.rejected.trace is not None
    assert judged.trace is not None
    assert pair.rejected.trace.steps == judged.trace.steps


def test_where_no_tool_helps_nothing_is_settled_and_the_pair_is_made_all_the_same() -> None:
    pair = pair_of(Draft("n/1", "no_tool", "mine", "Say hello.", "Hello!", ("No.",)), task_named("no_tool"), says(""), Random(0))
    assert pair is not None
    assert pair.chosen_case == Case("Say hello.", "Hello!", id=pair.chosen_case.id)
