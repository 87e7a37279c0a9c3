"""TruthfulQA with one right choice (MC1): each choice is judged alone, and the one with the highest reward is taken.

Reads rows of `question`, `answer`, `label` (1 for the right choice) and `root`, which the choices of one question
share.
Source: TruthfulQA, arXiv:2109.07958; judged as in Tool-Augmented Reward Modeling, arXiv:2310.01045, section 4.4.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from themis.errors import DataError
from themis.evaluation.items import Item
from themis.evaluation.results import Subset
from themis.files import json_lines
from themis.traces import Case, case_from_json

NAME = "truthful_qa"
CHANCE = "chance"
"""The key of the chance level among the official scores."""


def read_truthfulqa(path: Path) -> dict[str, Subset]:
    """The questions with their choices; raises `DataError` where one has no right or no wrong choice."""
    choices: dict[str, tuple[list[Case], list[Case]]] = {}
    for line, row in json_lines(path):
        where = f"{path}, line {line}"
        case = case_from_json(row, where)
        root, label = _root(row, where), row.get("label")
        if label not in (0, 1) or isinstance(label, float):
            raise DataError(f"{where}: field 'label' must be 1 for the right choice or 0, found {label!r}")
        choices.setdefault(root, ([], []))[0 if label else 1].append(case)
    if not choices:
        raise DataError(f"{path} holds no rows")
    for root, (right, wrong) in choices.items():
        if not right or not wrong:
            raise DataError(f"{path}: question {root} has {len(right)} right and {len(wrong)} wrong choices; it needs one of each")
    return {NAME: Subset(tuple(Item(root, tuple(right), tuple(wrong)) for root, (right, wrong) in choices.items()))}


def chance_level(items: Sequence[Item]) -> float:
    """The accuracy of a random choice: the mean share of right choices."""
    return sum(len(item.chosen) / len(item.cases) for item in items) / len(items)


def _root(row: dict[str, Any], where: str) -> str:
    root = row.get("root")
    if not isinstance(root, (int, str)):
        raise DataError(f"{where}: field 'root' must name the question that a choice belongs to")
    return str(root)
