"""Sums in running text: found, checked, and the number that the text ends with."""

import time

import pytest

from themis.errors import ToolError
from themis.tools.calculator import calculator
from themis.tools.sums_in_text import last_number, sums_in
from themis.traces import Case


@pytest.mark.parametrize(
    ("text", "sums"),
    [
        ("14 pens cost 14*3 = 45 dollars", [("14*3", "45")]),
        ("3 dozen at $4.50 is $162", [("3*12*4.50", "162")]),
        ("20 % off 80 leaves 60", [("80*(1-20/100)", "60")]),
        ("She has 3*6 = 18 eggs and 18 - 4 = 14 remain.", [("3*6", "18"), ("18-4", "14")]),
        ("14 pens at $3 each cost $45", [("14*3", "45")]),
        ("12 times 13 is 156.", [("12*13", "156")]),
        ("48/2 = 24 clips in May. Then 48+24 = 72.", [("48/2", "24"), ("48+24", "72")]),
        ("15% of 80 is 12, and 15 per cent of 80 makes 12", [("15/100*80", "12"), ("15/100*80", "12")]),
        ("Half of 30 is 15. Twice 15 is 30", [("30/2", "15"), ("2*15", "30")]),
        ("$1.50 x 12 = $18", [("1.50*12", "18")]),
        ("2 + 3 = 5 = 10/2", [("2+3", "5"), ("5", "10/2")]),
        ("It costs 1,250 + 250 = 1,500 euros.", [("1,250+250", "1,500")]),
        ("(3+4)*2 = 14", [("(3+4)*2", "14")]),
        ("5 apples plus 7 apples makes 12 apples", [("5+7", "12")]),
        ("80 minus 20% is 64; 80 increased by 10 % is 88", [("80*(1-20/100)", "64"), ("80*(1+10/100)", "88")]),
        ("That is 7 − 9 = −2", [("7-9", "-2")]),
        ("On 2015-03-24 it was 12.", []),
        ("Call 555-1234. The score was 3:4.", []),
        ("x = 5", []),
        ("", []),
    ],
)
def test_the_sums_of_a_text(text: str, sums: list[tuple[str, str]]) -> None:
    assert [(found.expression, found.claim) for found in sums_in(text)] == sums


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("So she pays $42.50.", "42.50"),
        ("The answer is 42, as 40 + 2 is that.", "42"),
        ("1,500 euros", "1,500"),
        ("It is -5", "-5"),
        ("none", None),
    ],
)
def test_the_number_that_a_text_ends_with(text: str, number: str | None) -> None:
    assert last_number(text) == number


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("14 pens cost 14*3 = 45 dollars", "14*3=45 is wrong: 14*3 is 42. The text ends with 45."),
        ("14 pens cost 14*3 = 42 dollars", "14*3=42 is right. The text ends with 42."),
        ("20 % off 80 leaves 60", "80*(1-20/100)=60 is wrong: 80*(1-20/100) is 64. The text ends with 60."),
        ("10/3 = 3.33 each", "10/3=3.33 is right. The text ends with 3.33."),
        ("10/3 = 3.34 each", "10/3=3.34 is wrong: 10/3 is 3.3333333333333335. The text ends with 3.34."),
        ("9/0 = 3", "9/0 = 3 cannot be checked: division by zero in '9/0'. The text ends with 3."),
    ],
)
def test_a_text_is_checked_as_argument_and_as_answer(answer: str, said: str) -> None:
    assert calculator(case=Case("How much?", answer)) == said
    if not answer.startswith("9/0"):
        assert calculator(answer + " ") == said or "=" in calculator(answer)


def test_what_is_neither_a_sum_nor_a_text_with_one_is_an_error_as_before() -> None:
    with pytest.raises(ToolError, match="expected numbers and"):
        calculator("14 pens")
    assert calculator(case=Case("q", "Five.\n#### 5")).startswith("Both the calculation and the answer are incorrect")


HOSTILE = [
    *("1+" * 5_000, "(" * 10_000, "1 a a a " * 2_000, "1 " * 5_000, "1 x " * 3_000, "(1+" * 3_000, "1,000" * 2_000),
    *("1 times 2 " * 1_000, "1 dozen a b " * 900, "1 x $ 1 ) " * 1_000, "1 % a b c, that is " * 600, "1 = 1 = " * 1_500),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:8])
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    sums_in(text)
    last_number(text)
    assert time.process_time() - started < 1.5


def test_of_a_long_text_a_hundred_sums_are_read() -> None:
    assert len(sums_in("3*4 = 12 " * 200)) == 100
