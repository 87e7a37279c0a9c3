"""Reads published files as pairs or questions, without the questions held out for tests."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from themis.errors import DataError
from themis.files import json_lines, text_field
from themis.traces.pair import Pair
from themis.traces.tara import question_hash, read_holdout, read_tara

TARA_TRAIN_TASKS = ("calendar", "weather", "multi_tools", "calculator", "code", "hh_rlhf")
"""The tasks that were published with a train file."""


@dataclass(slots=True)
class Published:
    """The pairs and questions of a folder of data sets, and counts of what was left out, by reason."""

    pairs: dict[str, list[Pair]] = field(default_factory=dict)
    gsm8k: list[tuple[str, str]] = field(default_factory=list)
    """Question and right answer."""
    left_out: Counter[str] = field(default_factory=Counter)


def read_published(root: Path, tasks: Iterable[str] = TARA_TRAIN_TASKS) -> Published:
    """TARA's train rows and GSM8K's train problems under `root`, without questions held out or in a dev file."""
    published = Published()
    held_out = measured_questions(root)
    for task in tasks:
        file = root / "tara" / task / "train.jsonl"
        if not file.is_file():
            published.left_out[f"{task}: no train file"] += 1
            continue
        read = read_tara(file)
        published.left_out.update({f"{task}: {reason}": count for reason, count in read.reasons.items()})
        kept = [pair for pair in read.pairs if question_hash(pair.question) not in held_out]
        published.left_out[f"{task}: held-out question"] += len(read.pairs) - len(kept)
        published.pairs[task] = [replace(pair, task=task) for pair in kept]
    gsm8k_file = root / "gsm8k" / "train.jsonl.gz"
    if gsm8k_file.is_file():
        for number, row in json_lines(gsm8k_file):
            question, answer = (text_field(row, name, f"{gsm8k_file}, line {number}") for name in ("question", "answer"))
            if question_hash(question) in held_out:
                published.left_out["gsm8k: held-out question"] += 1
            else:
                published.gsm8k.append((question, answer))
    published.left_out = +published.left_out
    return published


def read_rows(folder: Path, root: Path | None, split: str = "train") -> Published:
    """The pairs of a split of a data set that `themis build` made, by task.

    With `root`, questions of TARA's test set are left out.
    """
    rows = Published()
    held_out = measured_questions(root) if root else frozenset[str]()
    files = sorted((folder / "tara").glob(f"*/{split}.jsonl"))
    if not files:
        raise DataError(f"{folder} holds no tara/TASK/{split}.jsonl: make it with `themis build tara --out {folder}`")
    for file in files:
        task, read = file.parent.name, read_tara(file)
        pairs = read.pairs
        rows.left_out.update({f"{task}: {reason}": count for reason, count in read.reasons.items()})
        rows.pairs[task] = [pair for pair in pairs if question_hash(pair.question) not in held_out]
        rows.left_out[f"{task}: held-out question"] += len(pairs) - len(rows.pairs[task])
    rows.left_out = +rows.left_out
    return rows


def measured_questions(root: Path) -> frozenset[str]:
    """The hashes of the test questions below `root`: those held out, and those in a dev file.

    Raises `DataError` if the list of held-out questions is missing.
    """
    holdout_file = root / "tara" / "holdout.sha256"
    if not holdout_file.is_file():
        raise DataError(f"{holdout_file} is missing: training on {root} needs the list of held-out questions")
    return read_holdout(holdout_file) | _dev_questions(root / "tara")


def _dev_questions(tara: Path) -> frozenset[str]:
    """The questions of dev files. They are not trained on, even if a train file holds them too."""
    return frozenset(
        question_hash(pair.question)
        for file in sorted(tara.glob("*/dev.jsonl"))
        if file.parent.name != "truthful_qa"
        for pair in read_tara(file).pairs
    )
