"""Dates as people write them: `March 24, 2015`, `24. März 2015`, `2015年3月24日`, `24.03.2015`.

A day, a month in words and a year of four digits may come in any order, with or without a weekday. The languages are
English, German, Spanish, French, Chinese, Arabic, Hindi and Vietnamese. Dates in digits are read, too, unless they are
ambiguous: `03/04/2015` is one day in America and another elsewhere.

Months of further languages come from dateparser (the extra `dates`). It is asked for the month alone: given a whole
date, it reads `20150324` as a day of 1694, and is slow on dates that do not exist.

Nothing here depends on today: `tomorrow` is not a date. Only the Gregorian calendar is known.
"""

import re
import unicodedata
from datetime import date
from functools import cache, lru_cache
from importlib.util import find_spec
from threading import Lock
from typing import Any

from themis.phrases import phrases

MAX_CHARACTERS = 60
MONTHS = tuple("January February March April May June July August September October November December".split())
WEEK_DAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
"""In English: `strftime` would follow the user's locale."""
MORE_LANGUAGES = ("pt", "it", "nl", "ru", "pl", "tr", "ja", "ko", "id", "sv", "uk", "el", "he", "cs", "ro", "hu", "fa", "bn")
"""The languages in which dateparser looks up a month."""
INSTALL = "pip install 'themis-rm[dates]'"

YearMonthDay = tuple[int, int, int]

_WORDS = phrases(__package__, "dates.yaml")
_CHINESE_DIGITS = {character: digit for digit, character in enumerate("〇一二三四五六七八九")} | {"零": 0, "十": 10, "廿": 20}

_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[t ]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?(?: ?z|[+-]\d\d:?\d\d)?)?")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.]) ?(\d{1,2})\2 ?(\d{4})")
_WEEK = re.compile(r"\d{4}-?w\d\d(?:-?[1-7])?")
_CHINESE_DAY = r"[\d一二三四五六七八九十廿]{1,3}"
_CHINESE = re.compile(
    rf"([\d〇零一二三四五六七八九]{{4}}) ?年 ?({_CHINESE_DAY}) ?月 ?({_CHINESE_DAY}) ?[日号號]?(?: ?(?:星期|周|週|礼拜).)?"
)
_VIETNAMESE_MONTH = re.compile(r"\bthang (\d{1,2}|gieng|mot|hai|ba|tu|bon|nam|sau|bay|tam|chin|muoi mot|muoi hai|muoi|chap)\b")
_DAY = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er|o|a|e)?")
_one_at_a_time = Lock()
_BETWEEN_WORDS = re.compile(r"[\s,.;:/()'’،|-]+")


def year_month_day(text: str) -> YearMonthDay | None:
    """The numbers of a date, even if it does not exist (30 February). None if the text is not a date, or ambiguous."""
    if len(text) > MAX_CHARACTERS or not any(character.isdigit() or character in _CHINESE_DIGITS for character in text):
        return None
    folded = _folded(text)
    return _in_digits(folded) or _in_chinese(folded) or _in_words(folded)


def why_no_day(text: str) -> str:
    """Why a text is not a date, where more than that can be said; empty otherwise."""
    if len(text) > MAX_CHARACTERS:
        return ""
    folded = _folded(text)
    match = _YEAR_LAST.fullmatch(folded)
    if match:
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        return f": is it {year}-{first:02}-{second:02} or {year}-{second:02}-{first:02}?"
    if _three_parts(folded) and not find_spec("dateparser"):
        return f": for months in more languages, {INSTALL}"
    return ""


def _in_digits(folded: str) -> YearMonthDay | None:
    match = _COMPACT.fullmatch(folded) or _YEAR_FIRST.fullmatch(folded)
    if match:
        return int(match[1]), int(match[2]), int(match[3])
    if _WEEK.fullmatch(folded):
        return _of_week(folded.upper())
    match = _YEAR_LAST.fullmatch(folded)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    # Everybody who writes points puts the day first.
    if match[2] == "." or first > 12 or first == second:
        return year, second, first
    return (year, first, second) if second > 12 else None


def _of_week(text: str) -> YearMonthDay | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day.year, day.month, day.day


def _in_chinese(folded: str) -> YearMonthDay | None:
    match = _CHINESE.fullmatch(folded)
    if match is None:
        return None
    year = int("".join(str(_CHINESE_DIGITS.get(character, character)) for character in match[1]))
    return year, _chinese_number(match[2]), _chinese_number(match[3])


def _chinese_number(text: str) -> int:
    """The number in `12`, `十二` or `二十一`."""
    if text.isdecimal():
        return int(text)
    value = 0
    for character in text:
        digit = _CHINESE_DIGITS.get(character, 0)
        value = max(value, 1) * 10 if digit == 10 else value + digit
    return value


def _in_words(folded: str) -> YearMonthDay | None:
    parts = _three_parts(folded)
    if parts is None:
        return None
    year, words, day = parts
    month = _months().get(words) or _by_dateparser(words)
    return (year, month, day) if month else None


def _three_parts(folded: str) -> tuple[int, str, int] | None:
    """The year, the words that may name the month, and the day."""
    folded = _VIETNAMESE_MONTH.sub(_vietnamese_month, folded)
    pieces = [piece for piece in _BETWEEN_WORDS.split(folded) if piece]
    years = [piece for piece in pieces if piece.isdecimal() and len(piece) == 4]
    days = [match[1] for piece in pieces if (match := _DAY.fullmatch(piece))]
    words = [piece for piece in pieces if not piece[0].isdecimal()]
    if len(years) != 1 or len(days) != 1 or len(words) + 2 != len(pieces):
        return None
    month = [word for word in words if word not in _ignored()] or words
    return (int(years[0]), " ".join(month), int(days[0])) if month else None


def _vietnamese_month(match: re.Match[str]) -> str:
    """The English name instead: a Vietnamese month is a number."""
    number = int(match[1]) if match[1].isdecimal() else _table()[-1][match[1]]
    return next((word for word, month in _table()[0].items() if month == number), match[0])


@lru_cache(maxsize=1_000)
def _by_dateparser(words: str) -> int | None:
    if len(words) > 30 or find_spec("dateparser") is None:
        return None
    with _one_at_a_time:  # dateparser does not promise to be thread-safe
        found = _parser().get_date_data(f"1 {words} 2000").date_obj
    return found.month if found else None


@cache
def _parser() -> Any:
    from datetime import datetime

    from dateparser.date import DateDataParser

    strict = {"PARSERS": ["absolute-time"], "REQUIRE_PARTS": ["day", "month", "year"], "STRICT_PARSING": True}
    return DateDataParser(languages=list(MORE_LANGUAGES), settings={**strict, "RELATIVE_BASE": datetime(2000, 1, 1), "DATE_ORDER": "DMY"})


@cache
def _table() -> list[dict[str, int]]:
    """For each language, the numbers of the months by their folded names."""
    return [
        {_folded(name.replace("_", " ")): number for number, names in enumerate(line.split(), start=1) for name in names.split("|")}
        for line in _WORDS["months"]
    ]


@cache
def _months() -> dict[str, int]:
    """Those of all languages but Vietnamese, whose names are numbers."""
    return {name: number for language in _table()[:-1] for name, number in language.items()}


@cache
def _ignored() -> frozenset[str]:
    return frozenset(_folded(" ".join(_WORDS["ignored"])).split())


def _folded(text: str) -> str:
    """The text in lower case, with single blanks and ASCII digits, without accents (and the like in other scripts)."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = (character for character in plain if not unicodedata.combining(character))
    digits = (str(unicodedata.decimal(character)) if character.isdecimal() else character for character in kept)
    return " ".join("".join(digits).split())
