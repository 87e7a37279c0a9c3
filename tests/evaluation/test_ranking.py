"""The TARA table, on numbers small enough to check by hand."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from themis.config import data_root
from themis.errors import DataError
from themis.evaluation.call_agreement import call_agreement, makes_published_calls, needed_tools
from themis.evaluation.items import JudgedItem, Opinion, item_of, judge_items
from themis.evaluation.ranking import Tests, tara_subsets
from themis.evaluation.results import About, Result, Subset, result_of, task_result
from themis.evaluation.statistics import wilson_interval
from themis.evaluation.tables import render_table
from themis.traces import Action, Case, Judge, Observation, Pair, Side, Step, Trace, Usage, Verdict
from themis.traces.tara import read_tara, write_tara

WROTE = Usage(new_tokens=9)
LOOK = Trace((Step("t", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday")),), "r")
SUM = Trace((Step("t", Action("calculator", "<<1+1=2>>2"), Observation("right")),), "r")
NO_TOOL = Trace((Step("Do I need to use a tool? No"),), "r")


class FakeJudge(Judge):
    """Gives each answer the reward and the trace that the test asks for, in reverse order."""

    def __init__(self, reward: Callable[[Case], float | None], trace: Trace = LOOK) -> None:
        self.reward, self.trace, self.judged = reward, trace, 0

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in reversed(list(enumerate(cases))):
            self.judged += 1
            reward = self.reward(case)
            yield place, Verdict(case.id, reward, None if reward is not None else "budget", self.trace, WROTE)


def pair(chosen: str, rejected: str, trace: Trace | None = LOOK) -> Pair:
    return Pair("1", "q", Side(chosen, 1.0, trace), Side(rejected, -1.0, trace))


def pairs(*answers: tuple[str, str], trace: Trace | None = LOOK) -> list[Pair]:
    return [pair(chosen, rejected, trace) for chosen, rejected in answers]


def number(case: Case) -> float | None:
    """The reward an answer such as '3' asks for; '?' gets none."""
    return None if case.answer == "?" else float(case.answer)


def judge_pairs(of: list[Pair], judge: FakeJudge) -> list[JudgedItem]:
    return judge_items("t", [item_of(pair) for pair in of], [judge], lambda *_: None)


def evaluate_tara(
    folder: Path, judge: Judge, tools: Collection[str], model: str = "fake", only: Collection[str] | None = None, tests: Tests = "both"
) -> Result:
    """Judge every pair of the dev split, or of `only` some tasks, with a judge that has `tools`."""
    subsets, not_run = tara_subsets(folder, "dev", tools, only, tests)
    judged = {name: judge_items(name, subset.items, [judge], lambda *_: None) for name, subset in subsets.items()}
    return result_of(About("tara", model, "dev", not_run=tuple(not_run)), subsets, judged)


def evaluate(folder: Path, judge: FakeJudge, *tools: str) -> Result:
    return evaluate_tara(folder, judge, tools)


def test_a_pair_is_right_only_if_the_chosen_reward_is_strictly_higher() -> None:
    judged = judge_pairs(pairs(("2", "1"), ("1", "2"), ("1", "1"), ("3", "-3")), FakeJudge(number))
    assert [entry.points for entry in judged] == [1, 0, 0, 1]


def test_a_missing_reward_is_wrong_and_counted() -> None:
    judged = judge_pairs(pairs(("2", "1"), ("2", "?"), ("?", "1"), ("?", "?")), FakeJudge(number))
    result = task_result(judged, Subset(()), {"judge": [entry.points for entry in judged]})
    assert (result["n"], result["correct"], result["unscored"], result["accuracy"]) == (4, 1, 3, 0.25)
    assert result["ci95"] == wilson_interval(1, 4)


def test_progress_is_told_for_each_answer() -> None:
    told: list[tuple[str, int, int]] = []
    judge_items("calendar", [item_of(pair("2", "1"))], [FakeJudge(number)], lambda *event: told.append(event))
    assert told == [("calendar", 0, 2), ("calendar", 1, 2), ("calendar", 2, 2)]


def test_micro_counts_pairs_and_macro_counts_tasks(tmp_path: Path) -> None:
    write_tara(pairs(("2", "1"), ("2", "1"), ("2", "1"), ("1", "2")), tmp_path / "calendar" / "dev.jsonl")
    write_tara(pairs(("1", "2"), trace=SUM), tmp_path / "calculator" / "dev.jsonl")
    result = evaluate(tmp_path, FakeJudge(number), "Calendar.week_day", "calculator")
    assert result["tasks"]["calendar"]["accuracy"] == 0.75
    assert result["tasks"]["calculator"]["accuracy"] == 0
    assert (result["micro"], result["macro"]) == (3 / 5, 0.375)
    assert (result["model"], result["split"], result["not_run"]) == ("fake", "dev", [])


def test_a_task_whose_tool_is_missing_is_not_run_and_in_no_average(tmp_path: Path) -> None:
    write_tara(pairs(("2", "1")), tmp_path / "calendar" / "dev.jsonl")
    write_tara(pairs(("1", "2"), trace=SUM), tmp_path / "calculator" / "dev.jsonl")
    judge = FakeJudge(number)
    result = evaluate(tmp_path, judge, "Calendar.week_day")
    assert result["not_run"] == [{"task": "calculator", "reason": "the toolbox lacks calculator"}]
    assert list(result["tasks"]) == ["calendar"]
    assert judge.judged == 2
    assert (result["micro"], result["macro"]) == (1.0, 1.0)
    assert set(result["baselines"]["longer"]) == {"calendar", "micro", "macro"}


@pytest.mark.parametrize(
    ("odd", "reason"), [("No", "call: names no tool but 'No'"), ("Serch", "row: calls 'Serch', an unknown tool or one that is off")]
)
def test_a_row_that_names_something_odd_costs_itself_at_most(tmp_path: Path, odd: str, reason: str) -> None:
    file = tmp_path / "calendar" / "dev.jsonl"
    write_tara([*pairs(("2", "1")), *pairs(("2", "1"), trace=Trace((Step("t", Action("ODD", "x"), Observation("o")),), "r"))], file)
    file.write_text(file.read_text().replace("ODD", odd))
    result = evaluate(tmp_path, FakeJudge(number), "Calendar.week_day")
    assert result["not_run"] == []
    assert (result["tasks"]["calendar"]["n"], result["tasks"]["calendar"]["dropped"]) == (
        (2, {reason: 2}) if odd == "No" else (1, {reason: 1})
    )


@pytest.mark.parametrize(
    ("callers", "tool", "is_run"),
    [(1, "google_serper", True), (3, "google_serper", False), (9, "google_serper", False), (3, "plug_in", True), (11, "plug_in", False)],
)
def test_a_task_is_not_run_only_where_its_own_tool_is_off(tmp_path: Path, callers: int, tool: str, is_run: bool) -> None:
    other = Trace((Step("t", Action(tool, "x"), Observation("o")),), "r")
    rows = pairs(*[("2", "1")] * (20 - callers)) + pairs(*[("2", "1")] * callers, trace=other)
    write_tara(rows, tmp_path / "calendar" / "dev.jsonl")
    result = evaluate(tmp_path, FakeJudge(number), "Calendar.week_day")
    assert ("calendar" in result["tasks"]) is is_run
    assert result["not_run"] == ([] if is_run else [{"task": "calendar", "reason": f"the toolbox lacks {tool}"}])


def test_a_bench_without_tools_is_run_but_in_no_average(tmp_path: Path) -> None:
    write_tara(pairs(("2", "1")), tmp_path / "calendar" / "dev.jsonl")
    write_tara(pairs(("1", "22"), trace=NO_TOOL), tmp_path / "hh_rlhf" / "dev.jsonl")
    write_tara(pairs(("1", "22"), trace=None), tmp_path / "retarded_bar" / "dev.jsonl")
    result = evaluate(tmp_path, FakeJudge(number), "Calendar.week_day")
    assert {task: row["averaged"] for task, row in result["tasks"].items()} == {"calendar": True, "hh_rlhf": False, "retarded_bar": False}
    assert (result["micro"], result["macro"]) == (1.0, 1.0)
    assert result["baselines"]["longer"] == {"calendar": 0.5, "hh_rlhf": 0.0, "retarded_bar": 0.0, "micro": 0.5, "macro": 0.5}


def test_where_nothing_is_run_there_is_no_average(tmp_path: Path) -> None:
    write_tara(pairs(("2", "1")), tmp_path / "calendar" / "dev.jsonl")
    result = evaluate(tmp_path, FakeJudge(number))
    assert (result["micro"], result["macro"], result["tasks"]) == (None, None, {})
    assert result["baselines"] == {"longer": {"micro": None, "macro": None}, "shorter": {"micro": None, "macro": None}}


def test_length_alone_is_the_baseline_and_equal_lengths_are_half_a_pair(tmp_path: Path) -> None:
    write_tara(pairs(("22", "1"), ("2", "11"), ("2", "11"), ("2", "1")), tmp_path / "calendar" / "dev.jsonl")
    write_tara(pairs(("22", "1"), trace=SUM), tmp_path / "calculator" / "dev.jsonl")
    baselines = evaluate(tmp_path, FakeJudge(number), "Calendar.week_day", "calculator")["baselines"]
    assert baselines["longer"] == {"calculator": 1.0, "calendar": 0.375, "micro": 2.5 / 5, "macro": 1.375 / 2}
    assert baselines["shorter"] == {"calculator": 0.0, "calendar": 0.625, "micro": 2.5 / 5, "macro": 0.625 / 2}


def test_other_benches_and_empty_files_are_named_and_skipped(tmp_path: Path) -> None:
    write_tara(pairs(("2", "1")), tmp_path / "calendar" / "dev.jsonl")
    write_tara([], tmp_path / "code" / "dev.jsonl")
    write_tara([], tmp_path / "truthful_qa" / "dev.jsonl")
    (tmp_path / "truthful_qa" / "dev.jsonl").write_text('{"question": "q", "answer": "a", "label": 1}\n')
    (tmp_path / "recordings").mkdir()
    result = evaluate(tmp_path, FakeJudge(number), "Calendar.week_day")
    assert [entry["task"] for entry in result["not_run"]] == ["code", "truthful_qa"]
    assert {entry["reason"] for entry in result["not_run"]} == {"it holds no pairs of answers"}


def test_pairs_with_tests_are_judged_a_second_time_without_them(tmp_path: Path) -> None:
    tested = replace(pair("2", "1", SUM), tests=("assert True",))
    write_tara([tested, pair("2", "1", SUM)], tmp_path / "calculator" / "dev.jsonl")

    def right_with_tests(case: Case) -> float:
        return float(case.answer) if case.tests else -float(case.answer)

    judge = FakeJudge(right_with_tests)
    result = evaluate(tmp_path, judge, "calculator")
    assert {task: (row["n"], row["correct"], row["averaged"]) for task, row in result["tasks"].items()} == {
        "calculator": (2, 1, True),
        "calculator, without tests": (1, 0, False),
    }
    assert result["micro"] == 0.5
    only_without = evaluate_tara(tmp_path, judge, {"calculator"}, tests="without")
    assert list(only_without["tasks"]) == ["calculator, without tests"]
    assert only_without["micro"] == 0.0
    only_with = evaluate_tara(tmp_path, judge, {"calculator"}, tests="with")
    assert list(only_with["tasks"]) == ["calculator"]


def test_a_broken_file_is_told_before_anything_is_judged(tmp_path: Path) -> None:
    write_tara(pairs(("2", "1")), tmp_path / "calendar" / "dev.jsonl")
    write_tara(pairs(("2", "1")), tmp_path / "weather" / "dev.jsonl")
    with (tmp_path / "weather" / "dev.jsonl").open("a") as file:
        file.write("{\n")
    judge = FakeJudge(number)
    with pytest.raises(DataError, match=r"weather/dev\.jsonl, line 2: not valid JSON"):
        evaluate(tmp_path, judge, "Calendar.week_day")
    assert judge.judged == 0


def test_only_the_tasks_that_were_asked_for_are_read_and_run(tmp_path: Path) -> None:
    write_tara(pairs(("2", "1")), tmp_path / "calendar" / "dev.jsonl")
    write_tara(pairs(("1", "2")), tmp_path / "weather" / "dev.jsonl")
    result = evaluate_tara(tmp_path, FakeJudge(number), {"Calendar.week_day"}, only=["calendar"])
    assert list(result["tasks"]) == ["calendar"]
    with pytest.raises(DataError, match=r"holds no task 'code' with a dev\.jsonl; it has calendar, weather"):
        evaluate_tara(tmp_path, FakeJudge(number), {"Calendar.week_day"}, only=["code"])


def test_a_folder_without_the_split_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no TASK/dev\.jsonl"):
        evaluate(tmp_path, FakeJudge(number))


def test_what_a_file_held_and_no_pair_does_is_counted(tmp_path: Path) -> None:
    write_tara(pairs(("2", "1")), tmp_path / "calendar" / "dev.jsonl")
    row = json.loads((tmp_path / "calendar" / "dev.jsonl").read_text())
    row["pos_answer"]["actions"] = "Thought: I was cut"
    with (tmp_path / "calendar" / "dev.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    result = evaluate(tmp_path, FakeJudge(number), "Calendar.week_day")["tasks"]["calendar"]
    assert result["n"] == 1
    assert result["dropped"] == {"row: the last thought neither acts nor says 'Finished.'": 1}


# --- calls -----------------------------------------------------------------------------------------


def calling(*calls: tuple[str, str]) -> Trace:
    """A trace of calls, with other words and other observations than the published one."""
    return Trace(tuple(Step("mine", Action(*call), Observation("?")) for call in calls))


MALFORMED = Trace((Step("Action: Calendar.week_day", None, Observation("malformed call", "error")), *LOOK.steps))


@pytest.mark.parametrize(
    ("published", "made", "same"),
    [
        (LOOK, calling(("Calendar.week_day", "2015-03-24")), True),
        (LOOK, calling(("Calendar.week_day", " 2015-03-24\n")), True),
        (LOOK, calling(("Calendar.week_day", "2015-03-25")), False),
        (LOOK, calling(("history_weather", "2015-03-24")), False),
        (LOOK, calling(("Calendar.week_day", "2015-03-24"), ("Calendar.week_day", "2015-03-24")), False),
        (LOOK, Trace((*LOOK.steps, Step("Do I need to use a tool? No"))), True),
        (LOOK, Trace(), False),
        (LOOK, MALFORMED, False),
        (NO_TOOL, NO_TOOL, True),
        (NO_TOOL, Trace(), True),
        (NO_TOOL, LOOK, False),
        (calling(("a", "x"), ("b", "y  z")), calling(("a", "x"), ("b", "y z")), True),
        (calling(("a", "x"), ("b", "y")), calling(("b", "y"), ("a", "x")), False),
    ],
    ids=range(13),
)
def test_calls_are_right_if_they_are_exactly_the_published_ones(published: Trace, made: Trace, same: bool) -> None:
    assert makes_published_calls(Side("answer", 1.0, published), made) is same


@pytest.mark.parametrize(
    ("published", "made", "same"),
    [
        ("<<1+1=2>>2., <<2+2=4>>4.", "<<1+1=2>>2, <<2+2=4>>4", True),
        ("<<1+1=2>>2, <<2+2=4>>4", "<<1+1=2>>2., <<2+2=4>>4.", True),
        ("<<1+1=2>>2, <<2+.5=2.5>>2.5", "<<1+1=2>>2,  <<2+.5=2.5>>2.5.", True),
        ("<<2+.5=2.5>>2.5", "<<2+.5=2.5>>25", False),
        ("<<1+1=2>>2, <<2+2=4>>4", "<<1+1=2>>2", False),
        ("", "", True),
    ],
)
def test_the_period_of_a_sentence_is_no_part_of_a_step(published: str, made: str, same: bool) -> None:
    assert makes_published_calls(Side("answer", 1.0, calling(("calculator", published))), calling(("calculator", made))) is same


def test_the_answers_own_steps_are_right_where_the_published_ones_are_others() -> None:
    side = Side("It is <<1+1=3>>3.\n#### 3", 1.0, calling(("calculator", "<<1+1=2>>2")))
    assert makes_published_calls(side, calling(("calculator", "<<1+1=3>>3")))
    assert makes_published_calls(side, calling(("calculator", "<<1+1=2>>2")))
    assert not makes_published_calls(side, calling(("calculator", "<<1+1=4>>4")))


def test_call_agreement_is_a_share_of_the_judgements_of_both_answers() -> None:
    other = replace(pair("2", "1"), rejected=Side("1", -1.0, SUM))
    judged = judge_pairs([pair("2", "1"), other], FakeJudge(number))
    assert call_agreement(judged) == 0.75


def test_an_answer_that_says_nothing_has_no_calls_to_be_right_or_wrong() -> None:
    judged = judge_pairs([pair("2", "1")], FakeJudge(number))
    empty = [replace(entry, rejected=(Opinion((Verdict("", None, "empty_answer"),)),)) for entry in judged]
    assert call_agreement(empty) == 1.0


def test_a_judge_that_writes_nothing_has_no_call_agreement() -> None:
    judged = judge_pairs([pair("2", "1")], FakeJudge(number))
    silent = [
        replace(entry, chosen=(Opinion((Verdict("", 2.0, None),)),), rejected=(Opinion((Verdict("", 1.0, None),)),)) for entry in judged
    ]
    assert call_agreement(silent) is None
    assert call_agreement(judge_pairs([pair("2", "1", None)], FakeJudge(number))) is None


# --- the table -------------------------------------------------------------------------------------


def test_the_table_shows_each_task_and_what_was_not_run(tmp_path: Path) -> None:
    write_tara(pairs(("22", "1"), ("1", "2")), tmp_path / "calendar" / "dev.jsonl")
    write_tara(pairs(("2", "1"), trace=None), tmp_path / "bench" / "dev.jsonl")
    write_tara(pairs(("2", "1"), trace=SUM), tmp_path / "calculator" / "dev.jsonl")
    console = Console(width=80, record=True, file=(tmp_path / "screen").open("w"))
    console.print(render_table(evaluate(tmp_path, FakeJudge(number), "Calendar.week_day")))
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert [line for line in lines if line and line[0] not in "\u2500\u2576"] == [
        "TARA dev, fake",
        "task n accuracy no reward call agreement longer shorter",
        "calendar 2 50.0 (9.5-90.5) 0 100.0 75.0 25.0",
        "bench * 1 100.0 (20.7-100.0) 0 - 50.0 50.0",
        "micro 2 50.0 (9.5-90.5) 75.0 25.0",
        "macro 2 50.0 (9.5-90.5) 75.0 25.0",
        "accuracy in % (95 % interval)",
        "* in no average: it needs no tool, or repeats another line without tests",
        "not run: calculator, the toolbox lacks calculator",
    ]


def test_the_result_is_json_as_it_stands(tmp_path: Path) -> None:
    write_tara(pairs(("2", "1")), tmp_path / "calendar" / "dev.jsonl")
    result = evaluate(tmp_path, FakeJudge(number), "Calendar.week_day")
    assert json.loads(json.dumps(result))["tasks"]["calendar"]["ci95"] == list(wilson_interval(1, 1))


# --- the published files ---------------------------------------------------------------------------


class Replaying(Judge):
    """Judges with the published trace and score of each answer; it knows them by the case's id."""

    def __init__(self, sides: dict[str, Side]) -> None:
        self.sides = sides

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in enumerate(cases):
            side = self.sides[case.id]
            yield place, Verdict(case.id, float(side.score), None, side.trace or Trace(), WROTE)


def test_the_published_traces_and_scores_are_all_right() -> None:
    root = data_root()
    if root is None or not (root / "tara").is_dir():
        pytest.skip("TARA is not here; THEMIS_DATA names the folder that holds it")
    paths = [path for path in sorted((root / "tara").glob("*/dev.jsonl")) if path.parent.name != "truthful_qa"]
    every = [entry for path in paths for entry in read_tara(path).pairs]
    sides = {case.id: side for entry in every for case, side in ((entry.chosen_case, entry.chosen), (entry.rejected_case, entry.rejected))}
    result = evaluate_tara(root / "tara", Replaying(sides), needed_tools(sides.values()), "published")
    assert [entry["task"] for entry in result["not_run"]] == ["truthful_qa"]
    assert sum(row["averaged"] for row in result["tasks"].values()) == 8
    assert all(row["accuracy"] == 1.0 and row["call_agreement"] in (1.0, None) for row in result["tasks"].values())
