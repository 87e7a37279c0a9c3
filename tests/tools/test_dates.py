"""Dates as people write them, read by the tools."""

import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.errors import ToolError
from themis.tools import dates
from themis.tools.base import read_argument
from themis.tools.calendar import day_difference, target_day, week_day
from themis.tools.dates import year_month_day
from themis.tools.weather.tool import WeatherRecords, weather_tool

history_weather = weather_tool(WeatherRecords([]))


@pytest.mark.parametrize(
    "text",
    [
        "March 24, 2015",
        "Tuesday, March 24, 2015",
        "the 24th of March, 2015",
        "24-Mar-2015",
        "Mar. 24 2015",
        "'24 MARCH 2015'",
        "24. März 2015",
        "Dienstag, den 24. März 2015",
        "24 de marzo de 2015",
        "martes, 24 de marzo de 2015",
        "24 mars 2015",
        "le mardi 24 mars 2015",
        "2015年3月24日",
        "2015 年 3 月 24 日 星期二",
        "二〇一五年三月二十四日",
        "24 مارس 2015",
        "٢٤ مارس ٢٠١٥",
        "الثلاثاء 24 آذار 2015",
        "24 मार्च 2015",
        "२४ मार्च २०१५",
        "ngày 24 tháng 3 năm 2015",
        "thứ ba, ngày 24 tháng ba năm 2015",
        "24.03.2015",
        "24.3.2015",
        "24/03/2015",
        "03/24/2015",
        "2015/03/24",
        "20150324",
        "2015-W13-2",
        "2015-03-24T10:30:00Z",
        "2015-03-24 10:30",
    ],
)
def test_a_day_is_read_in_each_of_its_forms(text: str) -> None:
    assert read_argument(week_day.schema, text) == {"day": date(2015, 3, 24)}


@pytest.mark.parametrize("language", range(len(dates._table())))
def test_every_language_names_twelve_months(language: int) -> None:
    assert sorted(set(dates._table()[language].values())) == list(range(1, 13))


@pytest.mark.parametrize(
    ("text", "month"),
    [("1er août 2015", 8), ("5 كانون الثاني 2015", 1), ("5 tháng mười một 2015", 11), ("5 tháng năm năm 2015", 5), ("7 फ़रवरी 2015", 2)],
)
def test_months_of_one_and_of_more_words(text: str, month: int) -> None:
    found = year_month_day(text)
    assert found is not None
    assert found[:2] == (2015, month)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("February 30, 2020", "that month has no day 30"),
        ("31 Februar 2015", "that month has no day 31"),
        ("31 de noviembre de 2015", "that month has no day 31"),
        ("2015年2月30日", "that month has no day 30"),
        ("30.02.2015", "that month has no day 30"),
        ("20151344", "there is no month 13"),
        ("03/04/2015", "is it 2015-03-04 or 2015-04-03?"),
        ("tomorrow", "found 'tomorrow'"),
        ("March 5", "found 'March 5'"),
        ("5 March 20", "found '5 March 20'"),
        ("March 2015", "found 'March 2015'"),
        ("16940305000", "found '16940305000'"),
        ("March 24 2015 " * 9, "found"),
    ],
)
def test_what_is_no_date_or_may_be_two_is_refused_at_once(text: str, why: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ToolError) as error:
        read_argument(week_day.schema, text)
    assert time.perf_counter() - start < 0.05
    assert why in str(error.value)


def test_a_comma_within_a_date_parts_nothing() -> None:
    day, other = date(2015, 3, 24), date(2016, 4, 3)
    assert read_argument(day_difference.schema, "March 24, 2015, April 3, 2016") == {"start": day, "end": other}
    assert read_argument(day_difference.schema, "Tuesday, March 24, 2015, Sunday, April 3, 2016") == {"start": day, "end": other}
    assert read_argument(target_day.schema, "March 24, 2015, 2000") == {"day": day, "days": 2000}
    assert read_argument(target_day.schema, "24 mars 2015, -210") == {"day": day, "days": -210}
    assert read_argument(history_weather.schema, "Washington, D.C., March 24, 2015") == {"city": "Washington, D.C.", "day": day}


def test_what_was_read_before_is_read_as_before() -> None:
    assert read_argument(target_day.schema, "2013-02-26, 2000") == {"day": date(2013, 2, 26), "days": 2000}
    assert read_argument(history_weather.schema, "District 9, 2024-05-03") == {"city": "District 9", "day": date(2024, 5, 3)}
    flag = {"properties": {"direct": {"type": "boolean"}, "day": {"type": "string", "format": "date"}}, "required": ["direct", "day"]}
    assert read_argument(flag, "true, 2024-05-03") == {"direct": True, "day": date(2024, 5, 3)}
    with pytest.raises(ToolError, match="found more"):
        read_argument(target_day.schema, "2024-05-03, 4, 2024")


def test_an_iso_date_is_read_without_the_module_of_the_other_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "themis.tools.dates", None)  # an import of it would fail
    assert read_argument(week_day.schema, "2015-3-24") == {"day": date(2015, 3, 24)}


def test_months_of_further_languages_are_looked_up_where_the_extra_is_installed() -> None:
    pytest.importorskip("dateparser", reason="the extra 'dates' is not installed")
    for text in ("24 марта 2015", "24 de março de 2015", "24 marca 2015", "24 maart 2015"):
        assert read_argument(week_day.schema, text) == {"day": date(2015, 3, 24)}


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Callable[[str], Any] = lambda name: None  # noqa: E731
    monkeypatch.setattr(dates, "find_spec", nothing)
    dates._by_dateparser.cache_clear()
    with pytest.raises(ToolError, match=r"for months in more languages, pip install 'themis-rm\[dates\]'"):
        read_argument(week_day.schema, "24 марта 2015")
    dates._by_dateparser.cache_clear()


@given(st.dates(min_value=date(1000, 1, 1)), st.integers(0, 6))
def test_a_date_comes_back_from_its_words(day: date, language: int) -> None:
    name = next(word for word, number in dates._table()[language].items() if number == day.month)
    for text in (f"{day.day} {name} {day.year}", f"{name} {day.day}, {day.year}", f"{day.year} {name} {day.day}"):
        assert year_month_day(text) == (day.year, day.month, day.day)


@given(st.text(max_size=80))
def test_any_text_is_a_date_or_none(text: str) -> None:
    if not any(character.isalpha() for character in text):  # words may be asked of dateparser, which has tests of its own
        found = year_month_day(text)
        assert found is None or len(found) == 3
