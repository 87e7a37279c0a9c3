"""Wrong answers of the right kind: from the same passage, from other questions, and altered dates and numbers.

Wrong answers are drawn from the right answers to all questions, by their frequency. So an answer is wrong about as
often as it is right, and its surface cues tell nothing. Three kinds are left out: what the passage also gives,
parts of the right answer, and what may be another name for it.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

from themis.builder.draft import Draft
from themis.builder.tasks.wikisearch.kinds import NUMBER_WORDS, kind_of, shape_of
from themis.builder.tasks.wikisearch.matching import Day, Span, dates_in, find, key, plain, whole_date, words_of
from themis.builder.tasks.wikisearch.synonyms import same_thing
from themis.config import data_root
from themis.errors import DataError
from themis.tools.dates import MONTHS

SAME_PASSAGE = 0.3
"""The share of drafts whose wrong answers come from the passage, if it has any. They are the hardest to tell apart."""
MOST = 6
_TRIES = 30
_ENOUGH = 12
_LEAST = 25
"""Fewest answers in a pool."""
_NAME = re.compile(r"\b[A-ZÀ-Þ][\w'’-]+(?:\s+(?:[A-ZÀ-Þ](?:[\w'’-]+|\.)|de|van|von|la|del)){1,3}")
_NO_PERSON = frozenset(
    "the in on at of and his her this he she it american british english french german united states university college school "
    "new north south east west world war film album song series season city county company party club band house award awards league "
    "cup records academy national international church battle act court army air force river lake mount street central saint".split()
)
_FIGURES = re.compile(r"\d[\d,]*")
_DATE_KINDS = ("date", "month", "day", "year")


@dataclass(frozen=True, slots=True)
class Pool:
    """The right answers of one kind in order, each as often as it is right."""

    answers: tuple[str, ...]
    most: int
    """The count of the most frequent one."""

    def draw(self, right: str, rng: Random) -> str:
        """An answer at a random distance in the circle.

        Over all right answers, each is drawn as often as it is right.
        """
        size = len(self.answers)
        first = bisect_left(self.answers, right)
        last = first
        while last < size and self.answers[last] == right:
            last += 1
        at = rng.randrange(first, max(last, first + 1))
        low = min(self.most, size // 2)
        return self.answers[(at + rng.randint(low, max(low, size - low))) % size]


def wrong_answers(draft: Draft, rng: Random, passage: str) -> list[str]:
    """Several wrong answers of different lengths, or fewer if few can be made."""
    rights = (draft.chosen, *draft.references)
    kind = _kind(draft)
    made: list[str] = [*draft.rejected]
    near: list[str] = []
    if rng.random() < SAME_PASSAGE:
        near = [each for each in _of_passage(kind, draft, passage) if differs(each, rights)]
        rng.shuffle(near)
    if near:
        made += near[:MOST]  # alone: from a mixture, mostly the easy ones would be chosen
    else:
        made += [each for each in _altered(kind, draft.chosen, rng) if not find(each, passage)]
        if len(made) < 2 or kind in _DATE_KINDS:
            made += _by_length(draft.chosen, list(_of_pool(kind, draft, rng, passage)))
    asked = {word.plain for word in words_of(draft.question)}
    overlap = {word.plain for word in words_of(draft.chosen)} & asked
    kept: dict[str, str] = {}
    for each in made:
        if differs(each, rights) and (overlap or not {word.plain for word in words_of(each) if len(word.plain) > 3} & asked):
            kept.setdefault(key(each), each)
    return list(kept.values())[:MOST]


def differs(answer: str, rights: Sequence[str]) -> bool:
    """Whether an answer differs from all right ones: not part of one, not one with more words, not a synonym."""
    words = set(key(answer).split())
    if not words:
        return False
    for right in rights:
        others = set(key(right).split())
        if words <= others or others <= words or same_thing(answer, right):
            return False
        day, other = whole_date(answer), whole_date(right)
        if day and other and (day.says(other) or other.says(day)):
            return False
    return True


def names_in(text: str) -> Iterator[tuple[str, Span]]:
    """Texts with the form of a person's name: two to four capitalised words, none typical of places or works."""
    for match in _NAME.finditer(text):
        name = match[0].rstrip(".,'’-")
        words = plain(name).split()
        if not set(words) & _NO_PERSON and not any(month.lower() in words for month in MONTHS) and not name.isupper():
            yield name, Span(match.start(), match.start() + len(name))


def _kind(draft: Draft) -> str:
    """The kind that the question asks for.

    An answer that names a person is one; `who` may ask for a people or a company.
    """
    kind = kind_of(draft.question, draft.chosen, draft.facts)
    if "kind" in draft.facts or kind not in ("person", "thing", "place", "time"):
        return kind
    if _is_person(draft.chosen) or (kind == "person" and _is_name(draft.chosen)):
        return "person"
    return "group" if kind == "person" else kind


def _is_person(answer: str) -> bool:
    """Whether the first word is a first name."""
    return _is_name(answer) and plain(answer.split()[0]) in _first_names(data_root())


def _is_name(answer: str) -> bool:
    name = next(names_in(answer), None)
    return name is not None and name[0] == answer


@lru_cache(maxsize=1)
def _first_names(root: Path | None) -> frozenset[str]:
    """The first names of people with an article; empty without the data."""
    from themis.builder.tasks.wikisearch import intros

    if root is None or not (root / intros.INTROS).is_file():
        return frozenset()
    people = (fact.subject.split() for fact in intros.facts(root / intros.INTROS) if fact.saying.relation == "born")
    return frozenset(plain(words[0]) for words in people if len(words) > 1)


def _of_passage(kind: str, draft: Draft, passage: str) -> Iterator[str]:
    """Others of the kind in the passage, in the right answer's form, without those that may be right too."""
    right = draft.chosen
    if kind in ("date", "month") and (form := whole_date(right)):
        for day in dates_in(passage):
            if day.year and day.month and (day.day or kind == "month"):
                yield _date_in_form(day, right, form)
    elif kind == "year":
        for match in re.finditer(r"(?<![\d–-])\b(1[0-9]\d\d|20[012]\d)\b(?![\d–-])", passage):
            yield re.sub(r"\d{4}", match[1], right)
    elif kind == "number" and (figures := _FIGURES.search(right)):
        for match in re.finditer(r"(?<![\w.,–-])\d[\d,]*(?![\w–-])", passage):
            if _magnitude(match[0]) == _magnitude(figures[0]) and not 1900 <= _whole_number(match[0]) <= 2030:
                yield right.replace(figures[0], match[0].rstrip(","), 1)
    elif kind in ("person", "performer") and len(right.split()) in (2, 3):
        yield from _other_names(draft, passage)


def _other_names(draft: Draft, passage: str) -> Iterator[str]:
    """Names from other sentences that share no word with the question or the title."""
    taken = {word.plain for word in words_of(f"{draft.question} {draft.chosen} {passage.partition(' | ')[0]}")}
    span = find(draft.chosen, passage)
    for name, at in names_in(passage):
        apart = span is None or ". " in passage[min(span.end, at.end) : max(span.start, at.start)]
        if apart and _is_person(name) and not {word.plain for word in words_of(name)} & taken:
            yield name


def _altered(kind: str, right: str, rng: Random) -> Iterator[str]:
    """The right answer with another day, month, year or number."""
    for _ in range(4):
        if kind in ("date", "month", "day") and (day := whole_date(right)):
            yield _date_in_form(_another_day(day, rng), right, day)
        elif kind == "year":
            yield re.sub(r"\d{4}", lambda found: str(_another_year(int(found[0]), rng)), right)
        elif kind == "range":
            by = rng.choice((-1, 1)) * rng.randint(1, 9)
            yield re.sub(r"\d{4}|\d{2}$", lambda found: f"{(int(found[0]) + by) % 10 ** len(found[0]):0{len(found[0])}d}", right)  # noqa: B023
        elif kind == "number":
            yield _another_number(right, rng)


def _another_day(day: Day, rng: Random) -> Day:
    """The date with one to three parts changed."""
    parts = rng.choice(("day", "month", "year", "day month", "day year", "all")).split()
    change = ("day", "month", "year") if parts == ["all"] else tuple(parts)
    number = rng.choice([n for n in range(1, 29) if n != day.day]) if day.day and "day" in change else day.day
    month = rng.choice([n for n in range(1, 13) if n != day.month]) if "month" in change or not day.day else day.month
    year = _another_year(day.year, rng) if day.year and "year" in change else day.year
    return Day(year, month, min(number, 28) if "month" in change else number, day.span)


def _another_year(year: int, rng: Random) -> int:
    tens = year % 10 == 0 and rng.random() < 0.5
    other = year + rng.choice((-1, 1)) * (10 * rng.randint(1, 3) if tens else rng.randint(1, 14))
    return other if other <= 2019 else year - (other - year)


def _another_number(right: str, rng: Random) -> str:
    """Another number, as round, with the same commas and the same words around it."""
    if figures := re.search(r"\d[\d,]*", right):
        value = _whole_number(figures[0])
        if 1500 <= value <= 2030 and "," not in figures[0]:  # a year among other words
            return right[: figures.start()] + str(_another_year(value, rng)) + right[figures.start() + 4 :]
        step = 10 ** (len(str(value)) - len(str(value).rstrip("0"))) if value else 1
        far = max(3, value // step // 3)
        other = value + rng.choice((-1, 1)) * step * rng.randint(1, far)
        other = other if other > 0 else value + step * rng.randint(1, far)
        written = f"{other:,}" if "," in figures[0] else f"{other:0{len(figures[0])}d}" if figures[0].startswith("0") else str(other)
        return right[: figures.start()] + written + right[figures.start() + len(figures[0].rstrip(",")) :]
    word = right.split()[0]
    if word.lower() not in NUMBER_WORDS:
        return right
    at = NUMBER_WORDS.index(word.lower())
    least = 1 if " " in right else 0  # `one` needs the singular
    other_word = rng.choice([each for each in NUMBER_WORDS[max(at - 4, least) : at + 5] if each != word.lower()])
    return right.replace(word, other_word.capitalize() if word[0].isupper() else other_word, 1)


def _date_in_form(day: Day, right: str, form: Day) -> str:
    """A date in the form of another."""
    text = right[form.span.start : form.span.end]
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        written = f"{day.year:04d}-{day.month:02d}-{day.day:02d}"
    else:
        short = re.search(r"[^\W\d_]{3,}", re.sub(r"\b(?:of|st|nd|rd|th)\b|(?<=\d)(?:st|nd|rd|th)", "", text))
        name = MONTHS[day.month - 1]
        name = name[:3] if short and len(short[0]) <= 3 and short[0].lower() != "may" else name
        name = name.lower() if short and short[0].islower() else name
        written = re.sub(r"[^\W\d_]{3,}\.?", name, re.sub(r"(?<=\d)(?:st|nd|rd|th)", "", text), count=1)
        written = re.sub(r"\b\d{4}\b", str(day.year), written)
        written = re.sub(r"\b\d{1,2}\b", str(day.day or form.day), written, count=1)
    return right[: form.span.start] + written + right[form.span.end :]


def _of_pool(kind: str, draft: Draft, rng: Random, passage: str) -> Iterator[str]:
    """Right answers to other questions, of the same kind and form, that the passage does not give."""
    pool = _pool_for(kind, draft)
    if pool is None:
        return
    looks, seen = shape_of(draft.chosen), set[str]()
    for strict in (True, False):
        for _ in range(_TRIES):
            drawn = pool.draw(draft.chosen, rng)
            if drawn in seen or (strict and shape_of(drawn) != looks) or _is_said(drawn, passage):
                continue
            seen.add(drawn)
            yield drawn
            if len(seen) >= _ENOUGH:
                return
        if len(seen) >= 3:
            return


def _is_said(answer: str, passage: str) -> bool:
    """Whether a passage gives an answer, a part of it, or a synonym."""
    if find(answer, passage):
        return True
    first = answer.split(",")[0]
    return (first != answer and find(first, passage) is not None) or same_thing(answer, passage)


def _by_length(right: str, drawn: list[str]) -> list[str]:
    """The nearest in length, a shorter one, a longer one, and one more."""
    near = sorted(drawn, key=lambda each: abs(len(each) - len(right)))
    shorter = [each for each in near if len(each) < len(right)][:2]
    longer = [each for each in near if len(each) > len(right)][:2]
    return list(dict.fromkeys([*near[:1], *shorter, *longer, *drawn[:1]]))


def _pool_for(kind: str, draft: Draft) -> Pool | None:
    """The pool of the draft's source if it is large enough, else that of the kind, else that of the form."""
    found = _pools(data_root())
    for name in ((draft.source, kind), ("", kind), ("", "thing")):
        if name in found and len(found[name].answers) >= _LEAST:
            return found[name]
    return None


@lru_cache(maxsize=1)
def _pools(root: Path | None) -> dict[tuple[str, str], Pool]:
    """The pools by source and kind, and by kind alone under the source ``; empty without the data."""
    gathered: dict[tuple[str, str], list[str]] = defaultdict(list)
    for draft in _all_drafts(root) if root else ():
        kind = _kind(draft)
        gathered[draft.source, kind].append(draft.chosen)
        gathered["", kind].append(draft.chosen)
    return {name: Pool(tuple(sorted(answers)), max(Counter(answers).values())) for name, answers in gathered.items()}


def _all_drafts(root: Path) -> Iterable[Draft]:
    """The drafts of all sources of the task, whatever the seed of the build."""
    from themis.builder.tasks.wikisearch import intros, questions

    for source in (*questions.SOURCES, *intros.SOURCES):
        if all((root / file).is_file() for file in source.files):
            try:
                yield from source.read(root, 0, 8_000)
            except DataError:  # the reader of the source reports it
                continue


def _whole_number(figures: str) -> int:
    return int(figures.replace(",", "") or 0)


def _magnitude(figures: str) -> int:
    return len(figures.replace(",", ""))
