"""Reads preference files: TARA's JSON, and TRL's columns as text or as messages, from JSON lines or Parquet.

The columns decide the form of a file. Rows with two equal answers are left out and counted.
Knows nothing of models: whoever tokenises a pair decides whether it is too long.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from themis.errors import DataError
from themis.files import checked_text, table_rows
from themis.traces.case import Case, Message
from themis.traces.pair import Pair, Side
from themis.traces.tara import read_tara

FORMS = "TARA's (question, pos_answer, neg_answer) or TRL's (prompt, chosen, rejected; or chosen and rejected alone)"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The pairs of one file. A `margin` column is the difference of a pair's two scores."""

    pairs: tuple[Pair, ...]
    has_margin: bool = False
    left_out: Counter[str] = field(default_factory=Counter)


def read_preferences(path: str | Path) -> Preferences:
    """The pairs of a file. Raises `DataError` that names the file, the line and the column."""
    path = Path(path)
    rows = list(table_rows(path))
    if not rows:
        raise DataError(f"{path} holds no rows")
    _, _, first = rows[0]
    if "pos_answer" in first or "neg_answer" in first:
        if path.suffix == ".parquet":
            raise DataError(f"{path}: TARA's form is read from JSON lines, not from Parquet")
        read = read_tara(path)
        return _distinct(path, Preferences(read.pairs, left_out=read.reasons))
    missing = [name for name in ("chosen", "rejected") if name not in first]
    if missing:
        raise DataError(f"{path}: no column '{missing[0]}' among {', '.join(map(str, first)) or 'none'}; expected {FORMS}")
    has_margin = "margin" in first
    pairs = tuple(_pair(row, where, has_margin, f"{path.stem}-{number}") for number, where, row in rows)
    return _distinct(path, Preferences(pairs, has_margin))


def _distinct(path: Path, read: Preferences) -> Preferences:
    """Leaves out rows with equal answers or equal labels. Raises `DataError` if no row is left."""
    different = [pair for pair in read.pairs if pair.chosen.answer != pair.rejected.answer]
    labelled = [pair for pair in different if pair.chosen.score != pair.rejected.score]
    left_out = read.left_out + Counter(
        {
            "row: both answers are the same": len(read.pairs) - len(different),
            "row: both labels are the same": 0 if read.has_margin else len(different) - len(labelled),
        }
    )
    kept = different if read.has_margin else labelled
    if not different:
        raise DataError(f"{path}: chosen and rejected are the same in every row, so there is nothing to learn")
    if not kept:
        raise DataError(f"{path}: the labels of both answers are equal in every row, so nothing says which one is better")
    return replace(read, pairs=tuple(_better_first(pair) for pair in kept), left_out=+left_out)


def _better_first(pair: Pair) -> Pair:
    return pair if pair.chosen.score >= pair.rejected.score else replace(pair, chosen=pair.rejected, rejected=pair.chosen)


def _pair(row: dict[str, Any], where: str, has_margin: bool, name: str) -> Pair:
    if isinstance(row.get("chosen"), list):
        question, chosen, rejected = _conversations(row, where)
    else:
        question, chosen, rejected = _texts(row, where)
    margin = row.get("margin") if has_margin else 1.0
    if isinstance(margin, bool) or not isinstance(margin, (int, float)) or not abs(margin) < 1e9:
        raise DataError(f"{where}: column 'margin' must be a number")
    return Pair(
        id=str(row.get("id", name)),
        question=question,
        chosen=Side(chosen, float(margin)),
        rejected=Side(rejected, 0.0),
        context=None if row.get("context") is None else checked_text(row["context"], "context", where),
        task=str(row.get("task", "")),
    )


def _texts(row: dict[str, Any], where: str) -> tuple[str, str, str]:
    """Prompt and answers. Without a prompt column, the prompt is the texts' common beginning, in whole words."""
    chosen, rejected = checked_text(row["chosen"], "chosen", where), checked_text(row.get("rejected"), "rejected", where)
    if "prompt" in row:
        prompt = row["prompt"]
        question = _question(prompt, where) if isinstance(prompt, list) else checked_text(prompt, "prompt", where)
        return question, chosen, rejected
    differing = (place for place, (one, other) in enumerate(zip(chosen, rejected, strict=False)) if one != other)
    length = next(differing, min(len(chosen), len(rejected)))
    while length and not chosen[length - 1].isspace():
        length -= 1
    if not length and chosen != rejected:
        raise DataError(f"{where}: no column 'prompt', and 'chosen' and 'rejected' have no beginning in common that could be one")
    return chosen[:length].rstrip(), chosen[length:], rejected[length:]


def _conversations(row: dict[str, Any], where: str) -> tuple[str, str, str]:
    """Prompt and answers from messages: the last ones are the answers, all before them belongs to the prompt."""
    chosen, rejected = (_messages(row.get(name), name, where) for name in ("chosen", "rejected"))
    before, other = chosen[:-1], rejected[:-1]
    if before != other:
        raise DataError(f"{where}: 'chosen' and 'rejected' differ before their last message, so they answer different questions")
    prompt = row.get("prompt")
    if isinstance(prompt, str):
        asked: tuple[Message, ...] = (Message(role="user", content=checked_text(prompt, "prompt", where)),)
    else:
        asked = () if prompt is None else _messages(prompt, "prompt", where)
    turns = (*asked, *before)
    if not turns:
        raise DataError(f"{where}: no message stands before the answers, so there is no question; give a column 'prompt'")
    return Case(turns, "").question_text, chosen[-1]["content"], rejected[-1]["content"]


def _question(prompt: list[Any], where: str) -> str:
    return Case(_messages(prompt, "prompt", where), "").question_text


def _messages(value: Any, name: str, where: str) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise DataError(f"{where}: column '{name}' must be a list of messages with 'role' and 'content'")
    turns: list[Message] = []
    for turn in value:
        if not isinstance(turn, dict):
            raise DataError(f"{where}: each message of column '{name}' must be an object with 'role' and 'content'")
        role, content = (checked_text(turn.get(key), f"{name}.{key}", where) for key in ("role", "content"))
        turns.append(Message(role=role, content=content))
    return tuple(turns)
