"""Dates: the day of the week, the days between two dates, the date some days away.

The proleptic Gregorian calendar, years 1 to 9999. Observations read as the published TARA ones do:
`Tuesday`, `7457` (never signed), `2012-07-31`. Knows nothing of time zones or of today.
"""

from datetime import date, timedelta

from themis.errors import ToolError
from themis.tools.base import tool


@tool(name="Calendar.week_day")
def week_day(day: date) -> str:
    """The day of the week of a date, e.g. `2004-05-03`."""
    return _WEEK_DAYS[day.weekday()]


@tool(name="Calendar.day_difference")
def day_difference(start: date, end: date) -> str:
    """How many days lie between two dates, whichever comes first, e.g. `2020-06-10, 2000-01-10`."""
    return str(abs((end - start).days))


@tool(name="Calendar.target_day")
def target_day(day: date, days: int) -> str:
    """The date a number of days after a date, or before it where the number is negative, e.g. `2013-02-26, -210`."""
    try:
        return (day + timedelta(days=days)).isoformat()
    except OverflowError:
        raise ToolError(f"expected a result in the years 1 to 9999, but {days} days from {day.isoformat()} is outside them") from None


# Not strftime("%A"), which follows the locale of whoever runs this.
_WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
