"""Evaluations of a model for its card: read, checked to be of these very weights, and shown.

What a file says is untrusted, and is escaped.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.errors import DataError

if TYPE_CHECKING:
    from themis.evaluation.results import Result

LONGEST = 100
_SIGNS = re.compile(r"([\\`*_{}\[\]<>|#])")


def read_result(file: Path, directory: Path) -> "Result":
    """The result of an evaluation. Raises `DataError` for another file, and for an evaluation of other weights."""
    from themis.evaluation.page import read_run
    from themis.model.checkpoint import weights_of

    run = read_run(file)
    if run.kind != "evaluation":
        raise DataError(f"{file} was not written by `themis eval`: give what its --out wrote")
    if run.result["settings"].get("weights") != weights_of(directory):
        raise DataError(f"{file} is an evaluation of other weights ({run.result['model'][:LONGEST]}): evaluate {directory} again")
    return run.result


def metadata(result: "Result") -> list[Any]:
    """As the Hub's metadata have it."""
    from huggingface_hub import EvalResult

    limit = result["settings"].get("limit")
    which = f", the first {limit}" if limit else ""
    about: dict[str, Any] = {"task_type": "text-classification", "dataset_type": "preference", "metric_type": "accuracy"}
    return [
        EvalResult(dataset_name=f"{result['bench']}: {task}"[:LONGEST] + which, metric_value=round(row["accuracy"], 4), **about)
        for task, row in result["tasks"].items()
    ]


def table(results: Sequence["Result"]) -> str:
    """In Markdown: a row for each task."""
    if not results:
        return "No evaluation came with this model."
    head = "| bench | task | n | accuracy | 95 % interval | no reward |\n|---|---|---|---|---|---|\n"
    rows = []
    for result in results:
        limit = result["settings"].get("limit")
        bench = plain(result["bench"]) + (f" (the first {plain(limit)} of each task)" if limit else "")
        for task, row in result["tasks"].items():
            low, high = (f"{100 * end:.1f}" for end in row["ci95"])
            rows.append(f"| {bench} | {plain(task)} | {row['n']} | {100 * row['accuracy']:.1f} % | {low} to {high} | {row['unscored']} |")
    return head + "\n".join(rows)


def plain(value: object, most: int = LONGEST) -> str:
    """A text that Markdown shows as it is, on one line."""
    return _SIGNS.sub(r"\\\1", " ".join(str(value).split())[:most])
