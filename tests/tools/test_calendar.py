"""The calendar."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.errors import ToolError
from themis.tools.base import read_argument
from themis.tools.calendar import business_days, day_difference, target_day, today_tool, week_day
from themis.tools.recordings.store import Mode, ObservationStore
from themis.tools.toolbox import Toolbox
from themis.traces import Action


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


@pytest.mark.parametrize(
    ("argument", "count", "named"),
    [
        ("2024-05-06, 2024-05-17", 10, "Saturdays and Sundays left out"),
        ("2024-05-17, 2024-05-06", 10, "from 2024-05-06 to 2024-05-17, both included"),
        ("2024-05-11, 2024-05-12", 0, "Saturdays and Sundays left out"),
        ("2024-05-10, 2024-05-10", 1, "from 2024-05-10 to 2024-05-10"),
        ("2024-05-06, 2024-05-17, Friday Saturday", 9, "Fridays and Saturdays left out"),
        ("May 6, 2024, May 17, 2024, sun", 11, "Sundays left out"),
        ('{"start": "2024-05-06", "end": "2024-05-17", "weekend": "Fri, Sat"}', 9, "Fridays and Saturdays left out"),
        ("2024-05-06, 2024-05-17, none", 12, "no days left out"),
    ],
)
def test_business_days_state_what_they_leave_out(argument: str, count: int, named: str) -> None:
    said = business_days(**read_argument(business_days.schema, argument))
    assert said.startswith(f"{count} business days from ")
    assert named in said


@given(st.dates(), st.integers(0, 400), st.sets(st.sampled_from(["Monday", "Friday", "Saturday", "Sunday"]), min_size=1))
def test_business_days_are_those_that_a_count_day_by_day_gives(start: date, days: int, weekend: set[str]) -> None:
    if (date.max - start).days < days:
        return
    each = [start + timedelta(number) for number in range(days + 1)]
    counted = sum(week_day(day) not in weekend for day in each)
    assert business_days(start, each[-1], " ".join(weekend)).startswith(f"{counted} business days")


@pytest.mark.parametrize("weekend", ["", "Caturday", "s", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"])
def test_a_weekend_that_is_none_is_refused(weekend: str) -> None:
    with pytest.raises(ToolError, match="expected days of the weekend"):
        business_days(date(2024, 5, 6), date(2024, 5, 17), weekend)


def test_today_is_what_the_clock_says_and_takes_no_argument() -> None:
    today = today_tool(lambda: date(2015, 3, 24))
    assert today(**read_argument(today.schema, "")) == "2015-03-24, a Tuesday"
    assert today_tool()()[:10] in (date.today().isoformat(), (date.today() - timedelta(1)).isoformat())


def test_what_today_was_is_recorded_and_replayed(tmp_path: Path) -> None:
    call = Action("Calendar.today", "")
    modes: tuple[tuple[Mode, date], ...] = (("record", date(2015, 3, 24)), ("replay", date(2016, 1, 1)))
    for mode, day in modes:
        today = today_tool(lambda day=day: day)  # type: ignore[misc]  # mypy infers no type for a default
        with ObservationStore(tmp_path / "store.db") as store, Toolbox([today], mode, store) as toolbox:
            assert toolbox.call(call).text == "2015-03-24, a Tuesday"
