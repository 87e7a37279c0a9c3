"""What a row of a data file says: a question with its better and its worse answers, whatever its columns are called.

The one reader of columns, so that a row is the same to training, building, evaluating and scoring; docs/data.md has
the table of what it reads. What two columns both say is read once. Knows nothing of files, labels or models.
"""

import functools
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from themis.errors import DataError, LeftOutError
from themis.files import checked_text
from themis.traces.case import Case, Message, case_from_json, content_text, messages_of
from themis.traces.tara import question_hash

QUESTIONS = ("prompt", "question", "instruction", "query")
ANSWERS = ("answer", "completion", "response", "output")

_LOG = logging.getLogger(__name__)
_ALSO = {"conversations": "messages", "pos_answer": "chosen", "neg_answer": "rejected"}
"""ShareGPT's and TARA's names."""

Talk = tuple[Message, ...]

_MARK = re.compile(r"(?:\A|\n)\s{0,9}#{0,6} ?(Human|User|Instruction|Assistant|AI|Bot|Response) ?:", re.IGNORECASE)
"""Opens a turn in a text that holds a whole talk, as in HH-RLHF. Bounded, so that hostile blanks cost no time."""
_INVISIBLE = re.compile("[\u200b\u2060\ufeff]")
_ASSISTANT = ("assistant", "ai", "bot", "response")
_ENDS = tuple(map(re.compile, (r"\n\s*|\?\s+|？\s*", r"[.!:]\s+|[。！]\s*", r"\s+")))
"""Where a question may end: at a line or a question mark, else at a sentence, else at a word."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of a row, all to one question."""

    id: str
    """Of the row; several answers have it with their side, as `7/chosen`."""
    chosen: tuple[Case, ...]
    """At least one: the better ones, or those of a row without worse ones."""
    rejected: tuple[Case, ...] = ()


def read_answers(row: Mapping[str, Any], where: str, id: str = "", needs_rejected: bool = False) -> Answers:
    """The answers of a row, with the id `id` unless it has its own. Raises `DataError` that names the columns."""
    row = {str(name).strip(): value for name, value in row.items() if value is not None and value == value}  # NaN counts as missing
    row = {_ALSO.get(name, name): value for name, value in row.items()}
    given = _given(row, where)
    if needs_rejected and "rejected" not in row:
        raise DataError(f"{where}: field 'rejected' is missing; {_found(row)}")
    asked = _asked(row, where)
    sides = [[(name, _turns(each, name, where)) for each in _several(row[name])] for name in (given, "rejected") if name in row]
    values = [value for side in sides for value in side]
    cut = _cut_talks(asked, [value for _, value in values if isinstance(value, str)], len(values), where)
    before, answers = cut or _split_talks(values, where)
    question = _one_question(_without_answer(asked, answers, row, where), before, where)
    if not _plain(question):
        raise DataError(f"{where}: field 'question' (or 'prompt') is missing or empty; {_found(row)}")
    own: dict[str, Any] = {name: row[name] for name in ("context", "tests", "test_list") if row.get(name, "") != ""}
    if "instruction" in row and row.get("input"):
        own.setdefault("context", row["input"])
    own["id"] = row["id"] if row.get("id", "") != "" else id
    own["question"] = question[0]["content"] if len(question) == 1 else [dict(turn) for turn in question]
    cases = [case_from_json({**own, "answer": answer}, where) for answer in answers]
    base, first = cases[0].id, len(sides[0])
    if len(cases) > 1:
        ends = [
            f"{name}/{at}" if len(side) > 1 else name
            for name, side in zip(("chosen", "rejected"), sides, strict=False)
            for at in range(len(side))
        ]
        cases = [replace(case, id=f"{base}/{end}") for case, end in zip(cases, ends, strict=True)]
    return Answers(base, tuple(cases[:first]), tuple(cases[first:]))


def why_no_preference(chosen: Iterable[str], rejected: Iterable[str]) -> str:
    """Why these answers say nothing of what is better; empty if they do."""
    better, worse = ({answer.strip() for answer in side} for side in (chosen, rejected))
    if better == {""}:
        return "the chosen answer is empty"
    return "both answers are the same" if len(better | worse) == 1 else ""


def question_key(question: str) -> str:
    """The same for two texts that ask the same: blanks, case and marks of turns do not count."""
    return question_hash(_INVISIBLE.sub(" ", _MARK.sub(" ", question)))


# --- columns -----------------------------------------------------------------------------------------


def _given(row: Mapping[str, Any], where: str) -> str:
    """The column of the right answers."""
    names = ["chosen"] if "chosen" in row else [name for name in ANSWERS if name in row]
    names = [name for name in names if row[name] != ""] or names[:1]
    if not names and "messages" not in row:
        raise DataError(f"{where}: field 'answer' (or 'chosen') is missing; {_found(row)}")
    for name in names[1:]:
        if row[name] != row[names[0]]:
            raise DataError(f"{where}: fields '{names[0]}' and '{name}' hold two different answers; keep one of them")
    return names[0] if names else "messages"


def _asked(row: Mapping[str, Any], where: str) -> Talk:
    """The turns of the columns that ask. Of columns that hold one another it is the longest without the context."""
    names = [name for name in QUESTIONS if name in row and row[name] != []] or [name for name in ("input",) if name in row]
    given = {name: _as_talk(_turns(row[name], name, where)) for name in names}
    talks = {name: talk for name, talk in given.items() if _plain(talk)}
    if not talks:
        holds_answer = any(name in row for name in ("chosen", *ANSWERS))
        return messages_of(row["messages"], "messages", where) if holds_answer and "messages" in row else ()
    longest = max(talks, key=lambda name: len(_plain(talks[name])))
    for name, talk in talks.items():
        if not _overlap(_plain(talks[longest]), _plain(talk)):
            raise DataError(f"{where}: fields '{name}' and '{longest}' ask two different questions; keep one of them")
    context = " ".join(str(row.get("context", "")).split())
    bare = [name for name in talks if not context or context not in _plain(talks[name])]
    return talks[max(bare or talks, key=lambda name: len(_plain(talks[name])))]


def _several(value: Any) -> list[Any]:
    """The answers of a column: one text, one message, one talk, one list of parts, or a list of such answers."""
    return [value] if not isinstance(value, list) or not value or all(isinstance(each, dict) for each in value) else value


def _turns(value: Any, name: str, where: str) -> str | Talk:
    """A text, or the turns of a talk."""
    value = value["answer"] if isinstance(value, dict) and "answer" in value else value
    if isinstance(value, str):
        return checked_text(value, name, where)
    if isinstance(value, dict) and ("content" in value or "value" in value):
        value = [value]
    if isinstance(value, list) and value and all(isinstance(part, dict) and "text" in part for part in value):
        return content_text(value, name, where)
    return messages_of(value, name, where)


def _as_talk(value: str | Talk, role: str = "user") -> Talk:
    return (Message(role=role, content=value),) if isinstance(value, str) else value


def _found(row: Mapping[str, Any]) -> str:
    names = ", ".join(f"'{name}'" for name in list(row)[:12]) or "nothing"
    return f"expected 'question' and 'answer', or 'prompt', 'chosen' and 'rejected', or 'messages'; found {names}"


# --- question and answers ----------------------------------------------------------------------------


def _split_talks(values: Sequence[tuple[str, str | Talk]], where: str) -> tuple[list[Talk], list[str]]:
    """The turns before each answer, and the answers, each a turn of the assistant."""
    talks = [_as_talk(value, "assistant") for _, value in values]
    for (name, _), talk in zip(values, talks, strict=True):
        if talk[-1]["role"] != "assistant":
            found = talk[-1]["role"][:40]
            raise LeftOutError(where, f"field '{name}' must end with a message of the role 'assistant', found '{found}'")
    return [talk[:-1] for talk in talks], [talk[-1]["content"] for talk in talks]


def _cut_talks(asked: Talk, texts: list[str], count: int, where: str) -> tuple[list[Talk], list[str]] | None:
    """The same of texts that hold a whole talk: the question is what all begin with.

    None where the texts are answers alone: beside a question only marked turns that repeat it are cut off.
    """
    marked = all(map(_MARK.match, texts))
    if len(texts) < count or (asked and not marked) or (len(texts) == 1 and not marked):
        return None
    shared = os.path.commonprefix(texts)  # noqa: RUF071  # of texts, letter by letter
    places = [mark.end() for mark in _MARK.finditer(shared) if mark[1].lower() in _ASSISTANT][-1:]
    if is_guessed := not places and not marked:
        ends = (end.end() for kind in _ENDS for end in reversed(list(kind.finditer(shared))))
        places = list(islice((place for place in ends if all(text[place:].strip() for text in texts)), 1))
    question = _as_talk(shared[: places[0]].strip() if places else "")
    if asked and not _overlap(_plain(asked), _plain(question)):
        return None
    if not places:
        raise LeftOutError(where, "no column 'prompt', and 'chosen' and 'rejected' have no beginning in common that could be one")
    for text in texts:
        if (marks := _MARK.findall(text)) and marks[-1].lower() not in _ASSISTANT:
            raise LeftOutError(where, f"a talk must end with a turn of the assistant, found '{marks[-1]}:'")
    if is_guessed:
        _say_guessed(where.rpartition(", ")[0])
    return [question] * count, [text[places[0] :].strip() for text in texts]


@functools.cache
def _say_guessed(file: str) -> None:
    _LOG.warning("%s: rows have no prompt, so their question is what both texts begin with", file)


def _without_answer(asked: Talk, answers: Sequence[str], row: Mapping[str, Any], where: str) -> Talk:
    """The turns that ask, without an answer that stands behind them once more."""
    if len(asked) > 1 and asked[-1]["role"] == "assistant":
        if asked[-1]["content"].strip() in [answer.strip() for answer in answers]:
            return asked[:-1]
        if not any(name in row for name in QUESTIONS):
            raise DataError(f"{where}: field 'messages' ends with another answer than the one beside it; keep one of them")
    return asked


def _one_question(asked: Talk, before: Sequence[Talk], where: str) -> Talk:
    """The prompt and the turns before the answers as one talk, the same for all answers."""
    questions = [_joined(asked, talk) for talk in before]
    if any(_plain(question) != _plain(questions[0]) for question in questions):
        raise LeftOutError(where, "'chosen' and 'rejected' differ before their last message, so they answer different questions")
    return questions[0]


def _joined(asked: Talk, before: Talk) -> Talk:
    """Two parts of a talk as one, with what both hold taken once."""
    one, two = _plain(asked), _plain(before)
    if _overlap(one, two):
        return asked if len(one) > len(two) else before
    plain_asked, plain_before = ([(turn["role"], _plain((turn,))) for turn in talk] for talk in (asked, before))
    if any(plain_before[at : at + len(asked)] == plain_asked for at in range(len(before) - len(asked) + 1)):
        return before
    sizes = range(min(len(asked), len(before)), 0, -1)
    return asked + before[next((size for size in sizes if plain_asked[-size:] == plain_before[:size]), 0) :]


def _overlap(one: str, two: str) -> bool:
    """Does the shorter text open or end the longer one, word by word?"""
    longer, shorter = (f" {text} " if text else "" for text in sorted((one, two), key=len, reverse=True))
    return longer.startswith(shorter) or longer.endswith(shorter)


def _plain(talk: Talk) -> str:
    """The words of all turns, without marks of turns and with single blanks."""
    return " ".join(" ".join(_MARK.sub(" ", turn["content"]) for turn in talk).split())
