"""Whether a call has to do with its case: the table of the docs, and cases of every kind of argument."""

import re
from pathlib import Path

import pytest

from themis.inference.evidence import found_evidence
from themis.traces import Action, Case, Observation, Step

PAGE = Path(__file__).parents[2] / "docs" / "judge.md"


def step(tool: str, argument: str, seen: str = "something", status: str = "ok") -> Step:
    return Step("t", Action(tool, argument), Observation(seen, "ok" if status == "ok" else "error"))


def in_the_docs() -> list[tuple[str, str, str, str]]:
    table = PAGE.read_text(encoding="utf-8").partition("| question | call |")[2].partition("\n\n")[0]
    return re.findall(r"^\| ([^|]+) \| `([^(]+)\(([^`]*)\)` \| (yes|no)\b", table, re.MULTILINE)


@pytest.mark.parametrize(("question", "tool", "argument", "said"), in_the_docs())
def test_the_page_says_what_a_call_has_to_do_with_a_case(question: str, tool: str, argument: str, said: str) -> None:
    assert found_evidence(Case(question, "-"), [step(tool, argument)]) == (said == "yes")


def test_the_page_has_calls_of_both_kinds() -> None:
    assert {said for *_, said in in_the_docs()} == {"yes", "no"}
    assert len(in_the_docs()) >= 10


CONTEXT = "Brentwood is a suburb of Nashville."


@pytest.mark.parametrize(
    ("case", "steps", "found"),
    [
        # the argument's words, numbers and dates, in any part of the case
        (Case("Where is it?", "In Nashville"), [step("wiki_search", "nashville tennessee")], True),
        (Case("Where is it?", "There", CONTEXT), [step("wiki_search", "suburb")], True),
        (Case("Adds two", "def f(a, b): ...", tests=("assert plus(1, 2) == 3",)), [step("code_run", "print(plus(5, 5))")], True),
        (Case("Which river?", "The Nile"), [step("wiki_search", "the population of Peru")], False),
        (Case("Is it art?", "No"), [step("wiki_search", "start")], False),  # no whole word
        (Case("What is 24 * 3?", "72"), [step("calculator", "24*3")], True),
        (Case("What is 1,200 * 3?", "3600"), [step("calculator", "1200 * 3")], True),
        (Case("What is 240 * 3?", "720"), [step("calculator", "24 + 5")], False),  # 24 is no part of 240
        (Case("٢٤ × ٣ ?", "?"), [step("calculator", "24*3")], True),
        (Case("Half a dozen eggs?", "6"), [step("calculator", "12/2")], True),
        (Case("法国的首都是哪里?", "巴黎"), [step("wiki_search", "法国 首都")], True),
        (Case("法国的首都是哪里?", "巴黎"), [step("wiki_search", "秘鲁人口")], False),
        (Case("14.07.1998?", "-"), [step("Calendar.week_day", "1998-07-14")], True),
        (Case("2015年3月24日是星期几?", "-"), [step("Calendar.week_day", "2015-03-24")], True),
        (Case("The 24th of March 2015?", "-"), [step("Calendar.week_day", "2015-03-24")], True),
        (Case("Which day is 2015-03-24?", "-"), [step("Calendar.week_day", "2015-11-02")], False),
        # today
        (Case("Which weekday is in 10 days?", "-"), [step("Calendar.today", "", "2026-11-29")], True),
        (Case("Der wievielte ist heute?", "-"), [step("Calendar.today", "", "2026-11-29")], True),
        (Case("What is today's date?", "-"), [step("Calendar.today", "None", "2026-11-29")], True),
        (Case("Who wrote Hamlet?", "Me"), [step("Calendar.today", "", "2026-11-29")], False),
        (
            Case("Days to 2026-12-24?", "25"),
            [step("Calendar.today", "", "2026-11-29"), step("Calendar.day_difference", "2026-11-29, 2026-12-24")],
            True,
        ),
        (
            Case("Who wrote Hamlet?", "Me"),
            [step("Calendar.today", "", "2026-11-29"), step("Calendar.week_day", "2026-11-29", "Sunday")],
            False,
        ),
        (Case("Is the server up?", "Yes"), [step("server.status", "")], True),
        # what came back
        (Case("What is 24 * 3?", "72"), [step("calculator", "24*3", status="error")], False),
        (
            Case("Weather in Tokyo 9 days after 2024-05-05?", "-"),
            [step("Calendar.target_day", "2024-05-05, 9", "2024-05-14"), step("weather", "2024-05-14")],
            True,
        ),
        (Case("q", "a"), [Step("I act without a thought.", None, Observation("malformed call", "error"))], False),
        (Case("q", "a"), [Step("no tool")], False),
    ],
)
def test_what_was_found_bears_on_the_case(case: Case, steps: list[Step], found: bool) -> None:
    assert found_evidence(case, steps) == found


def test_a_huge_number_and_a_huge_text_are_read() -> None:
    case = Case("9" * 10_000, "a" * 100_000)
    assert found_evidence(case, [step("calculator", "9" * 10_000)])
    assert not found_evidence(case, [step("calculator", "8" * 10_000)])


def test_what_a_tool_read_from_the_case_bears_on_it() -> None:
    found = Observation("Saturday", origin="read_from_case")
    case = Case("What weekday was 3 May 1947?", "A Sunday.")
    assert found_evidence(case, [Step("t", Action("Calendar.week_day", "grandma"), found)])
    assert not found_evidence(case, [step("Calendar.week_day", "grandma")])
