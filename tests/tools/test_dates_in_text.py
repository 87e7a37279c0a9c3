"""Dates, weekdays and amounts of time in running text, as the calendar's tools are asked with it."""

import time
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.errors import ToolError
from themis.tools.base import AnyTool, read_argument
from themis.tools.calendar import day_difference, target_day, week_day
from themis.tools.calendar_in_text import day_difference_in, target_day_in, week_day_in
from themis.tools.dates_in_text import reading
from themis.tools.recordings.store import ObservationStore
from themis.tools.toolbox import Toolbox
from themis.traces import Action, Observation

BOX = Toolbox([week_day, day_difference, target_day])


def asked(tool: str, text: str) -> Observation:
    return BOX.call(Action(f"Calendar.{tool}", text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("my grandma was born 3 May 1947", "Saturday"),
        ("14 July 1998 was a Friday", "Tuesday. Friday is wrong: 1998-07-14 is a Tuesday."),
        ("14 July 1998 was a Tuesday", "Tuesday. Tuesday is right."),
        ("She was born on Saturday, 3 May 1947.", "Saturday. Saturday is right."),
        ("Was 14 July 1998 a Friday?", "Tuesday. Friday is wrong: 1998-07-14 is a Tuesday."),
        ("It fell on the 15th of May 2024, a Wednesday", "Wednesday. Wednesday is right."),
        ("(1998-07-14) was a Tuesday!", "Tuesday. Tuesday is right."),
        ("July 14th 1998 was a monday", "Tuesday. Monday is wrong: 1998-07-14 is a Tuesday."),
        ("9. November 1989 war ein Donnerstag", "Thursday. Thursday is right."),
        ("14 de julio de 1998", "Tuesday"),
        ("el 14 de julio de 1998 fue un viernes", "Tuesday. Friday is wrong: 1998-07-14 is a Tuesday."),
        ("Le 14 juillet 1789 était un mardi", "Tuesday. Tuesday is right."),
        ("1998年7月14日是星期五", "Tuesday. Friday is wrong: 1998-07-14 is a Tuesday."),
        ("1998年7月14日は火曜日です", "Tuesday. Tuesday is right."),
        ("1998년 7월 14일은 화요일", "Tuesday. Tuesday is right."),
        ("born May the 7th, 2024", "Tuesday"),
        ("the log says 24.03.2015", "Tuesday"),
        ("the date is 2015-03-24T10:30 in the log", "Tuesday"),
        ('{"day": "14 July 1998 was a Friday"}', "Tuesday. Friday is wrong: 1998-07-14 is a Tuesday."),
    ],
)
def test_the_weekday_of_a_text_and_whether_it_claims_the_right_one(text: str, said: str) -> None:
    assert asked("week_day", text) == Observation(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from 12 March 2024 until 9 April 2024", "28"),
        ("There are 28 days between 12 March 2024 and 9 April 2024.", "28. 28 days is right."),
        ("There are 30 days between 12 March 2024 and 9 April 2024.", "28. 30 days is wrong: from 2024-03-12 to 2024-04-09 is 28 days."),
        ("There are four weeks between 12 March 2024 and 9 April 2024.", "28. four weeks is right."),
        ("between 12 March 2024 and 12 June 2024 there are 3 months", "92. 3 months is right."),
        ("applied 2019-11-04, visa came 2020-02-20", "108"),
        ("It took 108 days from 2019-11-04 to 2020-02-20.", "108. 108 days is right."),
        ("9 April 2024 is 28 days after 12 March 2024", "28. 28 days is right."),
        ("12 March 2024 is 28 days before 9 April 2024", "28. 28 days is right."),
        ("How many days after 12 March 2024 is 9 April 2024?", "28"),
        (
            "from Tuesday, 12 March 2024 to 9 April 2024 is 29 days.",
            "28. 29 days is wrong: from 2024-03-12 to 2024-04-09 is 28 days.",
        ),
        ("Zwischen dem 12. März 2024 und dem 9. April 2024 liegen 28 Tage.", "28. 28 Tage is right."),
        ("2024年3月12日到2024年4月9日", "28"),
    ],
)
def test_the_days_between_two_dates_of_a_text(text: str, said: str) -> None:
    assert asked("day_difference", text) == Observation(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30 days after 18 January 2024", "2024-02-17"),
        ("2 weeks after 18 January 2024", "2024-02-01"),
        ("four weeks before 21520503", "2152-04-05"),
        ("18 January 2024, 2 weeks", "2024-02-01"),
        ("18 January 2024, 30 days", "2024-02-17"),
        ("18 January 2024, -30 days", "2023-12-19"),
        ("18 January 2024 + 30 days", "2024-02-17"),
        ("46 days before 20 April 2025", "2025-03-05"),
        ("three weeks earlier than 20 April 2025", "2025-03-30"),
        ("a fortnight before 20 April 2025", "2025-04-06"),
        ("subtract 30 days from 18 January 2024", "2023-12-19"),
        ("18 January 2024 plus thirty days", "2024-02-17"),
        ("two hundred and fifty days after 18 January 2024", "2024-09-24"),
        ("1,000 days after 18 January 2024", "2026-10-14"),
        ("1 month after 18 January 2024", "2024-02-18"),
        ("2 weeks and 3 days after 18 January 2024", "2024-02-04"),
        ("30 days after 18 January 2024 is 17 February 2024", "2024-02-17. 2024-02-17 is right."),
        ("17 February 2024 is 30 days after 18 January 2024", "2024-02-17. 2024-02-17 is right."),
        ("18 January 2024 plus 30 days is 17 February 2024", "2024-02-17. 2024-02-17 is right."),
        ("30 days after 18 January 2024 is 18 February 2024.", "2024-02-17. 2024-02-18 is wrong: 30 days after 2024-01-18 is 2024-02-17."),
        ("46 days before 20 April 2025 is 6 March 2025", "2025-03-05. 2025-03-06 is wrong: 46 days before 2025-04-20 is 2025-03-05."),
        ("30 days after 18 January 2024 is a Saturday", "2024-02-17. Saturday is right."),
        ("90 days after 3 May 2024 is Friday, 1 August 2024", "2024-08-01. 2024-08-01 is right, but Friday is wrong: it is a Thursday."),
        ("30 Tage nach dem 18. Januar 2024", "2024-02-17"),
        ("46 Tage vor dem 20. April 2025", "2025-03-05"),
        ("30 días después del 18 de enero de 2024", "2024-02-17"),
        ("30 jours après le 18 janvier 2024", "2024-02-17"),
        ("2024年1月18日之后30天", "2024-02-17"),
    ],
)
def test_the_day_some_time_from_the_date_of_a_text(text: str, said: str) -> None:
    assert asked("target_day", text) == Observation(said)


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        *(
            ("week_day", text)
            for text in (
                "14 July 1998 was not a Friday",
                "14 July 1998 wasn't a Friday",
            )
        ),
        *(("week_day", text) for text in ("it was never 14 July 1998",)),
        *(
            ("week_day", text)
            for text in (
                "14 July 1998 or 15 July 1998",
                "03/04/2015 was a Friday",
            )
        ),
        *(("week_day", text) for text in ("30 February 2020 was a Friday",)),
        *(
            ("week_day", text)
            for text in (
                "the day after 14 July 1998",
                "a week from 14 July 1998",
            )
        ),
        *(
            ("week_day", text)
            for text in (
                "about 3 May 1947",
                "3 May 1947 BC",
            )
        ),
        *(
            ("week_day", text)
            for text in ("We met on Friday and 14 July 1998 was fine", "between 12 and 15 March 2024", "5 March and 9 April 2024")
        ),
        *(
            ("week_day", text)
            for text in ("14 July 1998 fell on a Friday or Saturday", "March 12-15, 2024 was cold", "der 14. Juli 1998 war kein Freitag")
        ),
        *(
            ("week_day", text)
            for text in ("1998年7月14日不是星期五", "the treaty of 1648 was signed on 24 October 1648", "30 people came in 2015")
        ),
        *(
            ("day_difference", text)
            for text in ("from 12 March 2024 to 12 March 2024 it is", "from 5 March to 9 April 2024", "since 9 April 2024")
        ),
        *(
            ("day_difference", text)
            for text in ("the day after 12 March 2024 until 9 April 2024", "20 working days between 12 March 2024 and 9 April 2024")
        ),
        *(
            ("day_difference", text)
            for text in ("9 April 2024 is 28 days before 12 March 2024", "not 28 days between 12 March 2024 and 9 April 2024")
        ),
        *(
            ("day_difference", text)
            for text in ("12 March 2024 to 9 April 2024 to 3 May 2024", "12 March 2024 through 9 April 2024 inclusive")
        ),
        *(
            ("target_day", text)
            for text in ("one month after 31 January 2024", "half a month after 18 January 2024", "1.5 weeks after 18 January 2024")
        ),
        *(("target_day", text) for text in ("30 days before or after 18 January 2024",)),
        *(("target_day", text) for text in ("On 18 January 2024 she stayed 30 days",)),
        *(
            ("target_day", text)
            for text in ("18 January 2024 - 30 days", "two thousand days after 18 January 2024", "within 30 days after 18 January 2024")
        ),
        *(
            ("target_day", text)
            for text in ("30 business days after 18 January 2024", "After 18 January 2024 she stayed 30 days", "30 days after lunch")
        ),
        *(
            ("target_day", text)
            for text in ("99999 years after 3 May 2024", "30 days after lunch. On 18 January 2024", "fıve days after 18 January 2024")
        ),
    ],
)
def test_what_is_in_doubt_keeps_its_error_word_for_word(tool: str, text: str) -> None:
    tools: dict[str, AnyTool] = {"week_day": week_day, "day_difference": day_difference, "target_day": target_day}
    schema = tools[tool].schema
    with pytest.raises(ToolError) as error:
        read_argument(schema, text)
    assert asked(tool, text) == Observation(str(error.value), "error")


def test_an_ordinary_argument_is_answered_without_a_verdict() -> None:
    assert asked("week_day", "Friday, 14 July 1998") == Observation("Tuesday")
    assert asked("day_difference", '{"start": "2024-03-12", "end": "2024-04-09", "more": 1}').status == "error"


def test_what_is_recorded_is_the_plain_observation() -> None:
    with ObservationStore(":memory:") as store:
        with Toolbox([week_day], "record", store) as box:
            assert box.call(Action("Calendar.week_day", "14 July 1998 was a Friday")).text.startswith("Tuesday. Friday is wrong")
        assert '"text": "Tuesday"' in store.lines()[0]
        with Toolbox([week_day], "replay", store) as box:
            assert box.call(Action("Calendar.week_day", "14 July 1998 was a Tuesday")) == Observation("Tuesday. Tuesday is right.")
            assert box.call(Action("Calendar.week_day", "15 July 1998 was a Tuesday")).status == "error"


@given(st.dates(min_value=date(1000, 1, 1)), st.integers(1, 5_000), st.sampled_from([("after", 1), ("before", -1)]))
def test_a_day_comes_back_from_a_sentence(day: date, days: int, way: tuple[str, int]) -> None:
    found = target_day_in(f"{days} days {way[0]} {day.day} {day:%B %Y}")
    try:
        target = day + timedelta(way[1] * days)
    except OverflowError:
        assert found is None
        return
    assert found is not None
    assert found.arguments == {"day": day, "days": way[1] * days}
    if target.year >= 1000:
        between = day_difference_in(f"from {day.isoformat()} to {target:%B} {target.day}, {target.year} is {days} days")
        assert between is not None
        assert between.verdict("") == f"{days} days is right."


@given(st.text(alphabet="0123456789-.,:+ Maytheofdsweknbrfl年月日\ue000\ue001\ue002ıſK", max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for read in (week_day_in, day_difference_in, target_day_in):
        read(f"{text} 3 May 1947 {text}")


PIECES = [
    "3 May 1947 ",
    "2015 ",
    "30 days ",
    "a ",
    "two hundred and ",
    "March ",
    "1-1-",
    "12 of the the ",
    "-",
    "2015-03-",
    "9",
    "May the ",
]
PIECES += [
    "Friday ",
    "年1月",
    "一",
    "is on the ",
    "Tuesday, the ",
    "days after ",
    "a hundred and ",
    "1 2 3 4 2015 ",
    "x y z 2015 ",
    "1,000,",
]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("letters", [1_900, 10_000])
def test_no_text_takes_long(piece: str, letters: int) -> None:
    reading("3 мая 2015 3 km")  # the first text with an unknown word waits for dateparser
    text = piece * ((letters - 60) // len(piece))
    started = time.process_time()
    for read in (week_day_in, day_difference_in, target_day_in):
        read(text)
        read(f"30 days after 3 May 1947 is {text} 4 May 2024")
    assert time.process_time() - started < 0.2
