"""Counterfactual pairs of every task that makes them.

Nothing here is trained on. Generated questions have seeds that no data set uses. Programs, passages and translated
questions come from groups that every build leaves out (`reserved`). Held-out questions and dev questions of TARA are
left out too, so that these pairs measure something of their own.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from themis.builder.counterfactual.rows import Counterfactual, MakeCounterfactuals
from themis.data.published import measured_questions
from themis.errors import DataError


def build_counterfactuals(
    root: Path,
    count: int,
    seed: int,
    makers: Mapping[str, MakeCounterfactuals],
    progress: Callable[[str, int], None] = lambda task, done: None,
) -> Iterator[Counterfactual]:
    """`count` rows for each task that `makers` has; calls `progress` with the number of finished rows of a task.

    Raises `DataError` if a source is missing, or if its reserved groups give fewer rows.
    """
    measured = measured_questions(root)
    for name, make in makers.items():
        made = 0
        for made, row in enumerate(islice(make(root, seed, measured), count), 1):
            progress(name, made)
            yield row
        if made < count:
            raise DataError(f"{root} gives {made} counterfactual pairs for {name}, not {count}; ask for fewer with --count")
