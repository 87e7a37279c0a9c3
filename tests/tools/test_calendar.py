"""The calendar."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.errors import ToolError
from themis.tools.calendar import day_difference, target_day, week_day


def test_a_day_has_its_week_day() -> None:
    assert week_day(date(2015, 3, 24)) == "Tuesday"
    assert week_day(date(1, 1, 1)) == "Monday"


def test_a_difference_has_no_sign() -> None:
    assert day_difference(date(2020, 6, 10), date(2000, 1, 10)) == "7457"
    assert day_difference(date(2000, 1, 10), date(2020, 6, 10)) == "7457"


def test_negative_days_go_back() -> None:
    assert target_day(date(2013, 2, 26), -210) == "2012-07-31"
    assert target_day(date(800, 12, 25), 7) == "0801-01-01"


def test_a_day_beyond_the_calendar_is_a_tool_error() -> None:
    for day, days in ((date.max, 1), (date.min, -1), (date(2000, 1, 1), 10**17)):
        with pytest.raises(ToolError, match="years 1 to 9999"):
            target_day(day, days)


@given(st.dates(), st.integers(-4_000_000, 4_000_000))
def test_the_target_day_lies_the_difference_away(day: date, days: int) -> None:
    try:
        target = date.fromisoformat(target_day(day, days))
    except ToolError:
        assert not 0 < day.toordinal() + days <= date.max.toordinal()
    else:
        assert target - day == timedelta(days)
        assert day_difference(day, target) == str(abs(days))
