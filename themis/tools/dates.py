"""Dates as people write them: `March 24, 2015`, `24. März 2015`, `2015年3月24日`, `24.03.2015 10:30 (Tue)`.

Words of a date may be English, German, Spanish, French, Chinese, Japanese, Korean, Arabic, Hindi or Vietnamese. Those
of further languages come from dateparser's tables, where it is installed (the extra `dates`). Its parser is not used:
it reads `20150324` as a day of 1694. Dates in digits that are one day to an American and another to everybody else
(`03/04/2015`) are refused.

A weekday, a time of day and a time zone may surround any form, and do not change the day. Nothing here depends on
today: `tomorrow` is not a date. The Gregorian calendar only.
"""

import re
import unicodedata
from contextlib import suppress
from datetime import date
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from themis.phrases import phrases
from themis.tools.numbers import plain

MAX_CHARACTERS = 100
MONTHS = tuple("January February March April May June July August September October November December".split())
WEEK_DAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
"""In English: `strftime` would follow the user's locale."""
MORE_LANGUAGES = ("pt", "it", "nl", "ru", "pl", "tr", "ja", "ko", "id", "sv", "uk", "el", "he", "cs", "ro", "hu", "fa", "bn")
"""The languages whose months and weekdays come from dateparser's tables."""
INSTALL = "pip install 'themis-rm[dates]'"

YearMonthDay = tuple[int, int, int]
Words = tuple[dict[str, int], frozenset[str]]
"""The months by their names, and the words that say nothing of the day."""

_WORDS = phrases(__package__, "dates.yaml")
_EAST_ASIAN_DIGITS = {character: int(line.split()[0]) for line in _WORDS["digits"] for character in line.split()[1]}

_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_YEAR_FIRST = re.compile(r"(\d{4})([-/.]) ?(\d{1,2})[-/.] ?(\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.]) ?(\d{1,2})\2 ?(\d{4})")
_WEEK = re.compile(r"\d{4}-?w\d\d(?:-?[1-7])?")
_YEAR = r"\d{4}|[〇零一二三四五六七八九十百千]{2,8}|[영공일이삼사오육칠팔구십백천]{2,8}"
_NUMBER = r"\d{1,2}|[一二三四五六七八九十廿]{1,3}|[일이삼사오육유칠팔구십시]{1,3}(?= ?[월일])"
EAST_ASIAN = re.compile(rf"({_YEAR}) ?[年년] ?({_NUMBER}) ?[月월] ?({_NUMBER})(?: ?[日号號일])?")
_VIETNAMESE_MONTH = re.compile(r"\bthang (\d{1,2}|gieng|mot|hai|ba|tu|bon|nam|sau|bay|tam|chin|muoi mot|muoi hai|muoi|chap)\b")
_DAY = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er|o|a|e)?")

_HOUR, _SIXTY = r"(?:2[0-3]|[01]?\d)", r"[0-5]\d"
_ZONE = re.compile(
    r"\b(?:utc|gmt) ?[+-]\d{1,2}(?::?\d\d)?(?!\d)|\+\d\d:\d\d(?!\d)|(?<=[\dm]) ?-\d\d:\d\d(?![:\d])|(?<=\d) ?z\b"
    r"|\b(?:africa|america|antarctica|asia|atlantic|australia|etc|europe|indian|pacific)/[a-z_/]+"
)
_HALF_OF_DAY = r"(?:[上下]午|早上|晚上|凌晨|中午|午[前後]|오[전후])"
_CLOCK = "|".join(
    [
        rf"{_HOUR}:{_SIXTY}(?::[0-6]\d(?:[.,]\d+)?)?",
        rf"{_HOUR} ?[时時点點시](?: ?[0-5]?\d ?[分분](?: ?\d\d? ?[秒초])?| ?[半반整])?",
        rf"{_HOUR} ?(?:h|gio)(?![^\W\d_]) ?(?:{_SIXTY})?",
        rf"{_HOUR}(?:\.{_SIXTY})?(?= ?(?:uhr|hr?s?|hours?|o'clock|heures?|uur|hod|बजे|(?:de la|da) (?:manh?an?a|tarde|noche|noite))(?!\w))",
        rf"(?:{'|'.join(f'(?<={word} )' for word in _WORDS['clock'])}){_HOUR}(?:\.{_SIXTY})?(?!\.?\d)",
        rf"(?:1[0-2]|0?[1-9])(?:\.{_SIXTY})?(?= ?[ap]\.? ?m\b)",
        rf"(?<=\dt){_HOUR}(?:{_SIXTY}){{0,2}}(?:\.\d+)?",
    ]
)
_TIME = re.compile(rf"(?:(?<=\d)[t:]|(?<!\d))(?:{_HALF_OF_DAY} ?)?(?:{_CLOCK})(?: ?[+-]\d\d(?::?\d\d)?(?![\d-]))?(?![\d:])")
_EAST_ASIAN_WEEK_DAY = re.compile(
    r"(?:星期|周|週|礼拜|禮拜)[一二三四五六日天]|[月火水木金土日]曜日?|[월화수목금토일]요일"
    r"|[(\[【] ?[一二三四五六日月火水木金土월화수목금토일] ?[)\]】]"
    r"|\bt[2-7]\b|[(\[]cn[)\]]"
)
_VIETNAMESE_WEEK_DAY = re.compile(r"\bthứ ?[2-7]\b", re.IGNORECASE)
"""Read with its accent, for `Thu 5 March` is another thing."""
_ARABIC_ERA = re.compile(r"(?<=\d)م(?!\w)")
_BETWEEN = r"\s,;()\[\]'\"“”„«»*`_!?،、|"
_BETWEEN_WORDS = re.compile(rf"[{_BETWEEN}.:/-]+")
_BETWEEN_TOKENS = re.compile(rf"[{_BETWEEN}]+")


def day_of(text: str) -> date | None:
    """The day that a text names. None if the text is not a date, or ambiguous, or the day does not exist."""
    numbers = year_month_day(text)
    try:
        return date(*numbers) if numbers else None
    except ValueError:
        return None


def year_month_day(text: str) -> YearMonthDay | None:
    """The numbers of a date, even if it does not exist (30 February). None if the text is not a date, or ambiguous."""
    if len(text) > MAX_CHARACTERS or not any(character.isdigit() or character in _EAST_ASIAN_DIGITS for character in text):
        return None
    text = _without_time(text)
    found = _read(text, _words())
    has_more = len(re.findall(r"\d+", text)) > 1 and re.search(r"\d{4}", text) and re.search(r"[^\W\d_]", text)
    return found if found or not has_more or not find_spec("dateparser") else _read(text, _more_words())


def is_month(text: str) -> bool:
    """Whether a text is the name of a month in one of our own languages but Vietnamese."""
    return _folded(text) in _words()[0]


def is_beside_day(text: str, *, with_words: bool = True) -> bool:
    """Whether a text holds nothing but a weekday, a time of day and a time zone; at least a time, if without words."""
    if len(text) > MAX_CHARACTERS:
        return False
    text = _folded(text)
    bare = _without_time(text)
    return text != "" and not _without_words(bare, _words()) and (with_words or bare != text)


def why_no_day(text: str) -> str:
    """Why a text is not a day, where more than that can be said; empty otherwise."""
    if len(text) > MAX_CHARACTERS:
        return ""
    if numbers := year_month_day(text):
        year, month, day = numbers
        if year == 0:
            return ": there is no year 0"
        return f": that month has no day {day}" if 1 <= month <= 12 else f": there is no month {month}"
    text = _without_time(text)
    bare = _without_words(text, _words())
    if match := _YEAR_LAST.fullmatch(bare):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        return f": is it {year}-{first:02}-{second:02} or {year}-{second:02}-{first:02}?"
    if _three_parts(text) and not find_spec("dateparser"):
        return f": for months in more languages, {INSTALL}"
    for form in (_YEAR_FIRST, _YEAR_LAST, EAST_ASIAN):
        rest = form.sub(" ", bare, count=1).strip()
        if rest and rest != bare:
            return f": beside the date, '{rest[:20]}' is not a weekday, a time of day or a time zone"
    return ""


def _read(text: str, words: Words) -> YearMonthDay | None:
    bare = _without_words(text, words)
    return _in_digits(bare) or _in_east_asian(bare) or _in_words(text, words)


def _in_digits(text: str) -> YearMonthDay | None:
    if match := _COMPACT.fullmatch(text):
        return int(match[1]), int(match[2]), int(match[3])
    if match := _YEAR_FIRST.fullmatch(text):
        return int(match[1]), int(match[3]), int(match[4])
    if _WEEK.fullmatch(text):
        with suppress(ValueError):
            day = date.fromisoformat(text.upper())
            return day.year, day.month, day.day
    match = _YEAR_LAST.fullmatch(text)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    # Everyone who writes points puts the day first.
    if match[2] == "." or first > 12 or first == second:
        return year, second, first
    return (year, first, second) if second > 12 else None


def _in_east_asian(text: str) -> YearMonthDay | None:
    match = EAST_ASIAN.fullmatch(text)
    if match is None:
        return None
    year, month, day = (_east_asian_number(number) for number in match.groups())
    return (year, month, day) if year > 999 or len(match[1]) == 4 else None


def _east_asian_number(text: str) -> int:
    """Of `12`, of `十二`, of `二〇一五`, of `이천십오`."""
    total = digits = 0
    for character in text:
        value = int(character) if character.isdecimal() else _EAST_ASIAN_DIGITS[character]
        if value < 10:
            digits = digits * 10 + value
        else:
            total, digits = total + max(digits, 1) * value, 0
    return total + digits


def _in_words(text: str, words: Words) -> YearMonthDay | None:
    parts = _three_parts(text)
    if parts is None:
        return None
    (months, ignored), (year, named, day) = words, parts
    kept = [word for word in named if word in months or word not in ignored]
    rest = [word for word in named if word not in ignored]  # `mar` is March, and a Tuesday
    month = months.get(" ".join(kept)) or months.get(" ".join(rest))
    return (year, month, day) if month else None


def _three_parts(text: str) -> tuple[int, list[str], int] | None:
    """The year, the words that may name the month, and the day."""
    pieces = [piece for piece in _BETWEEN_WORDS.split(_VIETNAMESE_MONTH.sub(_vietnamese_month, text)) if piece]
    years = [piece for piece in pieces if piece.isdecimal() and len(piece) == 4]
    days = [match[1] for piece in pieces if (match := _DAY.fullmatch(piece))]
    words = [piece for piece in pieces if not piece[0].isdecimal()]
    if len(years) != 1 or len(days) != 1 or len(words) + 2 != len(pieces) or not words:
        return None
    return int(years[0]), words, int(days[0])


def _vietnamese_month(match: re.Match[str]) -> str:
    """The English name in its place: in Vietnamese, a month is a number."""
    number = int(match[1]) if match[1].isdecimal() else _table()[-1][match[1]]
    return MONTHS[number - 1].lower() if 1 <= number <= 12 else match[0]


@cache
def _table() -> list[dict[str, int]]:
    """For each language, the numbers of the months by their folded names."""
    return [
        {_folded(name.replace("_", " ")): number for number, names in enumerate(line.split(), start=1) for name in names.split("|")}
        for line in _WORDS["months"]
    ]


@cache
def _words() -> Words:
    """Those of our own. Vietnamese months are not among them, as their names are numbers."""
    months = {name: number for language in _table()[:-1] for name, number in language.items()}
    return months, frozenset(_folded(" ".join(_WORDS["ignored"])).split())


@cache
def _more_words() -> Words:
    """Those of dateparser's tables, and our own."""
    months, ignored = dict(_words()[0]), set(_words()[1])
    for language in MORE_LANGUAGES:
        table = import_module(f"dateparser.data.date_translation_data.{language}").info
        for number, name in enumerate(MONTHS, start=1):
            months |= {_folded(word): number for word in table[name.lower()] if _folded(word) not in months}
        for key in (*map(str.lower, WEEK_DAYS), "year", "day", "am", "pm", "skip", "pertain"):
            ignored.update(*(_BETWEEN_WORDS.split(_folded(word)) for word in table.get(key, ())))
    return months, frozenset(ignored)


def _without_time(text: str) -> str:
    """The folded text without time of day and offset, and without the weekdays of East Asia, which stand unparted."""
    text = _folded(_VIETNAMESE_WEEK_DAY.sub(" ", unicodedata.normalize("NFC", text)))
    text = _TIME.sub(" ", _ZONE.sub("", _ARABIC_ERA.sub(" ", text)), count=1)
    return " ".join(_EAST_ASIAN_WEEK_DAY.sub(" ", text).split())


def _without_words(text: str, words: Words) -> str:
    """Without weekdays and the like, so that digits remain of a date in digits."""
    ignored = words[1]
    tokens = [token for token in _BETWEEN_TOKENS.split(text) if not all(part in ignored for part in re.split(r"[-.:/]", token) if part)]
    return " ".join(tokens).strip(" .:")


def _folded(text: str) -> str:
    """The text in lower case, with single blanks and ASCII digits, without accents (and the like in other scripts)."""
    split = unicodedata.normalize("NFKD", plain(text).casefold())
    kept = "".join(character for character in split if not unicodedata.combining(character))
    return " ".join(plain(unicodedata.normalize("NFC", kept)).split())  # Korean syllables are put together again
