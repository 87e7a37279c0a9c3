"""Dates in running text: written in one of the forms that people use, and found again.

The forms are those that the calendar reads (`themis.tools.dates`); the table is `written_dates.yaml`.
"""

import re
from collections.abc import Iterator
from datetime import date
from random import Random

from themis.phrases import filled, phrases
from themis.tools.dates import MONTHS, WEEK_DAYS, day_of

_FORMS = phrases(__package__, "written_dates.yaml")
SHARES = {"iso": 0.3, "english": 0.4, "digits": 0.15, "languages": 0.1, "beside": 0.05}
"""Of the groups of forms."""
_LANGUAGES = {"en": 0, "de": 1, "es": 3, "fr": 4, "ar": 5, "hi": 7}
"""Their lines in the table of months."""
_WORD = r"(?:[^\W\d_]|[\u0900-\u097f]){2,10}\.?"
_TIME = r"(?:[T ]\d\d:\d\d(?::\d\d)?Z?(?: UTC)?)?"
_IN_TEXT = re.compile(
    rf"(?<![\w.-])(?:\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}}{_TIME}|\d{{1,2}}([-/.])\d{{1,2}}\2\d{{4}}|\d{{8}}|\d{{4}}-W\d\d-\d"
    rf"|(?:the )?\d{{1,2}}(?:st|nd|rd|th|\.)?[ -](?:of |de )?{_WORD},?[ -](?:de )?\d{{4}}"
    rf"|{_WORD} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|\d{{4}} {_WORD} \d{{1,2}}"
    r"|ngày \d{1,2} tháng \d{1,2} năm \d{4}|\d{4}[年년] ?\d{1,2}[月월] ?\d{1,2}[日号일])(?![\w-]|\.\d)",
    re.IGNORECASE,
)


def written_date(day: date, rng: Random, *, week_day: bool = True) -> str:
    """A date as somebody may write it; `week_day` allows forms that name the weekday.

    A form that the calendar would not read as this day (`03/04/2015`) gives ISO.
    """
    group = rng.choices(list(SHARES), list(SHARES.values()))[0]
    text = in_form(rng.choice(_FORMS[group]), day)
    names_day = re.search("|".join(WEEK_DAYS) + "|" + "|".join(f"{name[:3]}," for name in WEEK_DAYS), text)
    return text if day_of(text) == day and (week_day or not names_day) else day.isoformat()


def in_form(form: str, day: date) -> str:
    """A date in a form of the table."""
    facts = {
        "y": f"{day.year:04}",
        "m": str(day.month),
        "mm": f"{day.month:02}",
        "d": str(day.day),
        "dd": f"{day.day:02}",
        "th": _ordinal(day.day),
        "Month": MONTHS[day.month - 1],
        "Mon": MONTHS[day.month - 1][:3],
        "Weekday": WEEK_DAYS[day.weekday()],
        "Wee": WEEK_DAYS[day.weekday()][:3],
        "iso week": "{}-W{:02}-{}".format(*day.isocalendar()),
    }
    return filled(form, facts | {language: _month(line, day) for language, line in _LANGUAGES.items()})


def dates_in(text: str) -> Iterator[tuple[int, int, date]]:
    """The dates in a text with their places. What only looks like a date is left out."""
    for match in _IN_TEXT.finditer(text):
        day = day_of(match[0])
        if day is not None:
            yield *match.span(), day


def _month(line: int, day: date) -> str:
    table = phrases("themis.tools", "dates.yaml")["months"][line]
    name = table.split()[day.month - 1].partition("|")[0].replace("_", " ")
    return name.capitalize() if line == _LANGUAGES["de"] else name


def _ordinal(number: int) -> str:
    ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
