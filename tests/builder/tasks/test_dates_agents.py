"""Dates and weather: wrong answers with real other values, calls in order, and values compared as what they are."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random

import pytest

from tests.builder.tasks.written import weather_folder
from themis.builder.draft import Draft, Observe, View
from themis.builder.tasks.dates import rules
from themis.builder.tasks.dates.weather import reported
from themis.builder.tasks.registry import task_named
from themis.builder.text.values import with_value
from themis.tools.calendar import day_difference, target_day, week_day
from themis.tools.toolbox import Toolbox
from themis.tools.weather.tool import weather_tool
from themis.traces import Action, Case, Observation

TASKS = ("calendar", "weather", "multi_tools")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weather_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def toolbox(root: Path) -> Iterator[Toolbox]:
    with rules.weather_store(root) as store, Toolbox([week_day, day_difference, target_day, weather_tool(store)]) as toolbox:
        yield toolbox


def observer(toolbox: Toolbox, draft: Draft) -> Observe:
    recorded = {(tool, argument): text for tool, argument, text in draft.recorded}

    def observe(action: Action, case: Case) -> Observation:
        text = recorded.get((action.tool, action.argument))
        return toolbox.call(action, case) if text is None else Observation(text)

    return observe


def drafts(task: str, root: Path, count: int = 120) -> Iterator[Draft]:
    source = next(source for source in rules.SOURCES if source.task == task)
    return source.read(root, 1, count)


@pytest.mark.parametrize("with_facts", [True, False], ids=["facts", "question alone"])
@pytest.mark.parametrize("task", TASKS)
def test_right_answers_agree_and_wrong_ones_disagree_also_blind(task: str, with_facts: bool, root: Path, toolbox: Toolbox) -> None:
    rule = task_named(task).agents
    judged = settled = 0
    for draft in drafts(task, root):
        observe = observer(toolbox, draft)
        for answer in (draft.chosen, *rule.negatives(draft, Random(draft.id), observe)):
            view = View(Case(draft.question, answer), task, draft.facts if with_facts else {})
            stance = rule.evidence(view, rule.steps(view, Random(0), observe)).stance
            assert stance in ("agrees" if answer == draft.chosen else "disagrees", "disagrees" if with_facts else "unsettled")
            judged, settled = judged + 1, settled + (stance != "unsettled")
            assert not (with_facts and answer == draft.chosen and stance != "agrees")
    assert settled > 0.85 * judged > 250


@pytest.mark.parametrize("task", TASKS)
def test_wrong_answers_differ_from_the_right_one_in_the_value_alone(task: str, root: Path, toolbox: Toolbox) -> None:
    rule = task_named(task).agents
    longer = shorter = 0
    for draft in drafts(task, root):
        for wrong in rule.negatives(draft, Random(draft.id), observer(toolbox, draft)):
            assert wrong != draft.chosen
            assert len(wrong.split()) - len(draft.chosen.split()) in (-2, -1, 0, 1, 2)
            longer, shorter = longer + (len(wrong) > len(draft.chosen)), shorter + (len(wrong) < len(draft.chosen))
    assert abs(longer - shorter) < 120


def test_counting_from_today_asks_for_today_first(toolbox: Toolbox) -> None:
    facts = {"kind": "week_day", "day": "today", "number": "10", "side": "after"}
    draft = Draft(
        "d",
        "calendar",
        "s",
        "Weekday 10 days from today?",
        "Friday",
        facts=facts,
        recorded=(("Calendar.today", "", "2024-05-07, a Tuesday"),),
    )
    view = View(Case(draft.question, draft.chosen), "calendar", facts)
    steps = task_named("calendar").agents.steps(view, Random(0), observer(toolbox, draft))
    assert [(step.action.tool, step.action.argument) for step in steps if step.action] == [
        ("Calendar.today", ""),
        ("Calendar.target_day", "2024-05-07, 10"),
        ("Calendar.week_day", "2024-05-17"),
    ]
    assert task_named("calendar").agents.evidence(view, steps).stance == "agrees"


def test_a_call_that_fails_ends_the_steps_and_settles_nothing(toolbox: Toolbox) -> None:
    view = View(Case("Weather?", "It is 3.0(C)."), "weather", {"city": "Nowhere", "day": "2004-02-02", "attribute": "temperature"})
    steps = task_named("weather").agents.steps(view, Random(0), toolbox.call)
    assert steps[-1].observation
    assert steps[-1].observation.status == "error"
    assert task_named("weather").agents.evidence(view, steps).stance == "unsettled"


def test_a_question_that_names_no_date_gets_no_call(toolbox: Toolbox) -> None:
    for task in TASKS:
        view = View(Case("How are you?", "Fine."), task)
        assert [step.action for step in task_named(task).agents.steps(view, Random(0), toolbox.call)] == [None]


@pytest.mark.parametrize(
    ("answer", "stance"),
    [
        ("It is 7.0(C).", "agrees"),
        ("It is 7(C).", "agrees"),
        ("On 2004-01-07 it was 7.0 in Testham.", "agrees"),
        ("It is 7.0(F) there.", "agrees"),
        ("It is 7.5(C).", "disagrees"),
        ("It is 7.0(kph).", "disagrees"),
        ("Nobody knows.", "unsettled"),
    ],
)
def test_a_measure_is_compared_with_its_unit(answer: str, stance: str) -> None:
    observation = "The weather for Testham on 2004-01-07 is: \noverall weather: Fog; temperature: 7.0(C); humidity: 60.0."
    view = View(Case("Temperature?", answer), "weather", {"city": "Testham", "day": "2004-01-07", "attribute": "temperature"})
    steps = task_named("weather").agents.steps(view, Random(0), lambda action, case: Observation(observation))
    assert task_named("weather").agents.evidence(view, steps).stance == stance


@pytest.mark.parametrize(
    ("condition", "answer", "stance"),
    [
        ("Fog and rain", "It was Fog and rain.", "agrees"),
        ("Fog and rain", "It was Fog.", "disagrees"),
        ("Fog", "It was Fog and rain.", "disagrees"),
        ("Light rain", "['Light rain'] was the weather.", "agrees"),
        ("Light rain", "Light rain shower", "disagrees"),
        ("Rain and thunderstorm", "rain and thunderstorm", "agrees"),
    ],
)
def test_a_condition_is_taken_whole(condition: str, answer: str, stance: str) -> None:
    observation = f"The weather for Testham on 2004-01-07 is: \noverall weather: {condition}; temperature: 7.0(C)."
    view = View(Case("Overall weather?", answer), "weather", {"city": "Testham", "day": "2004-01-07", "attribute": "overall weather"})
    steps = task_named("weather").agents.steps(view, Random(0), lambda action, case: Observation(observation))
    assert task_named("weather").agents.evidence(view, steps).stance == stance


def test_a_report_is_read_by_its_first_unit() -> None:
    report = reported("The weather for A on 2004-01-07 is: \nwind speed: 8.0(kph), 5.0(mph); humidity: 60.0.")
    assert report == {"wind speed": "8.0(kph)", "humidity": "60.0"}


def test_a_value_is_put_in_place_of_another_and_of_nothing_else() -> None:
    assert with_value("From 2012-01-12 it is 12.", "12", "15") == "From 2012-01-12 it is 15."
    assert with_value("It is 112.", "12", "15") is None
    assert with_value("The 12 days later it was 12.0(C).", "12.0(C)", "9.5(C)") == "The 12 days later it was 9.5(C)."


def test_where_no_tool_helps_there_is_one_thought_and_nothing_is_settled() -> None:
    rule = task_named("no_tool").agents
    draft = Draft("d", "no_tool", "s", "Say hello.", "Hello!", ("Go away.",))
    view = View(Case(draft.question, draft.chosen), "no_tool")
    (step,) = rule.steps(view, Random(0), lambda action, case: Observation(f"{date.today()}"))
    assert (step.action, step.observation) == (None, None)
    assert rule.evidence(view, (step,)).stance == "unsettled"
    assert rule.negatives(draft, Random(0), lambda action, case: Observation("")) == ("Go away.",)
