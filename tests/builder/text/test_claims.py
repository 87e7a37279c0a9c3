"""What an answer states: one value in any form, several, a denial, nothing."""

import pytest

from themis.builder.text.claims import Claim, compared, dates, week_days, whole_numbers


@pytest.mark.parametrize(
    ("answer", "label", "stance", "claim"),
    [
        ("2015-03-24 is a Tuesday.", None, "agrees", "Tuesday"),
        ("tuesday", None, "agrees", "tuesday"),
        ("Tue", None, "agrees", "Tue"),
        ("tue.", None, "agrees", "tue"),
        ("IT'S TUESDAY!!!", None, "agrees", "TUESDAY"),
        ("**Tuesday**", None, "agrees", "Tuesday"),
        ("It is not a Thursday, it is a Tuesday.", None, "agrees", "Tuesday"),
        ("Tuesday, not Thursday.", None, "agrees", "Tuesday"),
        ("2015-03-24 is a Thursday.", None, "disagrees", "Thursday"),
        ("It is a Wendesday", None, "disagrees", "Wendesday"),
        ("Not Tuesday but Thursday.", None, "disagrees", "Thursday"),
        ("A Thursday, or a Tuesday.", None, "disagrees", "Thursday, or a Tuesday"),
        ("either Tuesday or Thursday", None, "disagrees", "Tuesday or Thursday"),
        ("Tuesday/Thursday", None, "disagrees", "Tuesday/Thursday"),
        ("Monday, Tuesday or Sunday", None, "disagrees", "Monday, Tuesday or Sunday"),
        ("Monday, Wednesday or Sunday", None, "disagrees", "Monday, Wednesday or Sunday"),
        ("2015-03-24 is not a Tuesday.", None, "disagrees", "not a Tuesday"),
        ("It can't be Tuesday.", None, "disagrees", "can't be Tuesday"),
        ("I don't know.", None, "disagrees", "I don't know."),
        ("It depends.", None, "disagrees", "It depends."),
        ("A fine day.", None, "unsettled", ""),
        ("It is not Monday.", None, "unsettled", ""),
        # Two values in two sentences: only the label can tell.
        ("The day before was a Monday. So it is a Tuesday.", None, "unsettled", "Monday and Tuesday"),
        ("The day before was a Monday. So it is a Tuesday.", True, "agrees", "Tuesday"),
        ("It is a Thursday. It states Tuesday, which is right.", False, "disagrees", "Thursday"),
    ],
)
def test_what_is_said_of_a_weekday(answer: str, label: bool | None, stance: str, claim: str) -> None:
    evidence = compared(answer, week_days(answer), "Tuesday", label)
    assert (evidence.stance, evidence.claim) == (stance, claim)


@pytest.mark.parametrize(
    ("answer", "stance"),
    [
        ("24 March 2015", "agrees"),
        ("it is the 24th of march, 2015", "agrees"),
        ("THE 24TH OF MARCH 2015!!!", "agrees"),
        ("2015-03-24T10:30:00", "agrees"),
        ("It is 25.03.2015.", "disagrees"),
        ("24 March 2015 or 2015-03-25", "disagrees"),
        ("Not 2015/03/24.", "disagrees"),
    ],
)
def test_what_is_said_of_a_date(answer: str, stance: str) -> None:
    assert compared(answer, dates(answer), "2015-03-24").stance == stance


@pytest.mark.parametrize(
    ("answer", "stance"),
    [
        ("7,457 days", "agrees"),
        ("From 14 July 1998 to 2018-12-14 it is 7457 days.", "agrees"),
        ("7457 or 7458 days", "disagrees"),
        ("74.57", "unsettled"),
    ],
)
def test_what_is_said_of_a_number(answer: str, stance: str) -> None:
    assert compared(answer, whole_numbers(answer), "7457").stance == stance


def test_without_a_finding_nothing_is_settled() -> None:
    assert compared("Tuesday", [Claim("Tuesday", "Tuesday", 0, 7)], "").stance == "unsettled"
