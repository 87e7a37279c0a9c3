"""The kind of thing that a question asks for, from its words and from the form of an answer.

A wrong answer is plausible if it is of the right kind: a year for a year, a person for a person.
"""

import re
from collections.abc import Mapping

from themis.builder.tasks.wikisearch.matching import whole_date, words_of
from themis.builder.text.reading import NUMBERS
from themis.phrases import phrases

NUMBER_WORDS = NUMBERS[1:13]
_KIND_OF_NOUN = {noun: kind for kind, nouns in phrases(__package__, "kinds.yaml").items() for noun in nouns}
_YEAR = re.compile(r"(?:(?:in|since|about|c\.|circa)\s+)?(?:the\s+)?\d{4}(?:s|\s+(?:AD|BC|CE|BCE))?", re.IGNORECASE)
_RANGE = re.compile(r"\d{4}\s*(?:--|[-–—]|to|until|and)\s*(?:\d{2}|\d{4})", re.IGNORECASE)
_STARTS_WITH_NUMBER = re.compile(rf"\D{{0,14}}\d|(?:{'|'.join(NUMBER_WORDS)})\b", re.IGNORECASE)


def kind_of(question: str, answer: str, facts: Mapping[str, str]) -> str:
    """The kind in a word. If the source knows it, it is among the facts."""
    if form := _form(answer):
        return form
    if "kind" in facts:
        return facts["kind"]
    words = [word.plain for word in words_of(question)]
    if {"who", "whose", "whom"} & set(words[:6]):
        return "person"
    asked = next((at for at, word in enumerate(words) if word in ("what", "which")), None)
    if asked is not None:
        for word in words[asked + 1 : asked + 5]:
            if word in _KIND_OF_NOUN:
                return _KIND_OF_NOUN[word]
            if word in ("is", "was", "did", "does", "do", "are", "were") and "occupation" not in words:
                break
    named = next((_KIND_OF_NOUN[word] for word in ("occupation", "language", "currency", "religion", "capital") if word in words), None)
    if named:
        return named
    return "place" if "where" in words else "time" if "when" in words else "thing"


def _form(answer: str) -> str | None:
    """The kinds that show in the form of an answer."""
    text = answer.strip()
    if day := whole_date(text):
        return "date" if day.year and day.day else "month" if day.year else "day"
    if _YEAR.fullmatch(text):
        return "year"
    if _RANGE.fullmatch(text):
        return "range"
    if re.match(r"one\s", text, re.IGNORECASE):
        return None
    return "number" if _STARTS_WITH_NUMBER.match(text) and len(text.split()) <= 5 else None


def shape_of(answer: str) -> tuple[bool, bool, bool, bool]:
    """The form of an answer: whether it has capitals, figures, a comma, other marks."""
    return (
        answer[:1].isupper(),
        any(letter.isdigit() for letter in answer),
        "," in answer,
        bool(re.search(r"[^\w\s,]", answer)),
    )
