"""The calculator: expressions, and the steps of answers."""

import contextlib
import re
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.errors import ToolError
from themis.tools.calculator import calculator, check_answer, evaluate, faults, final_number, steps_argument
from themis.traces import Case

RIGHT = "She has 15-8 = <<15-8=7>>7 left, and 7+9 = <<7+9=16>>16.\n#### 16"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("3*4", "12"),
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("10-4-3", "3"),
        ("2**3**2", "512"),
        ("2^10", "1024"),
        ("-2**2", "-4"),
        ("2**-2", "0.25"),
        ("--5", "5"),
        ("0.1+0.2", "0.3"),
        ("10/4", "2.5"),
        ("7%3", "1"),
        ("7//2", "3"),
        (".5*4", "2"),
        ("$1,000.50 + 2,500", "3500.5"),
        ("7 × 6 ÷ 2 − 1", "20"),
        ("ceil(2.4)+floor(2.6)+abs(-1)", "6"),
        ("3*4=12", "3*4=12 is right"),
        ("3*4=13", "3*4=13 is wrong: 3*4 is 12"),
        ("6/2=3=4", "6/2=4 is wrong: 6/2 is 3"),
        ("15-8, 6/3", "7, 2"),
    ],
)
def test_an_expression_gives_its_value_and_an_equation_whether_it_holds(expression: str, value: str) -> None:
    assert calculator(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("15% of 80", "12"),
        ("15 % of 80 + 5", "17"),
        ("-15% of (20+60)", "-12"),
        ("50% of 50% of 80", "20"),
        ("100 / 10% of 50", "20"),
        ("12.5%", "0.125"),
        ("12.5% * 40", "5"),
        ("40 * 12.5%", "5"),
        ("(10+5)% of 80", "12"),
        ("abs(0-15)% of 80", "12"),
        ("5% + 3%", "0.08"),
        ("1 - 5%", "0.95"),
        ("2*(1+10%)", "2.2"),
        ("15 percent of 80 = 12", "15 percent of 80 = 12 is right"),
        ("15% of 80 = 13", "15% of 80=13 is wrong: 15% of 80 is 12"),
        ("7 % 3", "1"),
        ("(7)%(3)", "1"),
        ("20% + 5", "0"),
        ("3 x 4", "12"),
        ("2x3X4", "24"),
        ("10x(1+1)", "20"),
        ("20% x 50", "10"),
        ("0 x 5", "0"),
        ("1'000 + 1’000", "2000"),
        ("1\u00a0000\u00a0000 + 1\u202f000", "1001000"),
        ("1_000", "1000"),
        ("1,00,000 + 12,34,567.5", "1334567.5"),
        ("$1,234,567.89", "1234567.89"),
    ],
)
def test_an_expression_may_be_written_as_people_write_it(expression: str, value: str) -> None:
    assert calculator(expression) == value


def test_in_the_marks_of_an_answer_a_percent_sign_stays_a_remainder_and_nothing_else_is_read() -> None:
    assert check_answer("<<7%3=1>>1\n#### 1") == "Both the calculation and the answer are correct."
    for mark in ("<<15% of 80=12>>12", "<<50*20%=10>>10", "<<3 x 4=12>>12", "<<12.5%=0.125>>0.125"):
        assert len(faults(mark)) == 1
    with pytest.raises(ToolError, match="write 20% as 20/100"):
        evaluate("30%")


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("9**9**9", "expected a whole exponent of at most 1000, found 387420489"),
        ("9**999", "too large"),
        ("2**0.5", "expected a whole exponent"),
        ("1+" * 50_000 + "1", "at most 1000 characters, found 100001"),
        ("(" * 499 + "1" + ")" * 499, "at most 40 nested"),
        ("-" * 900 + "1", "at most 40 nested"),
        ("9" * 200, "at most 100 digits"),
        ("9" * 99 + "**9" * 300, "at most 40 nested"),
        ("*".join(["9" * 90] * 10), "too large"),
        ("1/0", "division by zero"),
        ("1%0", "division by zero"),
        ("0**-1", "division by zero"),
        ("30% of", "found the end"),
        ("200 - 10%", "10% of what?"),
        ("50% of 80 + 20%", "20% of what?"),
        ("2 of 3", "expected a percentage before 'of'"),
        ("50%20%", "expected remainders or percentages, found both; write 20% as 20/100"),
        ("5%%", "expected remainders or percentages, found both"),
        ("%", "expected a number"),
        ("0x10", "found 'x10'"),
        ("1 000", "expected an operator before '000'"),
        ("3,5", "found ',5'"),
        ("1e5", "found 'e5'"),
        ("two plus two", "found 'two plus two'"),
        ("(3", "closing parenthesis"),
        ("3)", "expected an operator before ')'"),
        ("5 5", "expected an operator before '5'"),
        ("3*", "found the end"),
        ("__import__('os')", "expected numbers"),
        ("<<1+1=2>>2 " * 300, "at most 200 steps"),
        ("", "found none"),
    ],
)
def test_what_it_cannot_do_it_says_at_once(expression: str, sentence: str) -> None:
    start = time.process_time()
    with pytest.raises(ToolError, match=sentence.replace("(", r"\(").replace(")", r"\)")) as error:
        calculator(expression)
    assert time.process_time() - start < 0.05
    assert len(str(error.value)) < 200


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.booleans()):
        return str(draw(st.integers(0, 99)))
    left, right = draw(expressions(depth=depth - 1)), draw(expressions(depth=depth - 1))
    inside = f"{left}{draw(st.sampled_from('+-*/'))}{right}"
    return f"({inside})" if draw(st.booleans()) else inside


@given(expressions())
def test_values_are_those_of_exact_fractions(expression: str) -> None:
    exact = re.sub(r"\d+", lambda number: f"Fraction({number[0]})", expression)
    try:
        expected = eval(exact, {"Fraction": Fraction})
    except ZeroDivisionError:
        with pytest.raises(ToolError, match="division by zero"):
            evaluate(expression)
    else:
        assert evaluate(expression) == expected


@given(st.text(alphabet="0123456789.,+-*/%^()=<># \n$xabs", max_size=80))
def test_any_text_is_answered_or_refused(text: str) -> None:
    for case in (None, Case("", text)):
        with contextlib.suppress(ToolError):
            calculator(text, case)


def test_right_steps_and_a_right_end_are_correct() -> None:
    assert check_answer(RIGHT) == "Both the calculation and the answer are correct."


def test_right_steps_that_lead_elsewhere_are_told_from_the_answer_s_own_final_number() -> None:
    expected = "The calculation process is correct, but the resulting answer 16 does not match the predicted answer 17.0."
    assert check_answer(RIGHT.replace("#### 16", "#### 17")) == expected


def test_a_value_is_written_as_a_float_where_its_expression_has_a_point_or_a_division() -> None:
    assert "resulting answer 16 does" in check_answer("<<12+4=16>>16\n#### 1")
    assert "resulting answer 16.0 does" in check_answer("<<32/2=16>>16\n#### 1")
    assert "resulting answer 16.0 does" in check_answer("<<12.00+4=16>>16\n#### 1")


def test_a_wrong_step_before_a_right_end_is_an_incorrect_process() -> None:
    answer = "<<2+2=5>>5 and <<3+4=7>>7\n#### 7"
    assert check_answer(answer) == (
        "The calculation process is incorrect, but the answer matches the predicted answer. "
        "Details: An unexpected error occurred during the calculation."
    )
    assert faults(answer) == ["2+2 is 4, not 5"]


def test_wrong_steps_and_a_wrong_end_are_both_told() -> None:
    assert check_answer("<<17.50/8=2.19>>2.19\n#### 2") == (
        "Both the calculation and the answer are incorrect. Details: An unexpected error occurred during the calculation. "
        "The calculated answer 2.1875 does not match the predicted answer 2.0."
    )


def test_an_answer_without_steps_counts_as_published() -> None:
    assert check_answer("It is 9.\n#### 9").endswith("The calculated answer None does not match the predicted answer 9.0.")


def test_an_answer_without_a_final_number_is_said_to_have_none() -> None:
    assert check_answer("<<1+1=2>>2\n#### none").endswith("correct, and the answer does not state a final number after ####.")


@pytest.mark.parametrize(
    "answer",
    [
        "<<50+25=75>>75.\n#### 75",
        "<<5*5=25.00>>$25.00\n#### $25.00",
        "<<500*2=1000>>1,000\n#### 1,000",
        "<<5-10=-5>>-5\n#### -5",
        "<<1/2=.5>>.5\n#### .5",
        "<<1/3=0.3333333333333333>>0.3333333333333333\n#### 1/3",
        "<<2*5=10 apples>>10\n#### 10 apples",
        "<<(60/150)*100=40>>40%\n#### 40%",
        "<<1+1=2>>\n#### 2",
    ],
)
def test_the_ways_right_answers_are_written_are_all_right(answer: str) -> None:
    assert check_answer(answer) == "Both the calculation and the answer are correct."


def test_each_claim_of_a_mark_is_checked() -> None:
    for answer in ("<<2+2=5>>4", "<<2+2=4>>5", "<<2+2=4=5>>4", "<<2+x=4>>4"):
        assert len(faults(answer)) == 1


def test_the_answer_under_judgement_is_checked_whatever_the_argument_claims() -> None:
    wrong = Case("", RIGHT.replace("<<7+9=16>>16", "<<7+9=15>>15"))
    assert calculator("<<15-8=7>>7, <<7+9=16>>16", wrong).startswith("The calculation process is incorrect")
    assert calculator("", wrong).startswith("The calculation process is incorrect")
    assert calculator("<<15-8=7>>8", Case("", RIGHT)) == "Both the calculation and the answer are correct."


def test_steps_of_the_argument_are_checked_where_the_answer_marks_none() -> None:
    assert calculator("<<15-8=7>>7, <<7+9=16>>16", Case("", "Sixteen.\n#### 16")) == "Both the calculation and the answer are correct."


def test_a_plain_expression_is_evaluated_whatever_the_answer_holds() -> None:
    assert calculator("3*4", Case("", RIGHT)) == "12"


def test_tara_s_argument_names_the_marks_whose_value_opens_with_a_digit() -> None:
    answer = "<<15-8=7>>7. Then <<1/2=.5>>.5 and <<5*5=25.00>>25.00., <<2-4=-2>>-2, <<3*5=15>>15kg\n#### 7"
    assert steps_argument(answer) == "<<15-8=7>>7., <<5*5=25.00>>25.00, <<3*5=15>>15"


def test_the_last_final_number_counts() -> None:
    assert final_number("#### 3\n#### $1,250.5 in all") == Fraction(2501, 2)
    assert final_number("no such line") is None
    assert final_number("#### " + "9" * 10_000) is None
