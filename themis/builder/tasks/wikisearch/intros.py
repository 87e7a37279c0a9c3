"""Questions generated from the introductions of 40,000 Wikipedia articles: who was born when, who directed what.

The other sources hold too few questions that the offline wiki settles. An article gives at most two questions, and
none if another article shares its name. No answer is right for more than a small share of the questions of one
relation. Knows nothing of the patterns that read a sentence (`first_sentences`) or of wrong answers.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

from themis.builder.draft import Draft, Source
from themis.builder.tasks.wikisearch.first_sentences import Saying, first_paragraph, sayings
from themis.builder.tasks.wikisearch.questions import same_question
from themis.files import json_lines, text_field
from themis.phrases import phrases

WORDINGS = phrases(__package__, "intro_questions.yaml")
KINDS = {relation: kind for kind, relations in phrases(__package__, "intro_kinds.yaml").items() for relation in relations}
INTROS = "wikipedia/intros.jsonl.xz"
OF_AN_ARTICLE = 2
"""Most questions from one article."""
MOST_OF_ONE = 0.04
"""The share of a relation's questions that may have the same answer."""
_LEAST_OF_ONE = 12
_NO_SUBJECT = re.compile(r"^(?:List|Lists|Geography|Demographics|Outline|History|Index|Transport|Politics|Economy)\b|^\d|[#/{}<>|]|–")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of an article, with the name of its subject."""

    title: str
    subject: str
    saying: Saying


def read(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
    """Questions of all relations in turn, in the order of the seed."""
    by_relation: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts(root / INTROS):
        by_relation[fact.saying.relation].append(fact)
    for relation, found in by_relation.items():
        Random(f"{seed}/intros/{relation}").shuffle(found)
    yield from _in_turn(by_relation, seed, wanted)


def _in_turn(by_relation: dict[str, list[Fact]], seed: int, wanted: int) -> Iterator[Draft]:
    """One question of each relation, then the next of each, until none is left."""
    used: Counter[str] = Counter()
    answered: Counter[tuple[str, str]] = Counter()
    asked: set[str] = set()
    left = {relation: iter(found) for relation, found in sorted(by_relation.items())}
    while left and wanted > 0:
        for relation in list(left):
            most = max(_LEAST_OF_ONE, int(MOST_OF_ONE * len(by_relation[relation])))
            for fact in left[relation]:
                name = (relation, fact.saying.answer.lower())
                draft = _draft(fact, seed)
                if used[fact.title] < OF_AN_ARTICLE and answered[name] < most and draft.question.lower() not in asked:
                    used[fact.title] += 1
                    answered[name] += 1
                    asked.add(draft.question.lower())
                    yield draft
                    wanted -= 1
                    break
            else:
                del left[relation]
            if wanted <= 0:
                return


def _draft(fact: Fact, seed: int) -> Draft:
    relation = fact.saying.relation
    rng = Random(f"{seed}/intros/{relation}/{fact.title}")
    wordings: Sequence[str] = WORDINGS[relation]
    subject = fact.subject
    if fact.saying.what and relation != "developer":
        subject = f"the {fact.saying.what} {subject}" if rng.random() < 0.8 else subject
    question = rng.choice(wordings).format(subject=subject)
    question = _in_style(question[0].upper() + question[1:], rng)
    facts = {"kind": KINDS[relation], "subject": fact.subject, "relation": relation}
    return Draft(
        f"intros/{relation}/{fact.title}",
        "wikisearch",
        "intros",
        question,
        fact.saying.answer,
        facts=facts,
        group=f"intros/{same_question(fact.title)}",
    )


def _in_style(question: str, rng: Random) -> str:
    """The question as written, without its question mark, or in lower case, as people type."""
    style = rng.random()
    if style < 0.5:
        return question
    if style < 0.6:
        return question.rstrip("?")
    return question.lower().rstrip("?") if style < 0.85 else question.lower()


@lru_cache(maxsize=1)
def facts(file: Path) -> tuple[Fact, ...]:
    """All facts of the file, in its order; raises `DataError` with file, line and field."""
    articles = list(_articles(file))
    names = Counter(_subject(title) for title, _ in articles)
    found = []
    for title, text in articles:
        subject = _subject(title)
        if names[subject] > 1 or _NO_SUBJECT.search(subject) or len(subject) > 50 or not _opens_with(text, subject):
            continue
        asked = set(_WORD.findall(subject.lower()))
        for saying in sayings(text):
            if saying.relation in WORDINGS and not set(_WORD.findall(saying.answer.lower())) & asked:
                found.append(Fact(title, subject, saying))
    return tuple(found)


def _articles(file: Path) -> Iterator[tuple[str, str]]:
    for number, row in json_lines(file):
        where = f"{file}, line {number}"
        yield text_field(row, "title", where), text_field(row, "text", where)


def _subject(title: str) -> str:
    return re.sub(r"\s*\([^)]*\)$", "", title).strip()


def _opens_with(text: str, subject: str) -> bool:
    """Whether the article starts with its subject's name. In some it is lost, or a note comes first."""
    paragraph = first_paragraph(text)
    if paragraph is None:
        return False
    opening = set(_WORD.findall(paragraph[: len(subject) + 60].lower()))
    words = _WORD.findall(subject.partition(",")[0].lower())
    return bool(words) and sum(word in opening for word in words) >= 0.6 * len(words)


SOURCES = (
    Source("intros", "wikisearch", "CC BY-SA (Wikipedia, introductions of articles); questions made by our own rules", read, (INTROS,)),
)
