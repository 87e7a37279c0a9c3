"""Dates: the day of the week, the days between two dates, the date some days away; business days; today.

The proleptic Gregorian calendar, years 1 to 9999. The observations of the first three read as the published TARA
ones do: `Tuesday`, `7457` (never signed), `2012-07-31`. Today comes from a clock that is given to the tool. Traces
and recordings keep what it said, so a judgement can be repeated on another day.

Knows nothing of time zones, of holidays, or of how a date is written (`dates`).
"""

import re
from collections.abc import Callable
from datetime import date, timedelta

from themis.errors import ToolError
from themis.tools.base import AnyTool, tool
from themis.tools.calendar_in_text import day_difference_in, target_day_in, week_day_in
from themis.tools.dates import WEEK_DAYS
from themis.tools.setup.backend import built_in


@tool(name="Calendar.week_day", in_text=week_day_in)
def week_day(day: date) -> str:
    """The day of the week of a date, e.g. `2004-05-03`."""
    return WEEK_DAYS[day.weekday()]


@tool(name="Calendar.day_difference", in_text=day_difference_in)
def day_difference(start: date, end: date) -> str:
    """How many days lie between two dates, whichever comes first, e.g. `2020-06-10, 2000-01-10`."""
    return str(abs((end - start).days))


@tool(name="Calendar.target_day", in_text=target_day_in)
def target_day(day: date, days: int) -> str:
    """The date a number of days after a date, or before it where the number is negative, e.g. `2013-02-26, -210`."""
    try:
        return (day + timedelta(days=days)).isoformat()
    except OverflowError:
        raise ToolError(f"expected a result in the years 1 to 9999, but {days} days from {day.isoformat()} is outside them") from None


@tool(name="Calendar.business_days")
def business_days(start: date, end: date, weekend: str = "Saturday, Sunday") -> str:
    """How many business days lie between two dates, both of them included, e.g. `2024-05-06, 2024-05-17`.

    Days of the weekend do not count; public holidays do. Another weekend can be given: `2024-05-06, 2024-05-17, Friday Saturday`.
    """  # noqa: W505
    free = _weekend(weekend)
    first, last = sorted((start, end))
    weeks, rest = divmod((last - first).days + 1, 7)
    count = weeks * (7 - len(free)) + sum((first.weekday() + day) % 7 not in free for day in range(rest))
    names = " and ".join(f"{WEEK_DAYS[day]}s" for day in sorted(free)) or "no days"
    return f"{count} business days from {first.isoformat()} to {last.isoformat()}, both included, {names} left out"


def today_tool(clock: Callable[[], date] = date.today) -> AnyTool:
    """The tool `Calendar.today` over a clock: by default the machine's, in its own time zone."""

    @tool(name="Calendar.today", changes=True)
    def today() -> str:
        """Today's date, with its day of the week. It takes no argument."""
        day = clock()
        return f"{day.isoformat()}, a {WEEK_DAYS[day.weekday()]}"

    return today


def _weekend(text: str) -> frozenset[int]:
    """The weekdays in a text as numbers, Monday being 0; empty for `none`."""
    words = [word for word in re.split(r"[^a-z]+", text.lower()) if word not in ("", "and")]
    days = {name.lower(): number for number, name in enumerate(WEEK_DAYS)}
    found = [
        next((number for name, number in days.items() if name == word or (len(word) >= 3 and name.startswith(word))), None)
        for word in words
    ]
    if words == ["none"]:
        return frozenset()
    if None in found or not words or len(set(found)) == len(days):
        raise ToolError(f"expected days of the weekend, such as Friday Saturday or none, found '{text[:40]}'")
    return frozenset(number for number in found if number is not None)


BACKENDS = tuple(built_in(each) for each in (week_day, day_difference, target_day, business_days, today_tool()))
