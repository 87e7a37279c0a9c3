"""The TARA table: in each pair, does the judge give the better answer the higher reward?

Reads `TASK/SPLIT.jsonl` below a folder. The published calls of a task say which tools it needs. A task whose tools the
toolbox lacks is not run, and the table says so. The averages cover the tasks that were run and need a tool; hh_rlhf
and retarded_bar need none. Pairs with tests are judged once more without them, on a line of their own, as most cases
come without tests.

A pair is right when both rewards are there and the chosen answer's is strictly higher (`items`).
Knows nothing of models.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 4.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from themis.errors import DataError
from themis.evaluation.call_agreement import needed_tools
from themis.evaluation.items import Item, item_of
from themis.evaluation.results import NotRun, Subset
from themis.traces import Pair, Verdict
from themis.traces.tara import TaraFile, holds_pairs, read_tara

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
        file = read_tara(path) if holds_pairs(path) else TaraFile(())
        missing = sorted(_needed(file.pairs) - set(tools))
        if missing:
            not_run.append(NotRun(task=path.parent.name, reason=f"the toolbox lacks {', '.join(missing)}"))
        elif not file.pairs:
            not_run.append(NotRun(task=path.parent.name, reason="it holds no pairs of answers"))
        else:
            files[path.parent.name] = file
    return files, not_run


def _needed(pairs: Iterable[Pair]) -> frozenset[str]:
    return needed_tools(side for pair in pairs for side in (pair.chosen, pair.rejected))
