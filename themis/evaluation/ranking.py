"""The TARA table: of each pair, does the judge give the better answer the higher reward?

Reads `TASK/SPLIT.jsonl` below a folder. What tools a task needs is read off its published calls: a
task that needs a tool which the toolbox lacks is not run, and named as such. The averages cover the
tasks that were run and need a tool (of TARA: calculator, calendar, code, multi_tools, translator,
weather, webgpt, wikisearch); benches without one (hh_rlhf, retarded_bar) stand in the table only.

A pair is right when both rewards are there and the chosen answer's is strictly higher: a tie and a
missing reward are wrong. Knows nothing of models: the judge is handed in.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 4.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypedDict

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from themis.errors import DataError
from themis.evaluation.statistics import mean, share, wilson_interval
from themis.tools.calculator import calculator, steps_argument
from themis.traces import Action, Case, Pair, Side, Trace, Verdict
from themis.traces.tara import TaraFile, json_lines, read_tara

_PERIOD_AFTER_STEP = re.compile(r"(>>[^,]*\d)\.(?=,|$)")


class JudgeAll(Protocol):
    """Judges cases, and gives each verdict with its case's place in the input, in whatever order they are done."""

    def __call__(self, cases: Iterable[Case], /) -> Iterable[tuple[int, Verdict]]: ...


Progress = Callable[[str, int, int], None]
"""Told the task, and how many of its answers are judged of how many."""


class TaskResult(TypedDict):
    """One line of the table."""

    n: int
    correct: int
    accuracy: float
    ci95: tuple[float, float]
    unscored: int
    """Pairs that lack a reward; they count as wrong."""
    valid_calls: float | None
    """Share of the judgements that made exactly the published calls; None without published traces, or if nothing was written."""
    averaged: bool
    dropped: dict[str, int]
    """What the file held and no pair does, by reason; rows among it are not in `n`."""


class NotRun(TypedDict):
    """A task that is in no average."""

    task: str
    reason: str


class TaraResult(TypedDict):
    """The whole table; it is JSON as it stands."""

    model: str
    split: str
    tasks: dict[str, TaskResult]
    not_run: list[NotRun]
    micro: float | None
    """Right pairs of all pairs."""
    macro: float | None
    """Mean of the tasks' accuracies."""
    baselines: dict[str, dict[str, float | None]]
    """Per rule its accuracy on each task, and `micro` and `macro`."""


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """A pair and what a judge made of both answers."""

    pair: Pair
    chosen: Verdict
    rejected: Verdict

    @property
    def scored(self) -> bool:
        return self.chosen.reward is not None and self.rejected.reward is not None

    @property
    def correct(self) -> bool:
        return self.chosen.reward is not None and self.rejected.reward is not None and self.chosen.reward > self.rejected.reward


def evaluate_tara(
    folder: str | Path,
    split: str,
    model: str,
    judge_all: JudgeAll,
    tools: Collection[str],
    progress: Progress = lambda task, done, total: None,
    only: Collection[str] | None = None,
) -> TaraResult:
    """Judge every pair of a split, or of `only` some tasks, with a judge that has `tools`. Files are read before anything is judged."""
    files, not_run = read_tasks(folder, split, tools, only)
    tasks = {task: task_result(judge_pairs(task, file.pairs, judge_all, progress), file.reasons) for task, file in files.items()}
    micro, macro = _averages({task: (row["correct"], row["n"]) for task, row in tasks.items() if row["averaged"]})
    pairs = {task: file.pairs for task, file in files.items()}
    baselines = {"longer": _length_baseline(pairs, longer=True), "shorter": _length_baseline(pairs, longer=False)}
    return TaraResult(model=model, split=split, tasks=tasks, not_run=not_run, micro=micro, macro=macro, baselines=baselines)


def read_tasks(
    folder: str | Path, split: str, tools: Collection[str], only: Collection[str] | None = None
) -> tuple[dict[str, TaraFile], list[NotRun]]:
    """The tasks that `tools` suffice for, and the others with the reason why not; raises `DataError` where there is none."""
    paths = sorted(Path(folder).glob(f"*/{split}.jsonl"))
    if not paths:
        raise DataError(f"{folder} holds no TASK/{split}.jsonl")
    if only is not None:
        there = [path.parent.name for path in paths]
        for task in only:
            if task not in there:
                raise DataError(f"{folder} holds no task '{task}' with a {split}.jsonl; it has {', '.join(there)}")
        paths = [path for path in paths if path.parent.name in only]
    files: dict[str, TaraFile] = {}
    not_run: list[NotRun] = []
    for path in paths:
        file = read_tara(path) if _holds_pairs(path) else TaraFile(())
        missing = sorted(needed_tools(file.pairs) - set(tools))
        if missing:
            not_run.append(NotRun(task=path.parent.name, reason=f"the toolbox lacks {', '.join(missing)}"))
        elif not file.pairs:
            not_run.append(NotRun(task=path.parent.name, reason="it holds no pairs of answers"))
        else:
            files[path.parent.name] = file
    return files, not_run


def needed_tools(pairs: Iterable[Pair]) -> frozenset[str]:
    """The tools that the published traces call."""
    return frozenset(
        action.tool for pair in pairs for side in (pair.chosen, pair.rejected) for action in _calls(side.trace) if action is not None
    )


def judge_pairs(task: str, pairs: Collection[Pair], judge_all: JudgeAll, progress: Progress) -> list[JudgedPair]:
    """Judge both answers of each pair, each by itself."""
    total = 2 * len(pairs)
    cases = (case for pair in pairs for case in (pair.chosen_case, pair.rejected_case))
    verdicts: dict[int, Verdict] = {}
    progress(task, 0, total)
    for place, verdict in judge_all(cases):
        verdicts[place] = verdict
        progress(task, len(verdicts), total)
    return [JudgedPair(pair, verdicts[2 * at], verdicts[2 * at + 1]) for at, pair in enumerate(pairs)]


def task_result(judged: list[JudgedPair], dropped: Mapping[str, int]) -> TaskResult:
    """One line of the table; `judged` is not empty."""
    correct = sum(entry.correct for entry in judged)
    return TaskResult(
        n=len(judged),
        correct=correct,
        accuracy=correct / len(judged),
        ci95=wilson_interval(correct, len(judged)),
        unscored=sum(not entry.scored for entry in judged),
        valid_calls=_valid_calls(judged),
        averaged=bool(needed_tools(entry.pair for entry in judged)),
        dropped=dict(dropped),
    )


def makes_published_calls(side: Side, trace: Trace) -> bool:
    """Does a trace make exactly the published calls: same tools, same order, same arguments, nothing malformed?

    White space may differ. The calculator's right argument is the list of the answer's own marked steps, too,
    which two rows of the published dev file deviate from.
    """
    published, made = _calls(side.trace), _calls(trace)
    return len(published) == len(made) and all(
        ours is not None and theirs is not None and _same_call(ours, theirs, side.answer)
        for ours, theirs in zip(made, published, strict=True)
    )


def render_table(result: TaraResult) -> Table:
    """The table for a terminal of 80 columns: accuracies in percent, with their 95 % intervals; below it, what was not run."""
    title = escape(f"TARA {result['split']}, {result['model']}")
    table = Table(title=title, caption=_caption(result), caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for heading in ("task", "n", "accuracy", "no reward", "valid calls", "longer", "shorter"):
        table.add_column(heading, justify="left" if heading == "task" else "right", no_wrap=heading in ("task", "accuracy"))
    longer, shorter = result["baselines"]["longer"], result["baselines"]["shorter"]
    for task, row in sorted(result["tasks"].items(), key=lambda entry: not entry[1]["averaged"]):
        low, high = row["ci95"]
        name = task if row["averaged"] else f"{task} *"
        accuracy = f"{_percent(row['accuracy'])} ({_percent(low)}-{_percent(high)})"
        counts = (str(row["n"]), accuracy, str(row["unscored"]), _percent(row["valid_calls"]))
        table.add_row(escape(name), *counts, _percent(longer[task]), _percent(shorter[task]))
    table.add_section()
    for name, average in (("micro", result["micro"]), ("macro", result["macro"])):
        table.add_row(name, "", _percent(average), "", "", _percent(longer[name]), _percent(shorter[name]))
    return table


def _caption(result: TaraResult) -> str:
    lines = ["accuracy in % (95 % interval)"]
    if not all(row["averaged"] for row in result["tasks"].values()):
        lines.append("* needs no tool, is in no average")
    return escape("\n".join(lines + [f"not run: {entry['task']}, {entry['reason']}" for entry in result["not_run"]]))


def _holds_pairs(path: Path) -> bool:
    """Other benches may lie beside TARA's. What is no object at all is not another bench but a broken file."""
    first = next(json_lines(path), None)
    return first is not None and not (isinstance(first[1], dict) and {"pos_answer", "neg_answer"}.isdisjoint(first[1]))


def _calls(trace: Trace | None) -> list[Action | None]:
    """The calls of a trace in order; None for one that was malformed, which an observation answered nevertheless."""
    return [step.action for step in trace.steps if step.action or step.observation] if trace else []


def _same_call(ours: Action, theirs: Action, answer: str) -> bool:
    if ours.tool != theirs.tool:
        return False
    if ours.tool != calculator.name:
        return _spaced(ours.argument) == _spaced(theirs.argument)
    return _steps(ours.argument) in (_steps(theirs.argument), _steps(steps_argument(answer)))


def _spaced(argument: str) -> str:
    return " ".join(argument.split())


def _steps(argument: str) -> str:
    """A step at the end of a sentence was published with the sentence's period."""
    return _PERIOD_AFTER_STEP.sub(r"\1", _spaced(argument))


def _valid_calls(judged: list[JudgedPair]) -> float | None:
    sides = [(side, verdict) for entry in judged for side, verdict in _sides(entry) if side.trace is not None]
    if not any(verdict.usage.new_tokens for _, verdict in sides):
        return None
    return share(sum(makes_published_calls(side, verdict.trace) for side, verdict in sides), len(sides))


def _sides(entry: JudgedPair) -> tuple[tuple[Side, Verdict], tuple[Side, Verdict]]:
    return (entry.pair.chosen, entry.chosen), (entry.pair.rejected, entry.rejected)


def _length_baseline(tasks: dict[str, tuple[Pair, ...]], *, longer: bool) -> dict[str, float | None]:
    """What one gets by looking at lengths alone. Answers of equal length are a coin's toss, half a pair."""
    right = {task: sum(_length_point(pair, longer=longer) for pair in pairs) for task, pairs in tasks.items()}
    micro, macro = _averages({task: (right[task], len(pairs)) for task, pairs in tasks.items() if needed_tools(pairs)})
    return {task: share(right[task], len(pairs)) for task, pairs in tasks.items()} | {"micro": micro, "macro": macro}


def _length_point(pair: Pair, *, longer: bool) -> float:
    chosen, rejected = len(pair.chosen.answer), len(pair.rejected.answer)
    return 0.5 if chosen == rejected else float((chosen > rejected) == longer)


def _averages(counts: dict[str, tuple[float, int]]) -> tuple[float | None, float | None]:
    """Micro and macro accuracy of right pairs and pairs per task."""
    micro = share(sum(right for right, _ in counts.values()), sum(n for _, n in counts.values()))
    return micro, mean([right / n for right, n in counts.values()])


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
