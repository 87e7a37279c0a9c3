"""Rows whose question a language model put in other words, kept only where the row's calls still follow from it.

Nothing that the model writes is trusted. A paraphrase keeps every number, name, unit and direction of the question.
The task's own program reads the same calls from it. So the observations and labels of the row stay true.

Knows nothing of how paraphrases are written.
"""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from themis.builder.draft import View
from themis.builder.tasks.registry import task_named
from themis.builder.text.written_dates import dates_in
from themis.traces import Action, Case, Observation
from themis.traces.pair import Pair, Side

READ_FROM_QUESTIONS = ("calendar", "weather", "multi_tools")
"""Tasks whose calls a program can read from the question alone."""
AT_ONCE = 16
_NUMBER = re.compile(r"\d+")
_COUNT = re.compile(r"(\d+) (day|week|month|year|hour)s?\b")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_DIRECTIONS = {"before": r"before|ago|earlier|prior|preceding|back", "after": r"after|later|from now|following|past"}
_KEPT_WORDS = frozenset(
    "today tomorrow yesterday temperature wind precipitation visibility humidity uv not no never without except half twice".split()
)
_LEAST_CHANGE, _MOST_LENGTH = 0.92, 2.0

Write = Callable[[Sequence[str]], Sequence[Sequence[str]]]
"""Some paraphrases of each question."""


@dataclass(slots=True)
class Paraphrased:
    """What became of the paraphrases."""

    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


def paraphrased(pairs: Iterable[Pair], write: Write, count: int, report: Paraphrased) -> Iterator[Pair]:
    """Rows with a new question, at most one of each row, until there are `count`."""
    waiting: list[Pair] = []
    for pair in pairs:
        waiting.append(pair)
        if len(waiting) == AT_ONCE:
            yield from _of_batch(waiting, write, count, report)
            waiting = []
        if report.kept >= count:
            return
    yield from _of_batch(waiting, write, count, report)


def _of_batch(pairs: Sequence[Pair], write: Write, count: int, report: Paraphrased) -> Iterator[Pair]:
    for pair, questions in zip(pairs, write([pair.question for pair in pairs]) if pairs else (), strict=True):
        reasons = [why_not(pair, question) for question in questions]
        report.dropped.update(reason for reason in reasons if reason)
        if "" in reasons and report.kept < count:
            report.kept += 1
            yield _reworded(pair, questions[reasons.index("")])


def why_not(pair: Pair, question: str) -> str:
    """Why a paraphrase of a row's question is dropped; empty if it is kept."""
    old, new = pair.question, question.strip()
    if not new or "\n" in new or len(new) > _MOST_LENGTH * len(old) + 20:
        return "no single question"
    if difflib.SequenceMatcher(None, _plain(old), _plain(new), autojunk=False).ratio() > _LEAST_CHANGE:
        return "the same words"
    if sorted(_NUMBER.findall(old)) != sorted(_NUMBER.findall(new)):
        return "another number"
    if [day for *_, day in dates_in(old)] != [day for *_, day in dates_in(new)]:
        return "another date"
    if _names(old) - {word.lower() for word in _WORD.findall(new)}:
        return "a name is missing"
    if _of_meaning(old) != _of_meaning(new):
        return "another unit, attribute or direction"
    return "" if _same_calls(pair, new) else "other calls"


def _reworded(pair: Pair, question: str) -> Pair:
    return replace(pair, id=f"{pair.id}/paraphrase", question=question.strip())


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _names(question: str) -> set[str]:
    """Words in capitals that do not open a sentence."""
    places = [match for match in _WORD.finditer(question) if match[0][0].isupper()]
    return {match[0].lower() for match in places if match.start() and question[: match.start()].rstrip()[-1:] not in (".", "?", "!", ":")}


def _of_meaning(question: str) -> set[str]:
    lower = question.lower()
    found = {f"{number} {unit}" for number, unit in _COUNT.findall(lower)}
    found |= {name for name, words in _DIRECTIONS.items() if re.search(rf"\b(?:{words})\b", lower)}
    return found | (_KEPT_WORDS & set(_WORD.findall(lower)))


def _same_calls(pair: Pair, question: str) -> bool:
    """Whether the task's program reads the row's own calls from the new question, for both answers."""
    if pair.task not in READ_FROM_QUESTIONS:
        return False
    return all(_calls_from(question, pair, side) == _calls_of(side) != [] for side in (pair.chosen, pair.rejected))


def _calls_of(side: Side) -> list[Action]:
    return [step.action for step in side.trace.steps if step.action is not None] if side.trace else []


def _calls_from(question: str, pair: Pair, side: Side) -> list[Action]:
    known = {step.action: step.observation for step in side.trace.steps if step.action and step.observation} if side.trace else {}

    def observe(action: Action, case: Case) -> Observation:
        del case
        return known.get(action, Observation("no such call in the row", "error"))

    steps = task_named(pair.task).agents.steps(View(Case(question, side.answer, pair.context), pair.task), Random(0), observe)
    return [step.action for step in steps if step.action is not None]
