"""XQuAD: questions in ten languages on English paragraphs. The parallel English question is the recorded translation.

The right answer comes from the English file, so that the context and the answer are English and the question is not. A
share of the contexts joins neighbouring paragraphs of the article, as long texts are harder to read. The source's
wrong answers are the right answers to other questions on the context.
Source: Artetxe et al., arXiv:1910.11856, on SQuAD 1.1.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from themis.builder.draft import Draft, Source
from themis.builder.text.reading import bare, content, words
from themis.errors import DataError
from themis.files import json_object, objects_field, text_field
from themis.phrases import document

LANGUAGES: Mapping[str, str] = document(__package__, "languages.yaml")
JOINED = 0.5
"""The share of drafts with a context of several paragraphs."""
LONGEST = 600
"""Most words of a joined context."""
_ASKED = ("who", "whom", "whose", "when", "where", "how many", "how much", "how", "why", "which", "what")


@dataclass(frozen=True, slots=True)
class _Question:
    id: str
    text: str
    answer: str
    asked: str
    """Its question word."""


@dataclass(frozen=True, slots=True)
class _Article:
    title: str
    paragraphs: tuple[str, ...]
    questions: tuple[tuple[_Question, ...], ...]
    """The questions on each paragraph."""


def read_xquad(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
    """Every question in one language, then every question in another. Each question has its own order of languages."""
    articles = list(_articles(file_of(root, "en")))
    asked = {code: _questions(file_of(root, code)) for code in LANGUAGES}
    rng = Random(f"{seed}/xquad")
    places = [(article, number, question) for article in articles for number, of in enumerate(article.questions) for question in of]
    rng.shuffle(places)
    orders = [rng.sample(list(LANGUAGES), len(LANGUAGES)) for _ in places]
    drafts = (
        _draft(article, number, question, order[turn], asked[order[turn]], seed)
        for turn in range(len(LANGUAGES))
        for (article, number, question), order in zip(places, orders, strict=True)
    )
    for _, draft in zip(range(wanted), drafts, strict=False):
        yield draft


def _draft(article: _Article, number: int, question: _Question, code: str, asked: dict[str, str], seed: int) -> Draft:
    name = f"xquad/{code}/{question.id}"
    if question.id not in asked:
        raise DataError(f"xquad/xquad.{code}.json.gz: the question '{question.id}' of the English file is missing")
    taken = _context(article, number, Random(f"{seed}/{name}"))
    others = [other for one in sorted(taken, key=lambda one: (one != number, one)) for other in article.questions[one]]
    return Draft(
        id=name,
        task="translator",
        source="xquad",
        question=asked[question.id],
        chosen=question.answer,
        rejected=_wrong_answers(question, others),
        references=_references(question, others),
        context=" ".join(article.paragraphs[one] for one in taken),
        facts={"language": LANGUAGES[code]},
        recorded=(("translate", asked[question.id], question.text),),
        group=f"xquad/{article.title}",
    )


def _context(article: _Article, number: int, rng: Random) -> Sequence[int]:
    """The numbers of a context's paragraphs: one, or neighbours with the right one anywhere among them."""
    first = last = number
    room = rng.randint(200, LONGEST) if rng.random() < JOINED else 0
    lengths = [len(paragraph.split()) for paragraph in article.paragraphs]
    while True:
        fits = [
            side
            for side in (first - 1, last + 1)
            if 0 <= side < len(lengths) and sum(lengths[min(first, side) : max(last, side) + 1]) <= room
        ]
        if not fits:
            return range(first, last + 1)
        side = rng.choice(fits)
        first, last = min(first, side), max(last, side)


def _references(question: _Question, others: Sequence[_Question]) -> tuple[str, ...]:
    """The answers to the same question in the same words."""
    same = [other.answer for other in others if bare(other.text) == bare(question.text)]
    return tuple(dict.fromkeys(answer for answer in same if answer != question.answer))


def _wrong_answers(question: _Question, others: Sequence[_Question]) -> tuple[str, ...]:
    """Right answers to other questions on the context that share no word with this one's.

    Those with the same question word come first. A question in nearly the same words gives none, as "one way" and "the
    other way" may have the same answers.
    """
    right = {word for other in others if _alike(other, question) for word in bare(other.answer)}
    wrong = [other for other in others if not right & set(bare(other.answer))]
    wrong.sort(key=lambda other: other.asked != question.asked)  # stable: answers from the same paragraph stay first
    return tuple(dict.fromkeys(other.answer for other in wrong))


def _alike(one: _Question, other: _Question) -> bool:
    first, second = set(content(one.text)), set(content(other.text))
    return len(first & second) >= 0.6 * max(1, len(first | second))


def file_of(root: Path, code: str) -> Path:
    """The file of a language."""
    return root / "xquad" / f"xquad.{code}.json.gz"


def _articles(file: Path) -> Iterator[_Article]:
    for place, article in objects_field(json_object(file), "data", str(file)):
        paragraphs = list(objects_field(article, "paragraphs", place))
        yield _Article(
            title=text_field(article, "title", place),
            paragraphs=tuple(" ".join(text_field(paragraph, "context", where).split()) for where, paragraph in paragraphs),
            questions=tuple(tuple(_asked_on(paragraph, where)) for where, paragraph in paragraphs),
        )


def _asked_on(paragraph: dict[str, Any], place: str) -> Iterator[_Question]:
    for where, row in objects_field(paragraph, "qas", place):
        question = " ".join(text_field(row, "question", where).split())
        answers = [text_field(answer, "text", of) for of, answer in objects_field(row, "answers", where)]
        if not answers:
            raise DataError(f"{where}: field 'answers' is empty")
        told = " ".join(words(question))
        yield _Question(text_field(row, "id", where), question, _tidy(answers[0]), next((word for word in _ASKED if word in told), ""))


def _questions(file: Path) -> dict[str, str]:
    """The questions of a file by their ids, which are the same in all languages."""
    return {
        text_field(row, "id", where): " ".join(text_field(row, "question", where).split())
        for place, article in objects_field(json_object(file), "data", str(file))
        for of, paragraph in objects_field(article, "paragraphs", place)
        for where, row in objects_field(paragraph, "qas", of)
    }


def _tidy(answer: str) -> str:
    """An answer without a full stop or comma at its end, unless it ends an abbreviation (`U.S.`)."""
    answer = answer.strip().rstrip(" (")
    return answer if re.search(r"\b\w\.\w\.$", answer) else answer.rstrip(".,;:")


SOURCES = (
    Source(
        name="xquad",
        task="translator",
        licence="CC BY-SA 4.0; XQuAD by Artetxe, Ruder and Yogatama, on SQuAD 1.1 and Wikipedia",
        read=read_xquad,
        reserved_one_in=24,
        files=tuple(f"xquad/xquad.{code}.json.gz" for code in LANGUAGES),
    ),
)
