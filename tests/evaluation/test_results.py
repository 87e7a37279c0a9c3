"""All figures of a run, on numbers small enough to check by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.evaluation.conftest import LOOK, NumberJudge, item, judged
from themis.evaluation.costs import cost_of
from themis.evaluation.draws import coverage, draws_of, sureness
from themis.evaluation.results import MISTAKES, About, Result, Subset, result_of
from themis.evaluation.statistics import paired_bootstrap, wilson_interval
from themis.evaluation.tables import render
from themis.evaluation.truthfulqa import CHANCE
from themis.traces import Action, Observation, Side, Step, Trace, Usage, Verdict
from themis.traces.trace import calls_of

SURE = [item(str(at), [2], [1]) for at in range(4)]
MIXED = [item("a", [2], [1]), item("b", [1], [5]), item("c", ["?"], [1]), item("b", [1], [2])]


def result() -> Result:
    subsets = {"weather": Subset(tuple(SURE)), "translator": Subset(tuple(MIXED)), "hh": Subset(tuple(SURE[:1]), averaged=False)}
    judged_by_us = {name: judged(*subset.items) for name, subset in subsets.items()}
    rival = {name: judged(*subset.items, judges=[NumberJudge()]) for name, subset in subsets.items()}
    rival["weather"] = judged(*[item(str(at), [1], [2]) for at in range(4)])
    return result_of(About("tara", "m", "dev", against="v"), subsets, judged_by_us, rival)


def test_every_figure_has_its_n_and_its_interval() -> None:
    averages = result()["averages"]
    assert list(averages) == ["micro", "macro", "micro without translator"]
    assert (averages["micro"]["n"], averages["micro"]["accuracy"], averages["micro"]["ci95"]) == (8, 5 / 8, wilson_interval(5, 8))
    assert (averages["macro"]["n"], averages["macro"]["accuracy"]) == (8, (1 + 0.25) / 2)
    without = averages["micro without translator"]
    assert (without["n"], without["accuracy"], without["ci95"]) == (4, 1.0, wilson_interval(4, 4))


def test_another_model_stands_beside_with_the_paired_difference() -> None:
    micro = result()["averages"]["micro"]["rivals"]["against"]
    assert (micro["accuracy"], micro["difference"]) == (1 / 8, 4 / 8)
    assert micro["difference_ci95"] == paired_bootstrap([[1.0] * 4 + [0.0] * 4])
    of_task = result()["tasks"]["translator"]["rivals"]["against"]
    assert (of_task["accuracy"], of_task["difference"], of_task["difference_ci95"]) == (0.25, 0.0, (0.0, 0.0))
    assert set(result()["tasks"]["weather"]["rivals"]) == {"longer", "shorter", "against"}


def test_mistakes_are_listed_by_how_wrong_they_are_and_those_without_reward_last() -> None:
    mistakes = result()["mistakes"]
    assert [(entry["id"], entry["margin"]) for entry in mistakes] == [("b", -4), ("b", -1), ("c", None)]
    assert mistakes[0]["rejected"]["answer"] == "5"
    assert mistakes[0]["chosen"]["verdict"]["trace"]["steps"][0]["action"]["tool"] == "Calendar.week_day"
    many = judged(*[item(str(at), [1], [2]) for at in range(30)])
    assert len(result_of(About("b", "m"), {"x": Subset(())}, {"x": many})["mistakes"]) == MISTAKES


def test_items_can_be_compared_between_runs_though_ids_come_twice() -> None:
    assert result()["items"]["translator"] == {"a": (1, 1), "b": (0, -4), "c": (0, None), "b#2": (0, -1)}
    assert json.loads(json.dumps(result()))["items"]["hh"] == {"0": [1, 1]}


def test_items_that_an_empty_answer_decides_are_counted_apart_and_said(tmp_path: Path) -> None:
    """Won, lost, lost, lost for another reason, won by the judge."""
    items = (item("a", [1], [""]), item("b", [""], [1]), item("c", [""], [""]), item("d", ["?"], [""]), item("e", [2], [1]))
    entries = {"webgpt": judged(*items), "code": judged(*SURE)}
    whole = result_of(About("tara", "m"), {"webgpt": Subset(items), "code": Subset(tuple(SURE))}, entries)
    row = whole["tasks"]["webgpt"]
    assert (row["n"], row["correct"], row["empty"], row["unscored"]) == (5, 2, 3, 1)
    assert (whole["tasks"]["code"]["empty"], whole["calibration"] and whole["calibration"]["n"]) == (0, 5)
    assert whole["items"]["webgpt"] == {"a": (1, None), "b": (0, None), "c": (0, None), "d": (0, None), "e": (1, 1)}
    assert json.loads(json.dumps(whole, allow_nan=False))
    console = Console(width=80, record=True, file=(tmp_path / "screen").open("w"))
    console.print(render(whole))
    assert "decided by an empty answer, which counts as below every reward: 3 in webgpt" in " ".join(
        console.export_text(clear=False).split()
    )
    assert "rewards that are missing or degraded: budget 1, empty_answer 5" in " ".join(console.export_text().split())


def test_a_cost_counts_calls_by_what_came_back() -> None:
    steps = (
        Step("t", Action("a", "x"), Observation("y")),
        Step("t", Action("a", "x"), Observation("no", "error")),
        Step("t", Action("b", "x"), Observation("late", "timeout")),
        Step("not a call", None, Observation("malformed", "error")),
        Step("done"),
    )
    cost = cost_of([Verdict("1", 1.0, "tool_unavailable", Trace(steps), Usage(4, 10, 6, 2.0)), Verdict("2", None, "budget")])
    assert cost is not None
    assert cost["tools"] == {"a": {"calls": 2, "ok": 1, "error": 1, "failed": 0}, "b": {"calls": 1, "ok": 0, "error": 0, "failed": 1}}
    assert (cost["malformed"], cost["calls"], cost["valid"], cost["answered"], cost["with_call"]) == (1, 2.0, 0.5, 0.25, 0.5)
    assert (cost["read_tokens"], cost["new_tokens"], cost["seconds"], cost["seconds_p95"]) == (5, 3, 1.0, 2.0)
    assert cost["reasons"] == {"budget": 1, "tool_unavailable": 1}
    assert cost_of([]) is None


def test_a_call_whose_argument_was_refused_is_not_valid_though_the_tool_read_the_case() -> None:
    read = Observation("y", origin="read_from_case")
    verdict = Verdict("1", 1.0, None, Trace((Step("t", Action("a", "x"), read),)), Usage(1))
    assert calls_of(verdict) == (1, 0)
    cost = cost_of([verdict])
    assert cost is not None
    assert (cost["valid"], cost["answered"], cost["tools"]["a"]["error"]) == (0.0, 0.0, 1)


def test_leaving_out_the_doubtful_leaves_the_sure() -> None:
    """Right at large margins, wrong at small ones; the item without a reward goes first."""
    entries = judged(
        *[item(str(at), [at], [0]) for at in (9, 8, 7, 6)], *[item(str(at), [0], [at]) for at in (1, 2, 3, 4, 5)], item("?", ["?"], [1])
    )
    curve = coverage(entries)
    assert [entry["n"] for entry in curve] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert (curve[0]["accuracy"], curve[1]["accuracy"], curve[6]["accuracy"]) == (0.4, 4 / 9, 1.0)
    assert curve[6]["ci95"] == wilson_interval(4, 4)
    assert coverage([]) == []


def test_sureness_is_counted_in_deviations_where_there_are_draws() -> None:
    steady, wide = [NumberJudge(0), NumberJudge(0)], [NumberJudge(-4), NumberJudge(4)]
    near = judged(item("near", [2], [1]), judges=steady)
    far = judged(item("far", [5], [1]), judges=wide)
    assert sureness(near[0]) > sureness(far[0])


def test_draws_are_told_apart() -> None:
    entries = judged(item("a", [3], [1]), item("b", ["?"], [1]), judges=[NumberJudge(0), NumberJudge(2)])
    found = draws_of(entries)
    assert found is not None
    assert (found["samples"], found["accuracy_each"], found["accuracy_deviation"]) == (2, [0.5, 0.5], 0)
    assert found["reward_deviation"] == pytest.approx((3 * 2.0 / 4) ** 0.5)
    assert draws_of(judged(item("a", [3], [1]))) is None


def test_one_task_is_said_once_and_the_chance_level_is_no_official_score(tmp_path: Path) -> None:
    """Right as often as wrong, by the same margin: no temperature is hot enough."""
    items = (item("a", [2], [1]), item("b", [1], [2]), item("c", [2], [1]), item("d", [1], [2]))
    for bench, official in (("truthfulqa", {CHANCE: 0.25}), ("rb", {"score": 0.5})):
        found = result_of(About(bench, "m"), {"x": Subset(items)}, {"x": judged(*items)}, official=official)
        console = Console(width=80, record=True, file=(tmp_path / "screen").open("w"))
        console.print(render(found))
        said = " ".join(console.export_text().split())
        assert "micro" not in said
        assert ("chance level: 25.0 %" if bench == "truthfulqa" else "score, as the bench's authors count: 50.0 %") in said
        assert "(all: no temperature fits, the rewards are at chance level)" in said


def test_all_columns_fit_in_80_letters_even_with_another_model(tmp_path: Path) -> None:
    subsets = {name: Subset(tuple(SURE)) for name in ("calculator", "multi_tools", "code, without tests")}
    entries = {name: judged(*SURE) for name in subsets}
    entries["calculator"] = [
        replace(entry, item=replace(entry.item, published=(Side("2", 1, LOOK), Side("1", 0, LOOK)))) for entry in judged(*SURE)
    ]
    whole = result_of(About("tara", "nano", "dev", against="runs/vanilla"), subsets, entries, entries)
    console = Console(width=80, record=True, file=(tmp_path / "screen").open("w"))
    console.print(render(whole))
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert "calculator 4 100.0 (51.0-100.0) 0 100.0 50.0 50.0 100.0" in lines
    assert "macro 12 100.0 (71.7-100.0) 50.0 50.0 100.0" in lines
    assert "+0.0 points (+0.0 to +0.0) against runs/vanilla" in lines
    assert "a judgement: 1.00 calls (100.0 % valid, 100.0 % answered), 30 tokens read and 20 written, 0.50 s" in " ".join(lines)
