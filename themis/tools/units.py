"""Claims of units in a text, checked: `5 km is 5000 m`, `2 hours and 30 minutes = 150 minutes`, `100 F is 37.8 C`.

Only claims with different units are read: the others are sums (`sums_in_text`). A claim may be rounded to the digits
that it has. What may mean something else is left out: `half of 5 km is 2500 m`, `a rise of 10 C is 18 F`, `about`.

The factors are those of the library pint, in fractions. It is imported for the first claim, and sees no text, only the
names of `units.yaml`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice, pairwise
from typing import Any

from themis.phrases import document
from themis.tools.numbers import GROUPED, MAX_DIGITS, plain

MOST, MOST_LETTERS = 100, 10_000
"""Claims of one text, and characters that are read of it."""


_N = rf"-?(?:(?:{GROUPED}|\d+)(?:\.\d+)?|\.\d+)"
_Q, _ONE = "\ue000\ue001*", "\ue002\ue001*"
"""A quantity once its letters are replaced by these, and `a mile`."""
_SIDE = rf"(?:{_ONE}|{_Q}(?:(?: ?\+ ?| - |,? (?:and |plus |minus )?){_Q}){{0,2}})"
_IS = (
    r"(?:\s?=\s?|,?\s(?:that(?:'s| is)|which is|is|are|was|were|equals?|makes?|gives?|comes? to|converts to|corresponds to|has"
    r"|have|contains?)"
    r"\s(?:exactly )?)"
)
_CLAIM = re.compile(rf"(?<![\w.,$/:+*×·÷%-]){_SIDE}(?:{_IS}{_SIDE}){{1,3}}(?!\ue001)")
_EQUALS = re.compile(_IS)
_OTHER_BEFORE = re.compile(
    r"(?:[-+*/×÷·^%]|\b(?:times|of|by|over|plus|minus|half|twice|double|triple|than|(?<!, )and|to|or|less|more|per|about|around"
    r"|roughly|nearly"
    r"|almost|approximately|every|each|with|if|not|no|never|another|extra|x|square|cubic))[\s,]*$",
    re.IGNORECASE,
)
"""What makes another quantity of the one behind it."""
_OTHER_BEHIND = re.compile(
    r"\s?(?:[-+*/×÷=^(]\s?[\d(]|[%^/]|\d)"
    r"|,?[\s-](?:per|an?|each|every|times|plus|minus|more|less|longer|shorter|taller|heavier|lighter|away|apart|ahead|behind|above|below"
    r"|warmer|colder|cooler|hotter|higher|lower|faster|slower|later|earlier|too|over|under|off|from|short|or)\b|\sand (?=\d|an?\b|half)",
    re.IGNORECASE,
)
_OF_CHANGE = re.compile(
    r"\b(?:rise|rose|fall|fell|drop|increas|decreas|differ|warm|cool|chang|gap|rang|spread|step)\w*\b[^.;!?]*$", re.IGNORECASE
)
"""Of a difference of temperatures, 10 C is 18 F."""
_AN = re.compile(r"^(?:an?|one) ", re.IGNORECASE)
_TEMPERATURES = ("degree_Celsius", "degree_Fahrenheit", "kelvin")


@dataclass(frozen=True, slots=True)
class Conversion:
    """A claim of a text that two quantities are equal, and the verdict on it."""

    first: int
    """Where its first side ends in the text. A sum may be before: `5*2 = 10 km = 10000 m`."""
    end: int
    verdict: str


@dataclass(frozen=True, slots=True)
class _Quantity:
    """A side of a claim: `2 hours and 30 minutes` has two parts."""

    numbers: tuple[Fraction, ...]
    units: tuple[tuple[str, ...], ...]
    """pint's names, for each of the meanings of a word."""
    unit: str
    """The last one, as the text has it."""
    is_sum: bool
    """Joined by a sign, not by `and`."""
    step: Fraction
    """What one unit of the last written digit is worth."""
    digits: int
    """How many digits the last number has, but for 0s that may be rounded."""
    shown: str


def conversions_in(text: str) -> list[Conversion]:
    """The claims of units in a text, in order; of the first `MOST`. What is in doubt is left out."""
    read = plain(text[:MOST_LETTERS])
    masked = _quantity().sub(lambda match: ("\ue002" if match["one"] else "\ue000").ljust(len(match[0]), "\ue001"), read)
    found: list[Conversion] = []
    for match in islice(_CLAIM.finditer(masked), MOST):
        before, behind = read[max(match.start() - 60, 0) : match.start()], read[match.end() : match.end() + 30]
        if not _OTHER_BEFORE.search(before) and not _OTHER_BEHIND.match(behind):
            verdicts = _verdicts(read[slice(*match.span())], _OF_CHANGE.search(before) is not None)
            first = match.start() + len(_EQUALS.split(match[0])[0])
            found += [Conversion(first, match.end(), verdict) for verdict in verdicts]
    return found


def converted(value: Fraction, unit: str, other: str) -> Fraction | None:
    """A value in another unit of pint's; None where the two measure different things."""
    line = _line(unit, other)
    return None if line is None else line[0] + value * line[1]


@cache
def _line(unit: str, other: str) -> tuple[Fraction, Fraction] | None:
    """What 0 of a unit is in another, and what each more is; pint itself takes ten times as long for every value."""
    none, one = (_registry().Quantity(Fraction(value), unit) for value in (0, 1))
    if not none.is_compatible_with(other):
        return None
    begin, end = (Fraction(quantity.to(other).magnitude) for quantity in (none, one))
    return begin, end - begin


def is_rounded(claim: str, value: Fraction) -> bool:
    """Is a number, as written, the value rounded to its digits?"""
    return abs(Fraction(claim) - value) <= Fraction(1, 2 * 10 ** len(claim.partition(".")[2]))


def _verdicts(claim: str, is_change: bool) -> Iterator[str]:
    sides = [_side(text) for text in _EQUALS.split(claim)]
    for left, right in pairwise(sides):
        if left is None or right is None or len({*left.units, *right.units}) == 1:
            return
        is_temperature = any(names[0] in _TEMPERATURES for names in (*left.units, *right.units))
        if is_temperature and (is_change or len(left.units) + len(right.units) > 2):
            return
        if verdict := _verdict(left, right):
            yield verdict


def _side(text: str) -> _Quantity | None:
    """None where nothing can be said of it, as of `3 km and 5 km`."""
    parts = list(_quantity().finditer(text))
    if not parts or any(len(part[0]) > MAX_DIGITS for part in parts):
        return None
    signs = [text[one.end() : other.start()].strip(" ,") for one, other in pairwise(parts)]
    written = ["1" if part["one"] else part["number"] for part in parts]
    values = [Fraction(re.sub(r"[^\d.-]", "", number)) for number in written]
    numbers = [-value if sign in ("-", "minus") else value for sign, value in zip(["", *signs], values, strict=True)]
    units = [_names()[part["unit"] if len(part["unit"]) < 4 else part["unit"].casefold()] for part in parts]
    is_sum = signs != [] and all(signs) and "and" not in signs
    if not is_sum and ({"+", "plus", "minus", "-"} & set(signs) or (signs and min(numbers) < 0)):
        return None
    places = written[-1].partition(".")[2]
    digits = re.sub(r"\D", "", written[-1]).lstrip("0")
    digits = digits if places else digits.rstrip("0")
    return _Quantity(
        tuple(numbers),
        tuple(units),
        parts[-1]["unit"].rstrip("."),
        is_sum,
        Fraction(1, 10 ** len(places)),
        len(digits),
        _AN.sub("1 ", text.strip(" .")),
    )


def _verdict(left: _Quantity, right: _Quantity) -> str:
    """Empty where the claim is in doubt: units that measure different things, `1 mile is 2 km`, `3 km and 5 km`."""
    said = []
    for meaning in range(max(len(names) for names in (*left.units, *right.units))):
        value, claim = (_in_last_unit(side, right, meaning) for side in (left, right))
        if value is None or claim is None:
            return ""
        if value == claim:
            return f"{left.shown} = {right.shown} is right"
        if abs(value - claim) <= right.step / 2 and (right.step < 1 or right.digits > 1):
            return f"{left.shown} = {right.shown} is right"
        said.append((value, claim))
    value, claim = said[0]
    if any(_is_roughly(*each, right) for each in said):
        return ""
    wrong = f"{left.shown} = {right.shown} is wrong: "
    parts = [f"{left.shown} is {_shown(value)} {right.unit}"] if left.units != right.units[-1:] else []
    parts += [f"{right.shown} is {_shown(claim)} {right.unit}"] if len(right.units) > 1 else []
    return wrong + ", and ".join(parts)


def _is_roughly(value: Fraction, claim: Fraction, right: _Quantity) -> bool:
    """May a whole number be meant roughly, as 2 km for a mile, or 160 km for a hundred miles?"""
    zeros = len(str(abs(claim.numerator))) - len(str(abs(claim.numerator)).rstrip("0")) if right.step == 1 else 0
    return right.step == 1 and abs(value - claim) <= Fraction(10**zeros, 2)


def _in_last_unit(side: _Quantity, right: _Quantity, meaning: int) -> Fraction | None:
    """The quantity in the last unit of the claim; each word in one of its meanings."""
    units = [names[min(meaning, len(names) - 1)] for names in side.units]
    goal = right.units[-1][min(meaning, len(right.units[-1]) - 1)]
    values = [converted(number, unit, goal) for number, unit in zip(side.numbers, units, strict=True)]
    sizes = [converted(Fraction(1), unit, goal) for unit in units]
    if None in values or (not side.is_sum and any(size <= following for size, following in pairwise(sizes))):  # type: ignore[operator]
        return None
    return sum((value for value in values if value is not None), Fraction(0))


def _shown(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else repr(float(value))


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """pint's names by the words, the first being the usual meaning."""
    table = document(__package__, "units.yaml").items()
    return {word if len(word) < 4 else word.casefold(): tuple(names.split("|")) for names, words in table for word in words}


@cache
def _quantity() -> re.Pattern[str]:
    words = sorted(_names(), key=len, reverse=True)
    short, long = ("|".join(re.escape(word) for word in words if (len(word) < 4) is is_short) for is_short in (True, False))
    unit = rf"(?P<unit>(?i:{long})|{short})(?![\w²³^°/])"
    return re.compile(rf"(?<![\w.,])(?:(?P<one>(?i:an?|one)) |(?P<number>{_N})[ \u00a0-]?){unit}")


@cache
def _registry() -> Any:
    """pint's table of units. Reading it takes a few tenths of a second."""
    import pint

    return pint.UnitRegistry(non_int_type=Fraction)
