"""The TARA table: in each pair, does the judge give the better answer the higher reward?

Reads `TASK/SPLIT.jsonl` below a folder. The published calls of a task say which tools it needs. A task whose tools the
toolbox lacks is not run, and the table says so. A pair that alone calls something else is left out and counted; one
that calls `No` or `None` calls nothing. The averages cover the tasks that were run and need a tool; hh_rlhf
and retarded_bar need none. Pairs with tests are judged once more without them, on a line of their own, as most cases
come without tests.

A pair is right when both rewards are there and the chosen answer's is strictly higher (`items`).
Knows nothing of models.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 4.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from themis.errors import DataError
from themis.evaluation.call_agreement import needed_tools
from themis.evaluation.items import Item, item_of
from themis.evaluation.results import NotRun, Subset
from themis.tools.setup.registry import TOOLS
from themis.traces import Pair, Verdict
from themis.traces.tara import Dropped, TaraFile, holds_pairs, read_tara

MOST_ODD, MOST_OFF = 0.5, 0.1
"""Up to which share of a task's pairs may call an unknown tool, or one of ours that is off, before the tool is the
task's own."""
WITHOUT_TESTS = "without tests"
Tests = Literal["both", "with", "without"]
"""Judge pairs with the tests of their rows, without them, or both ways on two lines."""


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """A pair with the verdicts of both answers."""

    pair: Pair
    chosen: Verdict
    rejected: Verdict

    @property
    def correct(self) -> bool:
        return self.chosen.reward is not None and self.rejected.reward is not None and self.chosen.reward > self.rejected.reward


def tara_subsets(
    folder: str | Path, split: str, tools: Collection[str], only: Collection[str] | None = None, tests: Tests = "both"
) -> tuple[dict[str, Subset], list[NotRun]]:
    """The tasks as subsets, and those that are not run."""
    files, not_run = read_tasks(folder, split, tools, only)
    subsets: dict[str, Subset] = {}
    for task, file in files.items():
        averaged = bool(_needed(file.pairs))
        if tests != "without":
            subsets[task] = Subset(tuple(map(item_of, file.pairs)), averaged, file.reasons)
        bare = tuple(without_tests(item_of(pair)) for pair in file.pairs if pair.tests)
        if bare and tests != "with":
            subsets[f"{task}, {WITHOUT_TESTS}"] = Subset(bare, averaged=tests == "without")
        elif tests == "without":
            subsets[task] = Subset(tuple(map(item_of, file.pairs)), averaged, file.reasons)
    return subsets, not_run


def without_tests(item: Item) -> Item:
    """The same answers without the row's tests."""
    chosen, rejected = (tuple(replace(case, tests=()) for case in side) for side in (item.chosen, item.rejected))
    return replace(item, chosen=chosen, rejected=rejected)


def read_tasks(
    folder: str | Path, split: str, tools: Collection[str], only: Collection[str] | None = None
) -> tuple[dict[str, TaraFile], list[NotRun]]:
    """The tasks for which `tools` suffice, and the others with the reason. Raises `DataError` without tasks."""
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
        file, missing = _without_odd_pairs(read_tara(path) if holds_pairs(path) else TaraFile(()), set(tools))
        if missing:
            not_run.append(NotRun(task=path.parent.name, reason=f"the toolbox lacks {', '.join(missing)}"))
        elif not file.pairs:
            why = f"no row is left: {', '.join(file.reasons)}" if file.reasons else "it holds no pairs of answers"
            not_run.append(NotRun(task=path.parent.name, reason=why))
        else:
            files[path.parent.name] = file
    return files, not_run


def _without_odd_pairs(file: TaraFile, tools: set[str]) -> tuple[TaraFile, list[str]]:
    """The file without pairs that call what only few call and nobody has; and the task's tools that are missing."""
    rows = [(pair, line, sorted(_needed([pair]) - tools)) for pair, line in zip(file.pairs, file.lines, strict=True)]
    callers = Counter(name for *_, names in rows for name in names)
    kept = [(pair, line) for pair, line, names in rows if not names]
    own = [name for name, count in callers.items() if not kept or count > (MOST_OFF if name in TOOLS else MOST_ODD) * len(rows)]
    odd = [Dropped(line, "row", f"calls '{names[0][:60]}', an unknown tool or one that is off") for _, line, names in rows if names]
    return TaraFile(tuple(pair for pair, _ in kept), (*file.dropped, *odd), tuple(line for _, line in kept)), sorted(own)


def _needed(pairs: Iterable[Pair]) -> frozenset[str]:
    return needed_tools(side for pair in pairs for side in (pair.chosen, pair.rejected))
