"""Numbers as people write them, in calculations, in the marks of answers, after `####` and in arguments."""

import re
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.errors import ToolError
from themis.tools.base import read_argument, tool
from themis.tools.calculator import calculator, check_answer, faults, final_number
from themis.tools.calendar import target_day
from themis.tools.numbers import number, plain

CORRECT = "Both the calculation and the answer are correct."
PAGE = Path(__file__).parents[2] / "docs" / "tools" / "built-in.md"


def rows_of_the_docs() -> list[tuple[str, str]]:
    """Each number of the table `Numbers`, and what it is read as."""
    section = PAGE.read_text(encoding="utf-8").split("\n### Numbers\n")[1].split("\n## ")[0]
    cells = [line.strip("|").split(" | ") for line in section.split("\n") if line.startswith("| `")]
    return [(written, value.strip()) for written_all, value in cells for written in re.findall(r"`([^`]+)`", written_all)]


def test_the_table_of_the_docs_was_found() -> None:
    assert len(rows_of_the_docs()) > 30
    assert {value.split(":")[0] for _, value in rows_of_the_docs()} == {"1234.5", "100000", "-5", "0.5", "refused"}


@pytest.mark.parametrize(("written", "value"), rows_of_the_docs())
def test_a_number_of_the_docs_is_read_so_in_a_calculation_and_after_the_four_signs(written: str, value: str) -> None:
    if value.startswith("refused"):
        with pytest.raises(ToolError):
            calculator(written)
        assert final_number(f"<<1+1=2>>2\n#### {written}") is None
    else:
        assert calculator(written) == value
        assert final_number(f"<<1+1=2>>2\n#### {written}") == Fraction(value)


@given(st.integers(1, 10**15), st.sampled_from([",", "'", "’", "_", "\u00a0", "\u2009", "\u202f", "{,}", "\\,"]), st.sampled_from("-−–‐－"))
def test_a_number_in_groups_is_the_same_number_everywhere(value: int, separator: str, minus: str) -> None:
    written = f"{value:,}".replace(",", separator)
    assert calculator(written) == str(value)
    assert number(minus + written) == -value
    assert final_number(f"#### {minus}{written} apples") == -value
    assert check_answer(f"<<{written}*1={written}>>{written}\n#### {written}") == CORRECT
    assert faults(f"<<{value}-1={value - 1}>>{written}") == [f"{value}-1 is {value - 1}, not {plain(written)}"]


@given(st.integers(0, 9), st.integers(0, 999), st.sampled_from([",", "'", "_", "\u00a0"]))
def test_no_group_follows_a_lone_nought(first: int, last: int, separator: str) -> None:
    for written in (f"0{separator}{last:03}", f"0{first}{separator}{last:03}"):
        with pytest.raises(ToolError):
            calculator(f"{written} * 8")
        assert final_number(f"#### {written}") is None
        assert number(written) is None
    assert check_answer("<<1/8=0.125>>0,125\n#### 0.125") == CORRECT  # what is not read claims nothing


@given(st.integers(2**53, 10**30), st.integers(1, 9))
def test_whole_numbers_are_compared_exactly_however_large(value: int, off: int) -> None:
    assert calculator(f"{value} + {off} = {value + off}").endswith("is right")
    assert calculator(f"{value} + {off} = {value}") == f"{value} + {off}={value} is wrong: {value} + {off} is {value + off}"
    assert calculator(f"{value}.0 + {off} = {value}").endswith(f"is {value + off}")
    assert check_answer(f"<<{value}+{off}={value + off}>>{value + off}\n#### {value + off}") == CORRECT
    assert check_answer(f"<<{value}+{off}={value + off}>>{value + off}\n#### {value}") == (
        f"The calculation process is correct, but the resulting answer {value + off} does not match the predicted answer {value}.0."
    )


@pytest.mark.parametrize(
    ("equation", "holds"),
    [
        ("1/3 = 0.3333333333333333", True),
        ("1/3 = 33333333333333333/100000000000000000", False),
        ("20/3 = 6.666666666666667", True),
        ("6.666666666666667 * 3 = 20", True),
        ("123456789 * 987654321 = 121932631112635268", False),
        ("10**20 + 1 = 10**20", False),
        ("2 + 2 == 4", True),
        ("2 + 2 == 5", False),
        ("２＋２＝４", True),
    ],
)
def test_a_side_with_a_point_may_be_as_far_off_as_a_float(equation: str, holds: bool) -> None:
    assert calculator(equation).endswith("is right") == holds


@pytest.mark.parametrize(
    "blank", [chr(code) for code in (0x20, 0x09, 0xA0, 0x1680, 0x2002, 0x2007, 0x2009, 0x200B, 0x202F, 0x205F, 0x3000, 0xFEFF)]
)
def test_every_blank_of_unicode_is_a_blank(blank: str) -> None:
    assert calculator(f"{blank}2{blank}+{blank}2{blank}") == "4"
    assert check_answer(f"<<2{blank}+{blank}2=4>>4\n####{blank}4{blank}") == CORRECT
    assert read_argument(target_day.schema, f"{blank}2015-03-24,{blank}12{blank}")["days"] == 12


@pytest.mark.parametrize(
    ("signs", "expression", "value"),
    [
        ("-‐‑‒–—−－﹣", "7{}5", "2"),
        ("*×·∗⋅∙✕＊", "7{}5", "35"),
        ("/÷∕⁄／", "7{}2", "3.5"),
        ("+＋➕", "7{}5", "12"),
        ("=＝", "7{}", "7"),
    ],
)
def test_signs_that_look_alike_are_one_sign(signs: str, expression: str, value: str) -> None:
    assert {calculator(expression.format(sign)) for sign in signs if sign != "﹣"} == {value}


@pytest.mark.parametrize("expression", ["7 + 5 =", "7+5=?", "7 + 5 = ？", "=7+5", "= 7 + 5 =", "7 + 5 =="])
def test_an_equation_without_its_other_side_asks_for_the_value(expression: str) -> None:
    assert calculator(expression) == "12"


@pytest.mark.parametrize(
    "expression", ["1, 000 + 5", "1,\u00a0000", "12, 345 + 5", "5 + 1, 500", "0, 5 * 2", "1 + 1, 05", "1, 000, 000", "1 , 000"]
)
def test_a_number_torn_by_a_blank_is_no_list(expression: str) -> None:
    with pytest.raises(ToolError, match="part of one number"):
        calculator(expression)


def test_a_list_of_sums_is_a_list() -> None:
    assert calculator("15-8, 600/3, 2*2") == "7, 200, 4"
    assert calculator("1;000 + 5") == "1, 5"
    assert calculator("7, 8") == "7, 8"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("10 apples", 10),
        ("**10**", 10),
        ("\\boxed{10}", 10),
        ("x = 10.", 10),
        ("about 10 km/h", 10),
        ("40%", 40),
        ("minus 5", -5),
        ("negative 5", -5),
        ("(-5)", -5),
        ("- 5", -5),
        ("$-5", -5),
        ("so - 5", None),
        ("5-6", None),
        ("5 or 6", None),
        ("12:30", None),
        ("5 hours 30 minutes", None),
        ("1e6", None),
        ("2 x 10^6", None),
        ("\\frac{1}{2}", None),
        ("√5", None),
        ("±5", None),
        ("5²", None),
        ("5万", None),
        ("1.234.567", None),
        ("2.5M", None),
        ("3 dozen", None),
        ("5 Millionen", None),
        ("5 tsd", None),
        ("5 millones de pesos", None),
        ("5 тыс. рублей", None),
        ("3 tenths", None),
        ("5 squared", None),
        ("5 miles", 5),
        ("> 5", None),
        ("=> 5", 5),
        ("<b>5</b>", 5),
        ("not 5", None),
        ("1/0", None),
        ("10+John's age", None),
    ],
)
def test_a_final_number_is_read_whole_or_not_at_all(line: str, value: int | None) -> None:
    assert final_number(f"#### 3\n#### {line}") == value


def test_an_argument_takes_numbers_in_groups_and_large_ones_exactly() -> None:
    @tool(name="halved")
    def halved(value: float) -> str:
        """Half of a number."""
        return str(value)

    for written, value in (("−1,250.5", -1250.5), ("1e3", 1000.0), ("'12'", 12.0), ("9007199254740993", 9007199254740993), (".5", 0.5)):
        assert read_argument(halved.schema, written) == {"value": value}
    for days in ("1,000", "1’000", "+1000", "１０００", '{"day": "2015-03-24", "days": "1,000"}'):
        assert read_argument(target_day.schema, days if "{" in days else f"2015-03-24, {days}")["days"] == 1000
    for written in ("0,125", "1 000", "five", "1e999", "nan"):
        with pytest.raises(ToolError, match="expected"):
            read_argument(halved.schema, f'{{"value": "{written}"}}')


@given(st.text(alphabet="0123456789.,'_-−/ #$e\\{}½x\u00a0", max_size=60))
def test_any_line_has_a_final_number_or_none(text: str) -> None:
    assert final_number(f"#### {text}") is None or number(text) is None or final_number(f"#### {text}") == number(text)


def test_a_long_line_costs_milliseconds() -> None:
    start = time.process_time()
    for text in ("#### " + "9" * 100_000 + ",5x", "<<1+1=2>>" + "9" * 100_000 + ",5x", "#### " + "1,000" * 20_000, "####" * 30_000):
        check_answer(text)
    assert time.process_time() - start < 0.5
