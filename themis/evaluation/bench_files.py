"""Files of other benches as items: rows of a prompt with better and worse answers, and four published layouts.

- `pairs`: the columns that `themis.data.columns` reads, with one or several answers a side. Optional: `subset` (or
  `domain`, `category`, `source`).
- `rewardbench`: a pair with its `subset` (RewardBench, arXiv:2403.13787).
- `rewardbench2`: one better answer and three worse ones; the subset Ties has many better ones (arXiv:2506.01937).
- `rm-bench`: three answers a side in rising style, and a `domain` (arXiv:2410.16184).
- `judgebench`: `question`, `response_A`, `response_B` and a `label` such as `A>B` (arXiv:2410.12784).

The official scores of these benches are in `official`. Knows nothing of judging.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from themis.data.columns import read_answers, why_no_preference
from themis.errors import DataError, LeftOutError
from themis.evaluation.items import Item, Rule
from themis.evaluation.results import NotRun, Subset
from themis.files import data_rows

Form = Literal["pairs", "rewardbench", "rewardbench2", "rm-bench", "judgebench"]
FORMS: tuple[Form, ...] = get_args(Form)
TIES = "Ties"
SUBSET_KEYS = ("subset", "domain", "category", "source")
JUDGEBENCH_KINDS = {"mmlu-pro": "knowledge", "livebench-reasoning": "reasoning", "livebench-math": "math", "livecodebench": "coding"}
"""JudgeBench's kinds of questions, by the prefix of a source's name."""


@dataclass(frozen=True, slots=True)
class BenchFile:
    """The items of a file by subset."""

    form: Form
    subsets: dict[str, Subset]
    not_run: tuple[NotRun, ...] = ()
    """Subsets of which no row is left."""


def read_bench(path: Path, form: Form | None = None) -> BenchFile:
    """The file's items; its form is seen from its first row, unless it is given. Raises `DataError`."""
    rows = list(data_rows(path))
    if not rows:
        raise DataError(f"{path} holds no rows")
    form = form or form_of(rows[0][2])
    items: dict[str, list[Item]] = {}
    told: dict[str, Counter[str]] = {}
    for number, where, row in rows:
        name = _subset_of(row, form)
        each, why = items.setdefault(name, []), told.setdefault(name, Counter())
        try:
            each.append(_READERS[form](row, where, str(number)))
        except LeftOutError as error:
            why[f"row: {error.reason}"] += 1
    reasons = {name: ", ".join(f"{reason} ({count})" for reason, count in why.items()) for name, why in told.items()}
    if not any(items.values()):
        raise DataError(f"{path}: no row is left to judge: {'; '.join(dict.fromkeys(reasons.values()))}")
    not_run = tuple(NotRun(task=name, reason=f"no row is left: {reasons[name]}") for name, each in items.items() if not each)
    return BenchFile(form, {name: Subset(tuple(each), dropped=told[name]) for name, each in items.items() if each}, not_run)


def form_of(row: Mapping[str, Any]) -> Form:
    """The form that a row's fields fit."""
    keys = set(row)
    if {"response_A", "response_B", "label"} <= keys:
        return "judgebench"
    if {"num_correct", "chosen", "rejected", "subset"} <= keys:
        return "rewardbench2"
    if {"domain", "chosen", "rejected"} <= keys and isinstance(row["chosen"], list) and len(row["chosen"]) == len(row["rejected"]):
        return "rm-bench"
    return "rewardbench" if {"chosen_model", "rejected_model", "subset"} <= keys else "pairs"


def _subset_of(row: Mapping[str, Any], form: Form) -> str:
    if form == "judgebench":
        source = str(row.get("source", "")).strip()
        return next((kind for opening, kind in JUDGEBENCH_KINDS.items() if source.startswith(opening)), source or "all")
    return next((name for key in SUBSET_KEYS if (name := str(row.get(key) or "").strip())), "all")


# --- one row ---------------------------------------------------------------------------------------


def _pairs(row: Mapping[str, Any], where: str, id: str, rule: Rule = "best") -> Item:
    """`chosen` and `rejected`, each one answer or several."""
    answers = read_answers(row, where, id, needs_rejected=True)
    if reason := why_no_preference(*({case.answer for case in side} for side in (answers.chosen, answers.rejected))):
        raise LeftOutError(where, reason)
    return Item(answers.id, answers.chosen, answers.rejected, rule=rule)


def _rewardbench2(row: Mapping[str, Any], where: str, id: str) -> Item:
    return _pairs(row, where, id, "every" if _subset_of(row, "rewardbench2").lower() == TIES.lower() else "best")


def _rm_bench(row: Mapping[str, Any], where: str, id: str) -> Item:
    item = _pairs(row, where, id, "share")
    if not len(item.chosen) == len(item.rejected) == 3:
        raise DataError(
            f"{where}: RM-Bench has three answers in 'chosen' and in 'rejected', found {len(item.chosen)} and {len(item.rejected)}"
        )
    return item


def _judgebench(row: Mapping[str, Any], where: str, id: str) -> Item:
    label = "".join(str(row.get("label")).split()).upper()
    if label not in ("A>B", "B>A"):
        raise LeftOutError(where, f"its label is '{str(row.get('label'))[:40]}'")
    better, worse = ("response_A", "response_B") if label == "A>B" else ("response_B", "response_A")
    as_pair = {"question": row.get("question"), "chosen": row.get(better), "rejected": row.get(worse), "id": row.get("pair_id")}
    return _pairs(as_pair, where, id)


_READERS: dict[Form, Callable[[Mapping[str, Any], str, str], Item]] = {
    "pairs": _pairs,
    "rewardbench": _pairs,
    "rewardbench2": _rewardbench2,
    "rm-bench": _rm_bench,
    "judgebench": _judgebench,
}
