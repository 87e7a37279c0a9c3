"""Dates, weekdays and amounts of time in running text: `She was born on Saturday, 3 May 1947`, `46 days before ...`.

Each becomes one sign, so that a tool can ask in which order they stand (`Reading.shape`). A text with anything in
doubt is not read: a negation, `about`, `or`, a date that is two days or none, a year or a day of a month left over.

Knows nothing of tools. How one date is written is up to `dates`.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import islice, pairwise

from themis.phrases import phrases
from themis.tools.dates import EAST_ASIAN, day_of, is_month, year_month_day
from themis.tools.numbers import GROUPED, plain

MOST, MOST_LETTERS = 4, 2_000
"""Dates of one text, and letters of it; a longer one is not read."""
DATE, AMOUNT, WEEKDAY = "\ue000", "\ue001", "\ue002"
"""What stands for them in a shape."""

_IN_DIGITS = re.compile(
    rf"(?<![\w.,:/$%-])(?:\d{{4}}([-/.]) ?\d{{1,2}}\1 ?\d{{1,2}}|\d{{1,2}}([-/.]) ?\d{{1,2}}\2 ?\d{{4}}"
    rf"|(?:1\d|2[01])\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|\d{{4}}-?W\d\d-?[1-7]"
    rf"|\d{{1,2}} tháng (?:\d{{1,2}}|[^\W\d_]+(?: (?:một|hai))?)(?: năm|,)? \d{{4}})(?![\d%]|[-/.:,]\d)|(?<!\d){EAST_ASIAN.pattern}",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\d+|[^\W\d_][^\s\d,./()\[\]:;!?\"“”„«»*_-]*")
_GAP = re.compile(r"[\s,./-]{0,3}")
_ENDING = re.compile(r"(?:st|nd|rd|th|er|o|a|e|º|ª)", re.IGNORECASE)
_LINKS = frozenset("of the de del den dem d' d’ l'année an año ano anno the year".split())
_RANGE = re.compile(
    r"[$%]\s?$|(?<![\d./-])\d{1,2}(?:st|nd|rd|th|\.)?(?:[-.,:/]| ?(?:and|to|or|und|bis|y|a|et|au|through|until|till|&|-))\s?$",
    re.IGNORECASE,
)
"""`12 and 15 March 2024`: the first of the days would be lost."""

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = (
    {word: value for value, word in enumerate(ONES)}
    | {word: 10 * value for value, word in enumerate(_TENS, start=2)}
    | dict.fromkeys(("a", "an", "ein", "eine", "einen", "einem", "einer", "un", "una", "une"), 1)
    | {"hundred": 100, "and": 0}
)
_SMALL = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(ONES[1:10])}))?|{'|'.join(sorted(ONES, key=len, reverse=True))})"
_SPELT = rf"(?:(?:{'|'.join(ONES[1:10])}|a) hundred(?:(?: and)? {_SMALL})?|{_SMALL}|an?|eine[nmr]?|ein|una?|une)"
_UNITS: tuple[tuple[str, int, int], ...] = (
    (r"days?|tag(?:e|en)?|d[ií]as?|jours?|天|日間?|일", 1, 0),
    (r"weeks?|wochen?|semanas?|semaines?|周|週間?|星期|주", 7, 0),
    (r"fortnights?", 14, 0),
    (r"months?|monat(?:e|en)?|mes(?:es)?|mois|个月|個月|か月|ヶ月|개월", 0, 1),
    (r"years?|jahr(?:e|en)?|años?|ans?|年間?|년", 0, 12),
)
_ONE_AMOUNT = (
    rf"(?<![0-9a-zà-ÿ_.,:/$%])(?P<sign>(?<![\w)-])[-+] ?)?(?P<number>(?:{GROUPED}|\d{{1,6}})|{_SPELT}(?=[\s-]))[ -]?(?P<unit>"
    rf"{'|'.join(unit for unit, *_ in _UNITS)})(?![a-zà-ÿ'’])"
)
_AMOUNT = re.compile(_ONE_AMOUNT, re.IGNORECASE)
_JOINED = re.compile(rf"{AMOUNT}(?:,? (?:and|und|y|et) | ){AMOUNT}")
_DOUBT = re.compile(
    r"\b(?:not|never|neither|nor|no|none|cannot|hardly|without|except|unless|instead|rather|other than|wrong|false\w*"
    r"|incorrect\w*|untrue|mistak\w*"
    r"|doubt\w*|if|or|maybe|perhaps|probably|possibly|might|almost|nearly|roughly|approx\w*|circa|ca|around|some|several|few"
    r"|couple|(?<!how )many|dozens?"
    r"|thousands?|millions?|half|halves|quarters?|at (?:least|most|the latest)|within|up to|more than|less than|over|under"
    r"|inclusive\w*|both"
    r"|included?|including|excluding|business|working|week-?ends?|nights?|hours?|every|each|next|last|previous|following day|eve"
    r"|bce?|lunar|julian|hijri"
    r"|hebrew|islamic|old style|nicht|kein\w*|nie|niemals|ohne|oder|etwa|ungefähr|falsch|sondern|nunca|jamás|sin|falso|casi|pas"
    r"|jamais|sans|ou|environ|faux"
    rf"|presque|não|nem|non|mai)\b|\babout (?=\d|an?\b|{DATE}|{AMOUNT})|n['’]t\b|\bn['’]|不|没|沒|非|ない|ません|않|아니|ليس|नहीं"
    r"|không|大约|约|約|약",
    re.IGNORECASE,
)
_LEFT = re.compile(r"(?<![\d.,])\d{4}(?![\d.,]\d)|\d{1,2}(?:st|nd|rd|th)\b")
_NEAR_A_MONTH = re.compile(r"(?<!\d)\d{1,2}\.?\s([^\W\d_]{3,12})|([^\W\d_]{3,12})\.?\s\d{1,2}(?!\d)")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of time. A week is 7 days; a month has no fixed length."""

    days: int
    months: int
    shown: str

    def after(self, day: date, direction: int) -> date | None:
        """The day that far after a day, or before it; None where no calendar has it, as a month after 31 January."""
        month = day.year * 12 + day.month - 1 + direction * self.months
        try:
            return date(month // 12, month % 12 + 1, day.day) + timedelta(direction * self.days)
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says of time."""

    text: str
    shape: str
    """The text with one sign in place of each date, weekday and amount."""
    days: tuple[date, ...]
    weekdays: tuple[int, ...]
    """From 0 for Monday."""
    amounts: tuple[Amount, ...]
    before: str
    """What stands before the first date."""


def reading(text: str) -> Reading | None:
    """The dates, weekdays and amounts of a text; None where it has no date, or where something is in doubt."""
    text = plain(text[: MOST_LETTERS + 1])
    if len(text) > MOST_LETTERS or any(sign in text for sign in (DATE, AMOUNT, WEEKDAY)):
        return None
    spans = _dates(text)
    days = [day_of(text[start:end].strip(" ,.")) for start, end in spans]
    if not spans or None in days or any(_RANGE.search(text[max(start - 12, 0) : start]) for start, _ in spans if text[start].isdecimal()):
        return None
    masked = text
    for start, end in reversed(spans):
        masked = masked[:start] + DATE + masked[end:]
    weekdays = [number for match in _weekday().finditer(masked) if (number := _weekdays().get(_key(match[0]))) is not None]
    shape, amounts = _with_amounts(_weekday().sub(WEEKDAY, masked))
    if amounts is None or shape.count(WEEKDAY) != len(weekdays) or _DOUBT.search(shape) or _is_left_over(shape):
        return None
    return Reading(text, shape, tuple(day for day in days if day), tuple(weekdays), tuple(amounts), text[: spans[0][0]])


def _dates(text: str) -> list[tuple[int, int]]:
    """Where dates stand; none at all where there are too many, or where two overlap."""
    found = [match.span() for match in islice(_IN_DIGITS.finditer(text), MOST + 1)]
    tokens = list(_TOKEN.finditer(text))
    years = [at for at, token in enumerate(tokens) if len(token[0]) == 4 and token[0].isdecimal()]
    if len(years) > 2 * MOST:
        return []
    for at in years:
        if not any(start <= tokens[at].start() < end for start, end in found):
            found += _in_words(text, tokens, at)
    found.sort()
    is_clear = len(found) <= MOST and all(one[1] <= other[0] for one, other in pairwise(found))
    return found if is_clear else []


def _in_words(text: str, tokens: list[re.Match[str]], year: int) -> list[tuple[int, int]]:
    """The span of the date that ends with a year, else of the one that starts with it."""
    for step in (-1, 1):
        near = _neighbours(text, tokens, year, step)
        day = next((at for at, token in enumerate(near) if token[0].isdecimal()), None)
        if day is None or len(near[day][0]) > 2:
            continue
        names = [token for token in near[:day] if not _is_link(token[0])]
        if step < 0 and not names:  # `May the 7th, 2024`
            names = [token for token in near[day + 1 :] if not _is_link(token[0])]
            names = names[: 2 if _is_month(names[:2], step) else 1]
        if not names or any(name[0][0].isdecimal() for name in names) or (len(names) > 1 and not _is_month(names, step)):
            continue
        used = [tokens[year], near[day], *names]
        span = min(token.start() for token in used), max(token.end() for token in used)
        if year_month_day(text[slice(*span)]):
            return [span]
    return []


def _neighbours(text: str, tokens: list[re.Match[str]], at: int, step: int) -> list[re.Match[str]]:
    """At most six tokens before or behind one, as far as only blanks, commas and the like part them."""
    near: list[re.Match[str]] = []
    for index in range(at + step, at + 7 * step, step):
        if not 0 <= index < len(tokens):
            break
        left, right = sorted((index, index - step))
        if not _GAP.fullmatch(text, tokens[left].end(), tokens[right].start()):
            break
        near.append(tokens[index])
    return near


def _is_link(word: str) -> bool:
    return word.casefold() in _LINKS or _ENDING.fullmatch(word) is not None


def _is_month(tokens: list[re.Match[str]], step: int) -> bool:
    return is_month(" ".join(token[0] for token in tokens[::step]))


def _with_amounts(text: str) -> tuple[str, list[Amount] | None]:
    """The text with signs for amounts, and these. `2 weeks and 3 days` is one."""
    parts = list(islice(_AMOUNT.finditer(text), MOST + 1))
    if len(parts) > MOST or any("-" in (part["sign"] or "") and not _opens(text, part) for part in parts):
        return text, None
    if any(word not in _VALUES for part in parts if not part["number"][0].isdecimal() for word in _spelt(part["number"])):
        return text, None
    amounts = [_amount(part) for part in parts]
    shape = _AMOUNT.sub(AMOUNT, text)
    while match := _JOINED.search(shape):
        at = shape[: match.start()].count(AMOUNT)
        one, other = amounts[at : at + 2]
        if (one.months, one.days) <= (other.months, other.days) or one.shown[0] in "+-":
            return text, None
        amounts[at : at + 2] = [Amount(one.days + other.days, one.months + other.months, f"{one.shown} and {other.shown}")]
        shape = shape[: match.start()] + AMOUNT + shape[match.end() :]
    return shape, amounts


def _opens(text: str, part: re.Match[str]) -> bool:
    """Is a sign the amount's own? In `18 January - 30 days` it may be a dash."""
    return part["sign"] == "-" and text[: part.start()].rstrip()[-1:] in ("", ",", ";")


def _amount(part: re.Match[str]) -> Amount:
    days, months = next((days, months) for unit, days, months in _UNITS if re.fullmatch(unit, part["unit"], re.IGNORECASE))
    number = _value(part["number"]) * (-1 if "-" in (part["sign"] or "") else 1)
    return Amount(days * number, months * number, part[0].strip())


def _value(number: str) -> int:
    """Of `30`, of `1,000`, of `two hundred and fifty-one`."""
    if number[0].isdecimal():
        return int(re.sub(r"\D", "", number))
    total = 0
    for word in _spelt(number):
        total = total * 100 if word == "hundred" else total + _VALUES[word]
    return total


def _spelt(number: str) -> list[str]:
    return re.split(r"[- ]", number.casefold())


def _is_left_over(shape: str) -> bool:
    """Is there still a year, or a day of a month? Then a date was not understood."""
    if _LEFT.search(shape):
        return True
    return any(is_month(match[1] or match[2]) for match in _NEAR_A_MONTH.finditer(shape))


def _key(word: str) -> str:
    return " ".join(word.casefold().split())


@cache
def _weekdays() -> dict[str, int]:
    table = phrases(__package__, "dates.yaml")["weekdays"]
    lines = [[name.split("|") for name in line.split()] for line in table]
    return {_key(word.replace("_", " ")): number for line in lines for number, words in enumerate(line) for word in words}


@cache
def _weekday() -> re.Pattern[str]:
    words = sorted(_weekdays(), key=len, reverse=True)
    spelt = "|".join(re.escape(word) for word in words if word[0] < "⺀")
    joined = "|".join(word for word in words if word[0] >= "⺀")
    return re.compile(rf"(?<!\w)(?:{spelt})(?!\w)|{joined}", re.IGNORECASE)
