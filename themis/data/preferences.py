"""Reads preference files as pairs: TARA's rows with their traces, or any columns that `columns` reads.

Rows that teach nothing are left out and counted by reason. A label is never turned round.

Knows nothing of models: whoever tokenises a pair decides whether it is too long.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from themis.data.columns import read_answers, why_no_preference
from themis.errors import DataError, LeftOutError
from themis.files import data_rows
from themis.traces.pair import Pair, Side
from themis.traces.tara import TaraFile, read_tara


@dataclass(frozen=True, slots=True)
class Preferences:
    """The pairs of one file."""

    pairs: tuple[Pair, ...]
    left_out: Counter[str] = field(default_factory=Counter)


def read_preferences(path: str | Path, margin: bool = False, seen: set[Pair] | None = None) -> Preferences:
    """The pairs of a file, without those in `seen`, which grows. With `margin`, scores differ by that column.

    Raises `DataError` that names the file, the line and the column.
    """
    path, seen = Path(path), set() if seen is None else seen
    rows = list(data_rows(path))
    if not rows:
        raise DataError(f"{path} holds no rows")
    read = Preferences(())
    published = not {"pos_answer", "neg_answer"}.isdisjoint(rows[0][2])
    if published and path.suffix == ".parquet":
        raise DataError(f"{path}: TARA's form is read from JSON lines, not from Parquet")
    kept = []
    tara = read_tara(path) if published else TaraFile(())
    read.left_out.update(tara.reasons)
    for pair in tara.pairs if published else _pairs(rows, path.stem, margin, read.left_out):
        reason = _why_not(pair, equal_scores=margin and not published)
        if not reason and (key := replace(pair, id="")) in seen:
            reason = "it was there already"
        if reason:
            read.left_out[f"row: {reason}"] += 1
        else:
            seen.add(key)
            kept.append(pair)
    if not kept:
        raise DataError(f"{path}: no row is left to learn from ({', '.join(f'{why}: {count}' for why, count in read.left_out.items())})")
    return replace(read, pairs=tuple(kept))


def _why_not(pair: Pair, equal_scores: bool) -> str:
    """Why a pair is left out, empty if it is not."""
    if reason := why_no_preference({pair.chosen.answer}, {pair.rejected.answer}):
        return reason
    if pair.chosen.score < pair.rejected.score:
        return "its label and its scores disagree"
    return "both labels are the same" if pair.chosen.score == pair.rejected.score and not equal_scores else ""


def _pairs(rows: list[tuple[int, str, dict[str, Any]]], stem: str, margin: bool, left_out: Counter[str]) -> Iterator[Pair]:
    for number, where, row in rows:
        try:
            answers = read_answers(row, where, f"{stem}-{number}", needs_rejected=True)
        except LeftOutError as error:
            left_out[f"row: {error.reason}"] += 1
            continue
        if (counts := (len(answers.chosen), len(answers.rejected))) != (1, 1):
            raise DataError(f"{where}: expected one chosen and one rejected answer to train on, found {counts[0]} and {counts[1]}")
        (chosen,), (rejected,) = answers.chosen, answers.rejected
        yield Pair(
            id=answers.id,
            question=chosen.question_text,
            chosen=Side(chosen.answer, _margin(row, where) if margin else 1.0),
            rejected=Side(rejected.answer, 0.0),
            context=chosen.context,
            tests=chosen.tests,
            task=str(row.get("task") or ""),
        )


def _margin(row: Mapping[str, Any], where: str) -> float:
    try:
        value = float("nan" if isinstance(row.get("margin"), bool) else row.get("margin", "nan"))
    except (TypeError, ValueError):
        value = float("nan")
    if not abs(value) < 1e9:
        raise DataError(f"{where}: data.margin is true, so column 'margin' must be a number")
    return value
