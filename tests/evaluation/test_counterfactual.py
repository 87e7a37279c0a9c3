"""Flips are counted by hand; worlds answer whatever the wording of a call."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from themis.builder.counterfactual.rows import Counterfactual, World
from themis.evaluation.counterfactual import CounterfactualToolbox, cases_of, evaluate_counterfactual, render_flips, world_keys
from themis.evaluation.statistics import wilson_interval
from themis.evaluation.verdict_cache import KeptVerdicts
from themis.tools.calendar import week_day
from themis.tools.toolbox import Toolbox
from themis.traces import Action, Case, Observation, Step, Trace, Verdict

SUNNY, WET = World((("history_weather", "Sunny"), ("history_weather", "Hot"))), World((("history_weather", "Wet"),))
LOOKED = Trace((Step("t", Action("history_weather", "Rome, 2004-01-01"), Observation("Sunny")),))


def row(number: int, task: str = "weather") -> Counterfactual:
    return Counterfactual(task, Case("How is it?", "Sunny.", id=f"c/{number}"), SUNNY, WET)


class FakeJudge:
    """Gives each case the reward that it is told to, in an order of its own."""

    def __init__(self, reward: Callable[[Case], float | None], trace: Trace = LOOKED) -> None:
        self.reward, self.trace = reward, trace
        self.judged: list[str] = []

    def __call__(self, cases: Iterable[Case], /) -> Iterator[tuple[int, Verdict]]:
        for place, case in reversed(list(enumerate(cases))):
            reward = self.reward(case)
            self.judged.append(case.id)
            yield place, Verdict(case.id, reward, None if reward is not None else "budget", self.trace)


def test_a_flip_is_a_higher_reward_in_the_right_world() -> None:
    rewards: dict[str, float | None] = {"c/0/right": 1.0, "c/0/wrong": -1.0, "c/1/right": -1.0, "c/1/wrong": 1.0}
    rewards |= {"c/2/right": 0.5, "c/2/wrong": 0.5 - 1e-6, "c/3/right": 1.0, "c/3/wrong": None}
    result = evaluate_counterfactual([row(number) for number in range(4)], "m", "f", FakeJudge(lambda case: rewards[case.id]))
    found = result["tasks"]["weather"]
    assert (found["n"], found["flips"], found["share"], found["ties"], found["unscored"]) == (4, 1, 0.25, 1, 1)
    assert found["ci95"] == wilson_interval(1, 4)
    assert found["observed"] == 1.0


def test_a_second_run_judges_only_what_is_missing_and_tells_the_worlds_apart(tmp_path: Path) -> None:
    """All rows have the same question and answer: of the third only the wrong world was judged when the first run was killed."""
    dry = World((("history_weather", "Dry"),))
    rows = [row(0), replace(row(1), right=dry), replace(row(2), wrong=World((("history_weather", "Foggy"),)))]

    def run(judge: FakeJudge) -> float:
        with KeptVerdicts(tmp_path / "v.jsonl", {"model": "m"}) as kept:
            judge_all = kept.judge_all(judge, key=world_keys(rows))
            return evaluate_counterfactual(rows, "m", "f", judge_all)["tasks"]["weather"]["share"]

    first, second = (FakeJudge(lambda case: float(case.id.endswith("right"))) for _ in range(2))
    share = run(first)
    lines = (tmp_path / "v.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if "/right" not in line]
    (tmp_path / "v.jsonl").write_text("".join(kept) + lines[-1][:30])
    assert (run(second), share) == (1.0, 1.0)
    assert sorted(first.judged) == sorted(f"c/{number}/{world}" for number in range(3) for world in ("right", "wrong"))
    assert sorted(second.judged) == ["c/0/right", "c/1/right", "c/2/right"]


def test_tasks_are_counted_apart_and_a_judge_that_makes_no_call_has_observed_nothing() -> None:
    judge = FakeJudge(lambda case: float(case.id.endswith("right")), Trace((Step("I know it."),)))
    result = evaluate_counterfactual([row(0), row(1, "calendar"), row(2, "calendar")], "m", "f", judge)
    assert {task: (found["n"], found["flips"], found["observed"]) for task, found in result["tasks"].items()} == {
        "weather": (1, 1, 0.0),
        "calendar": (2, 2, 0.0),
    }


def test_the_table_says_what_a_weak_task_may_mean() -> None:
    result = evaluate_counterfactual([row(0)], "m", "f", FakeJudge(lambda case: 0.0))
    console = Console(width=80, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(render_flips(result))
    assert "0.0 (0.0-79.3)" in capture.get()
    assert "not trained on" in capture.get()


@pytest.fixture
def boxes() -> Iterator[tuple[Toolbox, Case, Case]]:
    with Toolbox([week_day]) as real, CounterfactualToolbox([row(0)], real) as toolbox:
        right, wrong = cases_of(row(0))
        yield toolbox, right, wrong


@pytest.mark.parametrize("argument", ["Rome, 2004-01-01", '{"city": "Rome", "day": "2004-01-01"}', "the weather, please", ""])
def test_a_world_answers_whatever_the_wording(argument: str, boxes: tuple[Toolbox, Case, Case]) -> None:
    toolbox, right, wrong = boxes
    assert toolbox.call(Action("history_weather", argument), right).text == "Sunny"
    assert toolbox.call(Action("history_weather", argument), wrong).text == "Wet"


def test_the_second_call_gets_the_second_observation_and_the_last_one_stays(boxes: tuple[Toolbox, Case, Case]) -> None:
    toolbox, right, wrong = boxes
    call = Action("history_weather", "Rome, 2004-01-01")
    assert [toolbox.call(call, right).text for _ in range(3)] == ["Sunny", "Hot", "Hot"]
    assert [toolbox.call(call, wrong).text for _ in range(3)] == ["Wet", "Wet", "Wet"]


def test_tools_that_no_world_speaks_of_answer_as_they_do(boxes: tuple[Toolbox, Case, Case]) -> None:
    toolbox, right, _ = boxes
    assert toolbox.call(Action("Calendar.week_day", "2015-03-24"), right) == Observation("Tuesday")
    failed = toolbox.call(Action("Calendar.week_day", "some day"), right)
    assert failed.status == "error"
    assert "date" in failed.text


def test_worlds_with_tests_give_them_to_the_case() -> None:
    entry = Counterfactual("code", Case("q", "a", id="c"), World(tests=("assert f(1) == 1",)), World(tests=("assert f(1) == 2",)))
    assert [case.tests for case in cases_of(entry)] == [("assert f(1) == 1",), ("assert f(1) == 2",)]


def test_a_tool_that_only_a_world_has_is_offered_with_its_own_schema() -> None:
    with Toolbox([week_day]) as real, CounterfactualToolbox([row(0)], real) as toolbox:
        assert toolbox.names == ("Calendar.week_day", "history_weather")
        assert [schema["function"]["name"] for schema in toolbox.schemas()] == ["Calendar.week_day", "history_weather"]
