"""Surface cues: rules by which somebody who reads no observation would guess the right answer.

Each rule has two readings, because a set that balances only one can be won by the other. Knows nothing of rows
(`filters`), of balancing (`balance`) or of measuring (`audit`).
"""

import re

_WORD = re.compile(r"\w+")
_MARK = re.compile(r"[^\w\s]")

RULES = ("length", "punctuation", "case", "overlap with the question")

READINGS: tuple[tuple[str, str], ...] = (
    ("length", "characters"),
    ("length", "words"),
    ("punctuation", "marks"),
    ("punctuation", "marks for each character"),
    ("case", "capitals"),
    ("case", "capitals for each character"),
    ("overlap with the question", "words that stand in the question"),
    ("overlap with the question", "their share of all words"),
)
"""Rule and reading, in the order of `looks`."""


def asked(question: str) -> frozenset[str]:
    """The words of a question, in lower case."""
    return frozenset(word.casefold() for word in _WORD.findall(question))


def looks(question_words: frozenset[str], answer: str) -> tuple[float, ...]:
    """A number for each of `READINGS`."""
    words = _WORD.findall(answer)
    marks = len(_MARK.findall(answer))
    capitals = sum(letter.isupper() for letter in answer)
    shared = sum(word.casefold() in question_words for word in words)
    length = len(answer)
    return (
        float(length),
        float(len(words)),
        float(marks),
        marks / max(1, length),
        float(capitals),
        capitals / max(1, length),
        float(shared),
        shared / max(1, len(words)),
    )


def signs(question: str, chosen: str, rejected: str) -> tuple[int, ...]:
    """For each of `READINGS`, whether the chosen answer has more of it (1), as much (0) or less (-1)."""
    words = asked(question)
    compared = zip(looks(words, chosen), looks(words, rejected), strict=True)
    return tuple((right > wrong) - (right < wrong) for right, wrong in compared)


def bag(answer: str) -> list[str]:
    """The words of an answer for a bag of words, in lower case; numbers and names are words too."""
    return [word.casefold() for word in _WORD.findall(answer)]
