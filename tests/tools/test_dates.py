"""Dates as people write them, read by the tools."""

import re
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.errors import ToolError
from themis.tools import dates
from themis.tools.base import read_argument
from themis.tools.calendar import business_days, day_difference, target_day, week_day
from themis.tools.dates import year_month_day
from themis.tools.weather.tool import WeatherRecords, weather_tool

history_weather = weather_tool(WeatherRecords([]))
PAGE = Path(__file__).parents[2] / "docs" / "tools" / "built-in.md"
TIMES = ("10:30", "10:30:15.5", "10:30 AM", "3 pm", "10 Uhr", "10h30", "15时30分", "오전 10시 30분", "23:59:60")
ZONES = ("Z", "UTC", "+00", "+0530", "-05:00", "UTC+2", "CET", "Europe/Berlin", "(UTC)")
WEEKDAYS = ("Tuesday", "Tue", "Dienstag", "Di.", "martes", "mardi", "星期二", "火曜日", "화요일", "thứ ba", "الثلاثاء", "मंगलवार")
DIGITS = (
    "2015-03-24",
    "2015/3/24",
    "2015. 3. 24.",
    "20150324",
    "24.03.2015",
    "24/03/2015",
    "03/24/2015",
    "2015年3月24日",
    "2015년 3월 24일",
)
WORDS = (
    "March 24, 2015",
    "24. März 2015",
    "24 de marzo de 2015",
    "24 mars 2015",
    "24 مارس 2015",
    "24 मार्च 2015",
    "ngày 24 tháng 3 năm 2015",
)


def rows_of_the_docs(number: int) -> list[tuple[str, str]]:
    """Each date of one of the two tables `Dates`, with the other cell of its row."""
    section = PAGE.read_text(encoding="utf-8").split("\n### Dates\n")[1].split("\n## ")[0]
    table = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[number].strip().split("\n")[2:]
    cells = [line.strip("| ").split(" | ") for line in table]
    return [(text, row[number]) for row in cells for text in re.findall(r"`([^`]+)`", row[1 - number])]


def test_the_tables_of_the_docs_were_found() -> None:
    assert (len(rows_of_the_docs(0)) > 50, len(rows_of_the_docs(1)) > 8) == (True, True)


@pytest.mark.parametrize(("text", "form"), rows_of_the_docs(0))
def test_a_date_of_the_docs_is_read(text: str, form: str) -> None:
    if "further languages" in form:
        pytest.importorskip("dateparser", reason="the extra 'dates' is not installed")
    assert read_argument(week_day.schema, text) == {"day": date(2015, 3, 24)}


@pytest.mark.parametrize(("text", "why"), rows_of_the_docs(1))
def test_a_date_that_the_docs_refuse_is_refused_with_their_words(text: str, why: str) -> None:
    with pytest.raises(ToolError, match=re.escape(why)):
        read_argument(week_day.schema, text)


@pytest.mark.parametrize("day", DIGITS + WORDS)
@pytest.mark.parametrize("beside", [*TIMES, *WEEKDAYS, "10:30:00+00", "10:30 UTC", "Tue 10:30 -0500"])
def test_weekday_time_and_zone_stand_before_or_behind_each_form(day: str, beside: str) -> None:
    for text in (f"{day} {beside}", f"{beside} {day}", f"{day} ({beside})", f"({beside}) {day}", f"{day}（{beside}）", f"{beside}, {day}"):
        assert year_month_day(text) == (2015, 3, 24), text


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_stands_behind_each_time_and_day(zone: str) -> None:
    for day in DIGITS + WORDS:
        assert year_month_day(f"{day} 10:30:00{'' if zone[0] in '+-Z' else ' '}{zone}") == (2015, 3, 24), day
    if zone not in ("+00", "+0530"):  # behind a day, these may be something that is added
        assert year_month_day(f"2015-03-24 {zone}") == (2015, 3, 24)


@pytest.mark.parametrize(
    "text",
    ["2015-03-24 24:00", "2015-03-24 10:60", "2015-03-24 +5", "2015-03-24 - 5", "24 cats March 2015", "24 March 2015 BC", "令和6年5月3日"]
    + ["2015-03-24 10:30 20:30", "10:30", "2015 10:30", "10 am 2015", "March 2015 10 am", "24 and 25 March 2015", "15年3月24日"],
)
def test_other_things_beside_a_date_are_no_date(text: str) -> None:
    assert year_month_day(text) is None


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
        "2015.3.24",
        "\ufeff2015-03-24\u200b",
        "24\u00a0March\u202f2015",
        "2015−03−24",
        "이천십오년 삼월 이십사일 화요일",
        "二千零一十五年三月二十四日",
        "20150324T103000Z",
        "24/Mar/2015:10:00:00 +0000",
        "Tue Mar 24 2015 10:00:00 GMT+0100 (Central European Standard Time)",
        "24 Mar 2015 10.30am",
        "24. März 2015 gegen 10 Uhr",
        "24.03.2015 vormittags",
        "24. Maerz 2015",
        "le mardi 24 mars 2015 à 10 heures",
        "24 mars 2015 au matin",
        "24 de marzo de 2015, 10:30 hs",
        "24 مارس 2015م",
        "24 मार्च 2015 शाम 5 बजे",
        "T3, 24/03/2015",
        "2015 年 3 月 24 日 （ 火 ）",
        "2015-03-24 / Tuesday",
        "2015-03-24_10:30",
        "**24 March 2015**",
        "“24 March 2015”",
        "2015-03-24?",
    ],
)
def test_a_day_is_read_in_each_of_its_forms(text: str) -> None:
    assert read_argument(week_day.schema, text) == {"day": date(2015, 3, 24)}


@pytest.mark.parametrize("language", range(len(dates._table())))
def test_every_language_names_twelve_months(language: int) -> None:
    assert sorted(set(dates._table()[language].values())) == list(range(1, 13))


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("5. Jänner 2015", 1),
        ("5. Jän. 2015", 1),
        ("7. Feber 2015", 2),
        ("2015년 유월 일일", 6),
        ("2015년 시월 이십일일", 10),
        ("2015年十二月三十一日", 12),
        ("3 mar 2015", 3),
        ("1er août 2015", 8),
        ("5 كانون الثاني 2015", 1),
        ("5 tháng mười một 2015", 11),
        ("5 tháng năm năm 2015", 5),
        ("7 फ़रवरी 2015", 2),
    ],
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
    for text in (
        "Paris, Texas, Tuesday, March 24, 2015, 10:30 AM",
        "Paris, Texas, 2015-03-24, Tuesday",
        "Paris, Texas, Tuesday, 24.03.2015",
    ):
        assert read_argument(history_weather.schema, text) == {"city": "Paris, Texas", "day": day}
    for city in ("New Orleans, LA", "Springfield, MO", "Gary, IN", "Lisbon, PT", "Paris, FR", "Detroit, MI", "District 9, LA"):
        assert read_argument(history_weather.schema, f"{city}, 2015-03-24") == {"city": city, "day": day}
        assert read_argument(history_weather.schema, f"{city}, March 24, 2015") == {"city": city, "day": day}
    assert read_argument(history_weather.schema, "北京，2015年3月24日") == {"city": "北京", "day": day}
    assert read_argument(target_day.schema, "2015年3月24日、−210") == {"day": day, "days": -210}
    assert read_argument(target_day.schema, "Tuesday, 2015-03-24, 10:30 UTC, 1,000") == {"day": day, "days": 1000}
    assert read_argument(business_days.schema, "Tuesday, 2015-03-24, Sunday, 2016-04-03, Friday")["weekend"] == "Friday"


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
    for text in (
        *("24 марта 2015 г.", "вторник, 24 марта 2015 г.", "terça-feira, 24 de março de 2015", "24 marca 2015 r.", "24 maart 2015"),
        *("24 Μάρτιος 2015", "24.03.2015 (вт)", "24 במרץ 2015", "2015. március 24., kedd", "24 Mart 2015 Salı 10:30", "২৪ মার্চ ২০১৫"),
    ):
        assert read_argument(week_day.schema, text) == {"day": date(2015, 3, 24)}


@pytest.mark.parametrize(
    "text",
    ["24-03-2015 10:30 uur", "24 marca 2015 r. godz. 10:30", "24 Maret 2015 pukul 10.30 WIB", "24 mars 2015 klockan 10:30"]
    + ["2015-03-24 kl. 10", "24 Μαρτίου 2015 στις 10:30", "24. března 2015 v 10:30 hod.", "24 martie 2015 ora 10:30"]
    + ["۲۴ مارس ۲۰۱۵ ساعت ۱۰:۳۰", "২৪ মার্চ ২০১৫ সকাল ১০:৩০", "«24 марта 2015 г.»"],
)
def test_a_time_of_day_is_read_in_further_languages(text: str) -> None:
    pytest.importorskip("dateparser", reason="the extra 'dates' is not installed")
    assert (year_month_day(text) or (0, 0))[::2] == (2015, 24)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Callable[[str], Any] = lambda name: None  # noqa: E731
    monkeypatch.setattr(dates, "find_spec", nothing)
    with pytest.raises(ToolError, match=r"for months in more languages, pip install 'themis-rm\[dates\]'"):
        read_argument(week_day.schema, "24 марта 2015")


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
