"""Dates as people write them: what is written is read again, by the calendar and in running text."""

import re
from datetime import date
from pathlib import Path
from random import Random

import pytest

from themis.builder.text.written_dates import SHARES, dates_in, in_form, written_date
from themis.phrases import phrases
from themis.tools.dates import day_of

FORMS = phrases("themis.builder.text", "written_dates.yaml")
PAGE = Path(__file__).parents[3] / "docs" / "tools" / "built-in.md"
DAYS = (date(2015, 3, 24), date(1998, 12, 31), date(1848, 5, 13), date(2199, 9, 22))


@pytest.mark.parametrize("form", [form for forms in FORMS.values() for form in forms])
def test_every_form_is_read_by_the_calendar_and_found_in_a_sentence(form: str) -> None:
    for day in DAYS:
        text = in_form(form, day)
        assert day_of(text) == day
        for sentence in (f"I was born on {text}.", f"{text}: which day is that?"):
            (found,) = dates_in(sentence)
            assert found[2] == day


def test_any_drawn_date_is_read_as_that_day() -> None:
    rng = Random(1)
    for _ in range(2_000):
        day = date.fromordinal(rng.randint(date(1800, 1, 1).toordinal(), date(2199, 12, 31).toordinal()))
        assert day_of(written_date(day, rng)) == day
        assert not re.search("mon|tue|wed|thu|fri|sat|sun", written_date(day, rng, week_day=False).lower().replace("month", ""))


def test_what_only_looks_like_a_date_is_none() -> None:
    assert not list(dates_in("Call 555-1234 before 30 February 2020, room 12.34.5678, version 1.2.2020.4"))


def test_each_kind_of_date_in_the_docs_is_written() -> None:
    """One form or more of every row of the table but those that only some installations read."""
    table = PAGE.read_text(encoding="utf-8").partition("| form | such as |")[2].partition("\n\n")[0]
    rows = [line for line in table.splitlines()[2:] if "further languages" not in line]
    day = date(2015, 3, 24)
    ours = {re.sub(r"\s", "", in_form(form, day)) for forms in FORMS.values() for form in forms}
    for row in rows:
        examples = {re.sub(r"\s", "", text) for text in re.findall(r"`([^`]+)`", row)}
        assert examples & ours, row


def test_the_shares_are_of_the_groups() -> None:
    assert set(SHARES) == set(FORMS)
    assert sum(SHARES.values()) == pytest.approx(1)
