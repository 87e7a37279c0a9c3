"""Results of evaluations that nobody made: so many items of each task are right."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.evaluation.conftest import item, judged
from themis.evaluation.results import About, Subset, result_of


def saved(folder: Path, name: str, right: Mapping[str, tuple[int, int]], *, split: str = "dev", averaged: bool = True) -> Path:
    """The file of a result; of each task how many items are right, and how many there are.

    Every better answer is the longer one.
    """
    items = {task: [item(f"{task}/{at}", [22 if at < count else -1], [9]) for at in range(n)] for task, (count, n) in right.items()}
    entries = {task: judged(*each) for task, each in items.items()}
    subsets = {task: Subset(tuple(each), averaged) for task, each in items.items()}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result_of(About("tara", name, split), subsets, entries)))
    return path
