"""Sums that a text claims: `14*3 = 45 dollars`, `3 dozen at $4.50 is $162`, `20 % off 80 leaves 60`.

Each becomes an expression of the calculator and the value that is claimed. What is not understood is left out. Knows
nothing of answers with marks.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from themis.tools.numbers import GROUPED, plain

MOST, MOST_LETTERS = 100, 10_000
"""Sums of one text, and characters that are read of it."""
_N = rf"(?:(?<![\w)])-)?(?:\$\s?)?(?:(?:{GROUPED}|\d+)(?:\.\d+)?|\.\d+)"
_UNIT = r"(?:\s?%|(?:\s(?!times|plus|minus|divided|over|and|is|are|at|of|off|or|x\b)[a-z][a-z-]*){0,3})"
_IS = (
    r"\s*(?:=|,?\s(?:that(?:'s| is)|which is|and that is|is|are|equals?|makes?|gives?|leaves?|costs?|comes? to|totals?|would be|"
    r"adds? up to|amounts? to|yields?)(?:\s(?:a total of|exactly|about|only|altogether))?)\s*"
)
_SIGN = r"\s*(?:\*\*|[-+*/×÷·^]|x(?=[\s\d($])|times|plus|minus|divided by|multiplied by|over)\s*"
_END = r"(?![\d.,]*\d)(?!\s?[-+*/×÷=(]\s?[\d(])"
_TERM = rf"\({{0,4}}{_N}{_UNIT}\){{0,4}}"
_SIDE = rf"{_TERM}(?:{_SIGN}{_TERM}){{0,12}}"
_CHAIN = re.compile(rf"(?<![\w.,$*/+=(-]){_TERM}(?:{_SIGN}{_TERM}){{1,12}}(?:{_IS}{_SIDE}){{1,4}}{_END}", re.IGNORECASE)
_EQUALS = re.compile(_IS, re.IGNORECASE)
_WORDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(rf"(?<![\w.,$]){pattern}{_IS}(?P<claim>{_N}){_END}", re.IGNORECASE), made)
    for pattern, made in (
        (rf"(?P<a>{_N})\s?(?:%|per ?cent) of (?P<b>{_N}){_UNIT}", lambda found: f"{found['a']}/100*{found['b']}"),
        (rf"(?P<a>{_N})\s?(?:%|per ?cent) off (?:of )?(?P<b>{_N}){_UNIT}", lambda found: f"{found['b']}*(1-{found['a']}/100)"),
        (
            rf"(?P<b>{_N}){_UNIT},? (?:minus|less|reduced by) (?P<a>{_N})\s?(?:%|per ?cent)",
            lambda found: f"{found['b']}*(1-{found['a']}/100)",
        ),
        (rf"(?P<b>{_N}){_UNIT},? (?:plus|increased by) (?P<a>{_N})\s?(?:%|per ?cent)", lambda found: f"{found['b']}*(1+{found['a']}/100)"),
        (
            rf"(?P<a>{_N}) dozen(?: [a-z]+){{0,2}} (?:at|for) (?P<b>{_N})(?: dollars| euros?)?(?: each| apiece)?",
            lambda found: f"{found['a']}*12*{found['b']}",
        ),
        (
            rf"(?P<a>{_N})(?: [a-z]+){{1,2}} (?:at|for) (?P<b>{_N})(?: dollars| euros?)?(?: each| apiece)?",
            lambda found: f"{found['a']}*{found['b']}",
        ),
        (rf"half (?:of )?(?P<a>{_N}){_UNIT}", lambda found: f"{found['a']}/2"),
        (rf"a third of (?P<a>{_N}){_UNIT}", lambda found: f"{found['a']}/3"),
        (rf"a quarter of (?P<a>{_N}){_UNIT}", lambda found: f"{found['a']}/4"),
        (rf"(?:twice|double) (?P<a>{_N}){_UNIT}", lambda found: f"2*{found['a']}"),
    )
)
_SPELT = {
    "times": "*",
    "multiplied by": "*",
    "×": "*",
    "·": "*",
    "x": "*",
    "plus": "+",
    "minus": "-",
    "divided by": "/",
    "over": "/",
    "÷": "/",
}
_SPELT_SIGN = re.compile(r"\b(?:times|multiplied by|plus|minus|divided by|over)\b|[×·÷]|(?<=[\d)\s])x(?=[\s\d($])", re.IGNORECASE)
_LAST = re.compile(rf"{_N}{_END}")
_ANSWER_IS = re.compile(rf"\b(?:answer|total|result)\b[^.\n\d]{{0,40}}?(?P<number>{_N}){_END}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum that a text claims."""

    expression: str
    """For the calculator: numbers and signs, no units."""
    claim: str
    """An expression, too: mostly one number."""
    shown: str
    """As the text has it."""


def sums_in(text: str) -> list[Sum]:
    """The sums of a text in order, each place read once, at most `MOST`."""
    found: list[tuple[int, int, list[Sum]]] = []
    read = plain(text[:MOST_LETTERS]).replace("\u00a0", " ")
    for start, end, sums in sorted(_all(read), key=lambda each: (each[0], -each[1])):
        if not found or start >= found[-1][1]:
            found.append((start, end, sums))
    return [one for *_, sums in found for one in sums][:MOST]


def last_number(text: str) -> str | None:
    """The number that a text ends with, or that it calls its answer; without its currency."""
    read = plain(text[-MOST_LETTERS:]).replace("\u00a0", " ")
    named = list(_ANSWER_IS.finditer(read))
    numbers = [match[0] for match in _LAST.finditer(read)]
    number = named[-1]["number"] if named else numbers[-1] if numbers else None
    return number.replace("$", "").strip().removesuffix(".") if number else None


def _all(text: str) -> Iterator[tuple[int, int, list[Sum]]]:
    for pattern, made in _WORDS:
        for match in pattern.finditer(text):
            yield *match.span(), [Sum(_bare(made(match)), _bare(match["claim"]), match[0].strip())]
    for match in _CHAIN.finditer(text):
        sides = [_bare(side) for side in _EQUALS.split(match[0])]
        yield *match.span(), [Sum(one, other, match[0].strip()) for one, other in pairwise(sides)]


def _bare(text: str) -> str:
    """Numbers and signs alone."""
    signs = _SPELT_SIGN.sub(lambda sign: _SPELT[sign[0].lower()], text)
    return re.sub(r"\s+", "", re.sub(r"[$]|[a-z%]+(?:-[a-z]+)*", " ", signs, flags=re.IGNORECASE)).removesuffix(".")
