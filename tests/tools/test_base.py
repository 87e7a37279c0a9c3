"""A tool's schema and the reading of its argument."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.errors import ToolError
from themis.tools.base import normalised, read_argument, tool
from themis.traces import Case


@tool(name="trip", deadline=3.0)
def trip(
    city: str, start: date, days: int, price: float = 1.5, direct: bool = False, guide: str | None = None, case: Case | None = None
) -> str:
    """A trip."""
    return f"{city} {start} {days} {price} {direct} {guide} {case}"


@tool(name="search")
def search(query: str, limit: int = 3) -> str:
    """A search."""
    return f"{query} {limit}"


@tool(name="shift")
def shift(day: date, days: int = 1) -> str:
    """A shift."""
    return f"{day} {days}"


def read(text: str) -> dict[str, Any]:
    return read_argument(trip.schema, text)


def test_the_schema_comes_from_the_signature_and_leaves_the_case_out() -> None:
    assert trip.schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "start": {"type": "string", "format": "date"},
            "days": {"type": "integer"},
            "price": {"type": "number", "default": 1.5},
            "direct": {"type": "boolean", "default": False},
            "guide": {"type": ["string", "null"], "default": None},
        },
        "required": ["city", "start", "days"],
        "additionalProperties": False,
    }
    assert (trip.name, trip.description, trip.wants_case, trip.deadline) == ("trip", "A trip.", True, 3.0)


def test_a_tool_is_still_its_function() -> None:
    assert search("Paris", limit=2) == "Paris 2"


def test_the_comma_form_and_the_json_form_read_the_same() -> None:
    comma = read("Rome, 2024-05-03, 7")
    assert comma == {"city": "Rome", "start": date(2024, 5, 3), "days": 7}
    assert read('{"days": 7.0, "city": "Rome", "start": "2024-05-03"}') == comma
    assert normalised(comma) == normalised(read('{"start":"2024-5-3","city":" Rome ","days":"7"}'))


def test_surplus_commas_belong_to_the_text() -> None:
    assert read("Washington, D.C., 2024-05-03, 7")["city"] == "Washington, D.C."
    assert read_argument(search.schema, "Paris, France, 2") == {"query": "Paris, France, 2"}


def test_without_a_text_the_comma_form_reaches_the_parameters_with_a_default() -> None:
    assert read_argument(shift.schema, "2024-05-03, 4") == {"day": date(2024, 5, 3), "days": 4}
    assert read_argument(shift.schema, "2024-05-03") == {"day": date(2024, 5, 3)}


def test_json_gives_every_parameter() -> None:
    text = '{"city": "Rome", "start": "2024-05-03", "days": 7, "price": 2, "direct": "Yes", "guide": null}'
    assert read(text) == {"city": "Rome", "start": date(2024, 5, 3), "days": 7, "price": 2.0, "direct": True, "guide": None}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "found no city in ''"),
        ("Rome, 2024-05-03", "found no days in 'Rome, 2024-05-03'"),
        ("Rome, 2024-02-31, 7", "expected a date such as 2004-05-03 for start, found '2024-02-31': that month has no day 31"),
        ("Rome, 0000-02-03, 7", "found '0000-02-03': there is no year 0"),
        ("Rome, 2024-13-03, 7", "found '2024-13-03': there is no month 13"),
        ("Rome, tomorrow, 7", "expected a date such as 2004-05-03 for start, found 'tomorrow'"),
        ("Rome, 2024-05-03, seven", "expected a whole number for days, found 'seven'"),
        ("Rome, 2024-05-03, 99999999999999999999", "expected a whole number for days"),
        ('{"city": 3, "start": "2024-05-03", "days": 7}', "expected a text for city, found '3'"),
        ('{"city": "Rome", "start": "2024-05-03", "days": true}', "expected a whole number for days, found 'true'"),
        ('{"city": "Rome", "start": "2024-05-03", "days": 7.5}', "expected a whole number for days, found '7.5'"),
        ('{"city": "Rome", "start": "2024-05-03", "days": 7, "price": NaN}', "expected a number for price"),
        ('{"city": "Rome", "start": "2024-05-03", "days": 7, "direct": "maybe"}', "expected true or false for direct"),
        ('{"town": "Rome", "start": "2024-05-03", "days": 7}', "found an argument named 'town'"),
        ('{"city": "Rome", "start": "2024-05-03", "days": 7, "case": {}}', "found an argument named 'case'"),
    ],
)
def test_a_bad_argument_is_one_sentence_of_what_was_expected_and_found(text: str, sentence: str) -> None:
    with pytest.raises(ToolError) as error:
        read(text)
    assert sentence in str(error.value)
    assert str(error.value).startswith("expected ")


def test_too_many_arguments_are_refused_where_no_text_can_take_them() -> None:
    with pytest.raises(ToolError, match="found more: '2024-05-03, 4, 5'"):
        read_argument(shift.schema, "2024-05-03, 4, 5")


@given(st.text())
def test_any_argument_is_read_or_refused_in_a_sentence(text: str) -> None:
    for schema in (trip.schema, search.schema, shift.schema):
        assert len(outcome(schema, text)) < 400 + len(text) * 6


def outcome(schema: dict[str, Any], text: str) -> str:
    try:
        return normalised(read_argument(schema, text))
    except ToolError as error:
        return str(error)


@given(st.dates(), st.integers(-(10**17), 10**17))
def test_a_date_and_a_number_come_back_from_the_comma_form(day: date, days: int) -> None:
    assert read_argument(shift.schema, f"{day.isoformat()}, {days}") == {"day": day, "days": days}


def test_a_tool_without_a_docstring_or_with_an_unknown_type_is_refused_when_it_is_made() -> None:
    def silent(day: date) -> str:
        return str(day)

    def listing(days: list[int]) -> str:
        """A list."""
        return str(days)

    with pytest.raises(TypeError, match="needs a docstring"):
        tool(name="silent")(silent)
    with pytest.raises(TypeError, match="parameter days"):
        tool(name="listing")(listing)


def test_a_schema_without_a_python_signature_is_read_too() -> None:
    schema = {"type": "object", "properties": {"tags": {"type": "array"}, "name": {"anyOf": [{"type": "string"}]}}}
    assert read_argument(schema, '{"tags": [1, 2], "name": "a"}') == {"tags": [1, 2], "name": "a"}
    assert read_argument({"type": "object"}, "") == {}
