"""Finds a short answer in a passage: words without case and accents, numbers in words or figures, dates in any form.

Knows nothing of questions or of labels. Precision over recall: a paraphrase is not found.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from themis.builder.text.reading import NUMBERS
from themis.tools.dates import MONTHS

_WORD = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|[^\W_]+(?:['’][^\W_]+)*")
_ARTICLES = frozenset(("a", "an", "the"))
_NUMBERS = {word: str(number) for number, word in enumerate(NUMBERS)}
_SAME = {
    "usa": "united states", "us": "united states", "u s": "united states", "u s a": "united states", "america": "united states",
    "united states of america": "united states", "uk": "united kingdom", "great britain": "united kingdom", "nyc": "new york city",
    "un": "united nations", "ussr": "soviet union",
}  # fmt: skip
_MONTH = "|".join([*MONTHS, *(month[:3] for month in MONTHS), "Sept"])
_DATES = (
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\b\.?,?(?:\s+(?P<year>\d{{4}})\b)?", re.IGNORECASE),
    re.compile(rf"\b(?P<month>{_MONTH})\b\.?\s+(?P<day>\d{{1,2}})\b(?:st|nd|rd|th)?(?:,?\s+(?P<year>\d{{4}})\b)?", re.IGNORECASE),
    re.compile(rf"\b(?P<month>{_MONTH})\b\.?,?\s+(?:of\s+)?(?P<year>\d{{4}})\b", re.IGNORECASE),
    re.compile(r"\b(?P<year>\d{4})-(?P<month_number>\d{2})-(?P<day>\d{2})\b"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text in the form in which words are compared, and its place."""

    plain: str
    span: Span


@dataclass(frozen=True, slots=True)
class Day:
    """A date, or the written parts of one; a missing part is 0."""

    year: int
    month: int
    day: int
    span: Span

    def says(self, other: "Day") -> bool:
        """Whether it has every part of the other, with the same value."""
        return all(theirs in (0, ours) for ours, theirs in zip(self._parts, other._parts, strict=True))

    @property
    def _parts(self) -> tuple[int, int, int]:
        return self.year, self.month, self.day


def plain(text: str) -> str:
    """Without accents and case."""
    if text.isascii():
        return text.lower()
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)).lower()


@lru_cache(maxsize=512)
def words_of(text: str) -> tuple[Word, ...]:
    """The words of a text without articles. Numbers are in figures, without thousands separators."""
    found = []
    for match in _WORD.finditer(text):
        word = re.sub(r"['’]s?$|['’]", "", plain(match[0]))
        if word and word not in _ARTICLES:
            if word[0].isdigit():
                word = word.replace(",", "")
            found.append(Word(_NUMBERS.get(word, word), Span(match.start(), match.end())))
    return tuple(found)


def key(text: str) -> str:
    """The same text for equal answers, however they are written."""
    words = " ".join(word.plain for word in words_of(text))
    return _SAME.get(words, words)


def dates_in(text: str) -> list[Day]:
    """The dates of a text with at least two of day, month and year, each in its fullest reading."""
    found: list[Day] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            month = int(parts["month_number"]) if parts.get("month_number") else _month_number(parts["month"])
            span = Span(match.start(), match.end())
            if not any(day.span.start < span.end and span.start < day.span.end for day in found):
                found.append(Day(int(parts.get("year") or 0), month, int(parts.get("day") or 0), span))
    return sorted(found, key=lambda day: day.span.start)


def whole_date(text: str) -> Day | None:
    """The date that a text consists of, but for a function word."""
    dates = dates_in(text)
    if len(dates) != 1:
        return None
    rest = text[: dates[0].span.start] + text[dates[0].span.end :]
    return dates[0] if not set(re.findall(r"\w+", rest.lower())) - {"on", "in", "the", "utc", "bc", "ad"} else None


def find(answer: str, text: str) -> Span | None:
    """The first place of an answer in a text, in any of its written forms."""
    return next(places(answer, text), None)


def find_any(answers: Iterable[str], text: str) -> Span | None:
    """The place of the first answer that is in the text."""
    return next((span for answer in answers if (span := find(answer, text))), None)


def places(answer: str, text: str) -> Iterator[Span]:
    """All places of an answer in a text: for each written form, from left to right."""
    if day := whole_date(answer):
        yield from (said.span for said in dates_in(text) if said.says(day))
        return
    words, there = words_of(text), _plain_words(text)
    for form in forms(answer):
        wanted = [word.plain for word in words_of(form)]
        # Most answers are not there: checking the set of words first is quicker.
        if wanted and all(word in there or f"{word}s" in there or word.removesuffix("s") in there for word in wanted):
            yield from _rows_of(wanted, words)


def forms(answer: str) -> list[str]:
    """The written forms of an answer: whole, without its brackets, without `language`, and its alternative name."""
    shorter = re.sub(r"\s*\([^)]*\)", "", answer).strip()
    found = [answer, shorter, re.sub(r"\s+[Ll]anguage$", "", shorter)]
    same = key(answer)
    if same in _SAME.values():
        found += [same, *(other for other, name in _SAME.items() if name == same and len(other) > 2)]
        found += ["U.S."] if same == "united states" else []
    return [form for form in dict.fromkeys(found) if form]


def quoted(text: str, span: Span, around: int = 4) -> str:
    """The piece of a text with a few words on either side, in one line."""
    before = text[: span.start].rsplit(maxsplit=around)
    after = text[span.end :].split(maxsplit=around)
    left = " ".join(before[1:]) if len(before) > around else " ".join(before)
    right = " ".join(after[:around])
    glue_left = "" if not left or not text[span.start - 1 : span.start].isspace() else " "
    glue_right = "" if not right or not text[span.end : span.end + 1].isspace() else " "
    return " ".join(f"{left}{glue_left}{text[span.start : span.end]}{glue_right}{right}".split())


@lru_cache(maxsize=64)
def _plain_words(text: str) -> frozenset[str]:
    return frozenset(word.plain for word in words_of(text))


def _rows_of(wanted: Sequence[str], words: Sequence[Word]) -> Iterator[Span]:
    """The places where the words occur in a row. A plural counts as its singular."""
    for at in range(len(words) - len(wanted) + 1):
        if all(_same_word(words[at + place].plain, other) for place, other in enumerate(wanted)):
            yield Span(words[at].span.start, words[at + len(wanted) - 1].span.end)


def _same_word(word: str, other: str) -> bool:
    if word == other:
        return True
    short, long = sorted((word, other), key=len)
    return len(short) >= 4 and long == f"{short}s" and short.isalpha()


def _month_number(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, 1) if month[:3].lower() == name[:3].lower())
