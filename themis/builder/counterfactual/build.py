"""Counterfactual pairs of every task that makes them.

Nothing here is trained on. Generated questions have seeds that no data set uses. Programs, passages and translated
questions come from groups that every build leaves out (`reserved`). Held-out questions and dev questions of TARA are
left out too, so that these pairs measure something of their own.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from themis.builder.counterfactual.rows import Counterfactual
from themis.builder.tasks.registry import all_tasks, task_named
from themis.data.published import measured_questions
from themis.errors import ConfigError, DataError


def counterfactual_tasks() -> tuple[str, ...]:
    """The tasks that make such pairs."""
    return tuple(task.name for task in all_tasks().values() if task.counterfactual)


def build_counterfactuals(
    root: Path, count: int, seed: int, tasks: Iterable[str], progress: Callable[[str, int], None] = lambda task, done: None
) -> Iterator[Counterfactual]:
    """`count` rows for each task; calls `progress` with the number of finished rows of a task.

    Raises `DataError` if a source is missing, or if its reserved groups give fewer rows.
    """
    measured = measured_questions(root)
    for name in tasks:
        make = task_named(name).counterfactual
        if make is None:
            raise ConfigError(f"the task '{name}' makes no counterfactual pairs; choose among {', '.join(counterfactual_tasks())}")
        made = 0
        for made, row in enumerate(islice(make(root, seed, measured), count), 1):
            progress(name, made)
            yield row
        if made < count:
            raise DataError(f"{root} gives {made} counterfactual pairs for {name}, not {count}; ask for fewer with --count")
