"""Reads preference files, and single rows: TARA's JSON or TRL's columns, in JSON lines, a JSON list or Parquet.

The columns decide the form of a file. Question and answers are texts or OpenAI messages, in one of three shapes:
  texts           `prompt` (or `question`); `chosen` (or `answer`); `rejected`
  messages        the same as lists of messages: `prompt` (or `messages`) before the answer, each answer one message
  conversations   `chosen` and `rejected` that open with the same messages, or `messages` that end with the answer
Rows with two equal answers are left out and counted.

Knows nothing of models: whoever tokenises a pair decides whether it is too long.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from themis.errors import DataError
from themis.files import checked_text, data_rows
from themis.traces.case import Case, Message, messages_of
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
    rows = list(data_rows(path))
    if not rows:
        raise DataError(f"{path} holds no rows")
    first = rows[0][2]
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


def _pair(row: Mapping[str, Any], where: str, has_margin: bool, name: str) -> Pair:
    question, chosen, rejected = preference_of(row, where)
    if rejected is None:
        raise DataError(f"{where}: field 'rejected' is missing")
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


# --- one row ---------------------------------------------------------------------------------------


Question: TypeAlias = str | tuple[Message, ...]


def preference_of(row: Mapping[str, Any], where: str) -> tuple[str, str, str | None]:
    """Question, right answer and, if there is one, wrong answer of a row; raises `DataError` that names the field."""
    name, prompt = prompt_of(row)
    given = next((name for name in ("chosen", "answer") if row.get(name) is not None), None)
    if given is None:
        if name != "messages":
            raise DataError(f"{where}: field 'answer' (or 'chosen') is missing; {_found(row)}")
        question, answer = question_and_answer("", None, name, prompt, where)
        return _text(question), answer, None
    chosen, rejected = row[given], row.get("rejected")
    if prompt is None and isinstance(chosen, str):
        if not isinstance(rejected, str):
            raise DataError(f"{where}: field 'question' (or 'prompt') is missing; {_found(row)}")
        return _common_beginning(checked_text(chosen, given, where), checked_text(rejected, "rejected", where), where)
    question, right = question_and_answer(name, prompt, given, chosen, where)
    if rejected is None:
        return _text(question), right, None
    other, wrong = question_and_answer(name, prompt, "rejected", rejected, where)
    if other != question:
        raise DataError(f"{where}: '{given}' and 'rejected' differ before their last message, so they answer different questions")
    return _text(question), right, wrong


def prompt_of(row: Mapping[str, Any]) -> tuple[str, Any]:
    """The name and the value of the field that holds the prompt, None if the row has none."""
    name = next((name for name in ("prompt", "question", "messages") if row.get(name) is not None), "prompt")
    return name, row.get(name)


def question_and_answer(prompt_name: str, prompt: Any, name: str, answer: Any, where: str) -> tuple[Question, str]:
    """The question and the answer of an answer field, which is a text, or messages that end with the answer.

    Messages before the last one belong to the question: they follow the prompt, unless they repeat it.
    """
    asked: Question = () if prompt is None else _text_or_messages(prompt, prompt_name, where)
    answered = _text_or_messages(answer, name, where)
    if isinstance(answered, str):
        if prompt is None:
            raise DataError(f"{where}: field '{prompt_name}' is missing")
        return asked, answered
    *before, last = answered
    if last["role"] != "assistant":
        raise DataError(f"{where}: field '{name}' must end with a message of the role 'assistant', found '{last['role'][:40]}'")
    turns = (Message(role="user", content=asked),) if isinstance(asked, str) else asked
    if before and tuple(before) != turns:
        asked = (*turns, *before)
    if not asked:
        raise DataError(f"{where}: field '{name}' has no message before its answer, so there is no question; give a field 'prompt'")
    return asked, last["content"]


def _text_or_messages(value: Any, name: str, where: str) -> Question:
    return checked_text(value, name, where) if isinstance(value, str) else messages_of(value, name, where)


def _text(question: Question) -> str:
    return Case(question, "").question_text


def _common_beginning(chosen: str, rejected: str, where: str) -> tuple[str, str, str]:
    """Without a prompt, the prompt is what both texts begin with, up to the end of a word."""
    differing = (place for place, (one, other) in enumerate(zip(chosen, rejected, strict=False)) if one != other)
    length = next(differing, min(len(chosen), len(rejected)))
    while length and not chosen[length - 1].isspace():
        length -= 1
    if not length and chosen != rejected:
        raise DataError(f"{where}: no column 'prompt', and 'chosen' and 'rejected' have no beginning in common that could be one")
    return chosen[:length].rstrip(), chosen[length:], rejected[length:]


def _found(row: Mapping[str, Any]) -> str:
    names = ", ".join(f"'{name}'" for name in list(row)[:12]) or "nothing"
    return f"expected 'question' and 'answer', or 'prompt', 'chosen' and 'rejected', or 'messages'; found {names}"
