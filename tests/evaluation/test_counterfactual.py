"""Flips are counted by hand; a pair's observations come back whatever the argument of a call."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from themis.builder.counterfactual.rows import Counterfactual, World
from themis.evaluation.counterfactual import CounterfactualTools, cache_key, cases_of, evaluate_counterfactual, render_flips
from themis.evaluation.statistics import wilson_interval
from themis.evaluation.verdict_cache import VerdictCache
from themis.tools.calendar import week_day
from themis.tools.toolbox import Toolbox
from themis.traces import Action, Case, Judge, Observation, Step, Trace, Verdict

SUNNY, WET = World((("history_weather", "Sunny"), ("history_weather", "Hot"))), World((("history_weather", "Wet"),))
LOOKED = Trace((Step("t", Action("history_weather", "Rome, 2004-01-01"), Observation("Sunny")),))


def pair(number: int, task: str = "weather") -> Counterfactual:
    return Counterfactual(task, Case("How is it?", "Sunny.", id=f"c/{number}"), SUNNY, WET)


class FakeJudge(Judge):
    """Gives each case the reward that the test asks for, in reverse order."""

    def __init__(self, reward: Callable[[Case], float | None], trace: Trace = LOOKED) -> None:
        self.reward, self.trace = reward, trace
        self.judged: list[str] = []

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in reversed(list(enumerate(cases))):
            reward = self.reward(case)
            self.judged.append(case.id)
            yield place, Verdict(case.id, reward, None if reward is not None else "budget", self.trace)


def test_a_flip_is_a_higher_reward_with_the_observations_that_support_the_answer() -> None:
    rewards: dict[str, float | None] = {"c/0/right": 1.0, "c/0/wrong": -1.0, "c/1/right": -1.0, "c/1/wrong": 1.0}
    rewards |= {"c/2/right": 0.5, "c/2/wrong": 0.5 - 1e-6, "c/3/right": 1.0, "c/3/wrong": None}
    result = evaluate_counterfactual([pair(number) for number in range(4)], "m", "f", FakeJudge(lambda case: rewards[case.id]))
    found = result["tasks"]["weather"]
    assert (found["n"], found["flips"], found["share"], found["ties"], found["unscored"]) == (4, 1, 0.25, 1, 1)
    assert found["ci95"] == wilson_interval(1, 4)
    assert found["observed"] == 1.0


def test_a_second_run_judges_only_what_is_missing_and_tells_the_sides_of_a_pair_apart(tmp_path: Path) -> None:
    """All pairs have the same question and answer. Only the wrong side was judged when the first run was killed."""
    dry = World((("history_weather", "Dry"),))
    pairs = [pair(0), replace(pair(1), right=dry), replace(pair(2), wrong=World((("history_weather", "Foggy"),)))]

    def run(judge: FakeJudge) -> float:
        with VerdictCache(tmp_path / "v.jsonl", {"model": "m"}) as cache:
            cached = cache.cached(judge, key=cache_key(pairs))
            return evaluate_counterfactual(pairs, "m", "f", cached)["tasks"]["weather"]["share"]

    first, second = (FakeJudge(lambda case: float(case.id.endswith("right"))) for _ in range(2))
    share = run(first)
    lines = (tmp_path / "v.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if "/right" not in line]
    (tmp_path / "v.jsonl").write_text("".join(kept) + lines[-1][:30])
    assert (run(second), share) == (1.0, 1.0)
    assert sorted(first.judged) == sorted(f"c/{number}/{side}" for number in range(3) for side in ("right", "wrong"))
    assert sorted(second.judged) == ["c/0/right", "c/1/right", "c/2/right"]


def test_tasks_are_counted_apart_and_a_judge_that_makes_no_call_has_observed_nothing() -> None:
    judge = FakeJudge(lambda case: float(case.id.endswith("right")), Trace((Step("I know it."),)))
    result = evaluate_counterfactual([pair(0), pair(1, "calendar"), pair(2, "calendar")], "m", "f", judge)
    assert {task: (found["n"], found["flips"], found["observed"]) for task, found in result["tasks"].items()} == {
        "weather": (1, 1, 0.0),
        "calendar": (2, 2, 0.0),
    }


def test_the_table_says_what_a_weak_task_may_mean() -> None:
    result = evaluate_counterfactual([pair(0)], "m", "f", FakeJudge(lambda case: 0.0))
    console = Console(width=80, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(render_flips(result))
    assert "0.0 (0.0-79.3)" in capture.get()
    assert "not trained on" in " ".join(capture.get().split())


Ask = Callable[[Action, Case], Observation]


@pytest.fixture
def boxes() -> Iterator[tuple[Ask, Case, Case]]:
    with Toolbox([week_day]) as real:
        tools = CounterfactualTools([pair(0)], real)
        right, wrong = cases_of(pair(0))
        yield lambda action, case: tools.submit(action, case).result(), right, wrong


@pytest.mark.parametrize("argument", ["Rome, 2004-01-01", '{"city": "Rome", "day": "2004-01-01"}', "the weather, please", ""])
def test_a_pair_s_observations_come_back_whatever_the_argument(argument: str, boxes: tuple[Ask, Case, Case]) -> None:
    ask, right, wrong = boxes
    assert ask(Action("history_weather", argument), right).text == "Sunny"
    assert ask(Action("history_weather", argument), wrong).text == "Wet"


def test_the_second_call_gets_the_second_observation_and_the_last_one_stays(boxes: tuple[Ask, Case, Case]) -> None:
    ask, right, wrong = boxes
    call = Action("history_weather", "Rome, 2004-01-01")
    assert [ask(call, right).text for _ in range(3)] == ["Sunny", "Hot", "Hot"]
    assert [ask(call, wrong).text for _ in range(3)] == ["Wet", "Wet", "Wet"]


def test_a_tool_of_which_a_pair_says_nothing_answers_as_usual(boxes: tuple[Ask, Case, Case]) -> None:
    ask, right, _ = boxes
    assert ask(Action("Calendar.week_day", "2015-03-24"), right) == Observation("Tuesday")
    failed = ask(Action("Calendar.week_day", "some day"), right)
    assert failed.status == "error"
    assert "date" in failed.text


def test_each_side_gives_its_tests_to_its_case() -> None:
    entry = Counterfactual("code", Case("q", "a", id="c"), World(tests=("assert f(1) == 1",)), World(tests=("assert f(1) == 2",)))
    assert [case.tests for case in cases_of(entry)] == [("assert f(1) == 1",), ("assert f(1) == 2",)]
