"""Files of other benches as items: rows of a prompt with better and worse answers, and four published layouts.

- `pairs`: `prompt` (or `question`, `messages`), `chosen` and `rejected`. Each side is a text, a list of texts, or
  chat messages that end with the answer. Optional: `id`, `context`, `tests`, and `subset` (or `domain`, `category`,
  `source`).
- `rewardbench`: a pair with its `subset` (RewardBench, arXiv:2403.13787).
- `rewardbench2`: one better answer and three worse ones; the subset Ties has many better ones (arXiv:2506.01937).
- `rm-bench`: three answers a side in rising style, and a `domain` (arXiv:2410.16184).
- `judgebench`: `question`, `response_A`, `response_B` and a `label` such as `A>B` (arXiv:2410.12784).

The official scores of these benches are in `official`. Knows nothing of judging.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from themis.data.preferences import prompt_of, question_and_answer
from themis.errors import DataError
from themis.evaluation.items import Item, Rule
from themis.evaluation.results import Subset
from themis.files import data_rows
from themis.traces import Case, case_from_json

Form = Literal["pairs", "rewardbench", "rewardbench2", "rm-bench", "judgebench"]
FORMS: tuple[Form, ...] = get_args(Form)
TIES = "Ties"
SUBSET_KEYS = ("subset", "domain", "category", "source")
JUDGEBENCH_KINDS = {"mmlu-pro": "knowledge", "livebench-reasoning": "reasoning", "livebench-math": "math", "livecodebench": "coding"}
"""JudgeBench's kinds of questions, by the prefix of a source's name."""


class _LeftOutError(ValueError):
    """A row that prefers neither answer; its message is the reason."""


@dataclass(frozen=True, slots=True)
class BenchFile:
    """The items of a file by subset."""

    form: Form
    subsets: dict[str, Subset] = field(default_factory=dict)


def read_bench(path: Path, form: Form | None = None) -> BenchFile:
    """The file's items; its form is seen from its first row, unless it is given. Raises `DataError`."""
    rows = list(data_rows(path))
    if not rows:
        raise DataError(f"{path} holds no rows")
    form = form or form_of(rows[0][2])
    items: dict[str, list[Item]] = {}
    dropped: dict[str, Counter[str]] = {}
    for number, where, row in rows:
        name = _subset_of(row, form)
        try:
            items.setdefault(name, []).append(_READERS[form](row, where, str(number)))
        except _LeftOutError as reason:
            dropped.setdefault(name, Counter())[f"row: {reason}"] += 1
    return BenchFile(form, {name: Subset(tuple(each), dropped=dropped.get(name, {})) for name, each in items.items() if each})


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
        source = str(row.get("source", ""))
        return next((kind for opening, kind in JUDGEBENCH_KINDS.items() if source.startswith(opening)), source or "all")
    return next((str(row[key]) for key in SUBSET_KEYS if row.get(key)), "all")


# --- one row ---------------------------------------------------------------------------------------


def _pairs(row: Mapping[str, Any], where: str, id: str, rule: Rule = "best") -> Item:
    """`chosen` and `rejected`, each one answer or several."""
    chosen, rejected = (_answers(row.get(key), key, where) for key in ("chosen", "rejected"))
    if row.get("id") is not None:
        id = str(row["id"])
    cases = []
    for side, answers in (("chosen", chosen), ("rejected", rejected)):
        cases.append(tuple(_case(row, side, answer, f"{id}/{side}/{number}", where) for number, answer in enumerate(answers)))
    return Item(id, cases[0], cases[1], rule=rule)


def _rewardbench2(row: Mapping[str, Any], where: str, id: str) -> Item:
    return _pairs(row, where, id, "every" if str(row.get("subset")).lower() == TIES.lower() else "best")


def _rm_bench(row: Mapping[str, Any], where: str, id: str) -> Item:
    item = _pairs(row, where, id, "share")
    if not len(item.chosen) == len(item.rejected) == 3:
        raise DataError(
            f"{where}: RM-Bench has three answers in 'chosen' and in 'rejected', found {len(item.chosen)} and {len(item.rejected)}"
        )
    return item


def _judgebench(row: Mapping[str, Any], where: str, id: str) -> Item:
    label = row.get("label")
    if label not in ("A>B", "B>A"):
        raise _LeftOutError(f"its label is '{label}'")
    better, worse = ("response_A", "response_B") if label == "A>B" else ("response_B", "response_A")
    as_pair = {"question": row.get("question"), "chosen": row.get(better), "rejected": row.get(worse), "id": row.get("pair_id", id)}
    return _pairs(as_pair, where, id)


_READERS: dict[Form, Callable[[Mapping[str, Any], str, str], Item]] = {
    "pairs": _pairs,
    "rewardbench": _pairs,
    "rewardbench2": _rewardbench2,
    "rm-bench": _rm_bench,
    "judgebench": _judgebench,
}


def _answers(raw: Any, key: str, where: str) -> list[Any]:
    """Each a text, or chat messages."""
    if isinstance(raw, str) or _is_chat(raw):
        return [raw]
    if not isinstance(raw, list) or not raw:
        raise DataError(f"{where}: field '{key}' must be an answer or a list of answers")
    return raw


def _case(row: Mapping[str, Any], side: str, answer: Any, id: str, where: str) -> Case:
    question, text = question_and_answer(*prompt_of(row), side, answer, where)
    turns = question if isinstance(question, str) else [dict(turn) for turn in question]
    fields = {"question": turns, "answer": text, "context": row.get("context"), "tests": row.get("tests"), "id": id}
    return case_from_json(fields, where)


def _is_chat(raw: Any) -> bool:
    return isinstance(raw, list) and bool(raw) and all(isinstance(turn, dict) and "content" in turn for turn in raw)
