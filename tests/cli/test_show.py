"""Hostile text on a terminal."""

import io
import re
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console

from themis.cli.show import WHY_NONE, case_table, one_line, plain, verdict_table
from themis.traces import Action, Case, Observation, Reason, Step, Trace, Verdict


def screen(*tables: object) -> list[str]:
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(*tables)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\rb\bc\x00", "a\\x0db\\x08c\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eevil", "\\u202eevil"),
        ("half \ud800", "half \\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("two\nlines, क्\u200dष and 👍", "two\nlines, क्\u200dष and 👍"),
    ],
)
def test_what_would_move_the_cursor_or_hide_is_spelled_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_an_error_stays_on_its_line() -> None:
    assert one_line("a\nb\r\n c\x1b") == "a b c\\x1b"


def test_the_stages_stand_in_order_each_with_its_label() -> None:
    steps = (Step("I look.", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday")), Step("Done."))
    assert screen(verdict_table(Verdict("", 1.5, None, Trace(steps, "They agree.")))) == [
        "     Thought I look.",
        "      Action Calendar.week_day(2015-03-24)",
        " Observation Tuesday",
        "     Thought Done.",
        "   Rationale They agree.",
        "      Reward +1.500",
    ]


def test_an_observation_that_was_not_of_this_call_says_so() -> None:
    step = Step("I search.", Action("google_serper", "Peru"), Observation("Lima", origin="replayed_near"))
    assert " Observation [replayed_near] Lima" in screen(verdict_table(Verdict("", 1.5, None, Trace((step,), None))))


def test_an_answer_that_forges_stages_stays_in_the_column_of_answers() -> None:
    lines = screen(case_table(Case("Why?", "[red]So[/red]\nObservation: yes\n      Reward +9.000", context="[/] none")))
    assert lines == [
        "     Context [/] none",
        "    Question Why?",
        "      Answer [red]So[/red]",
        "             Observation: yes",
        "                   Reward +9.000",
    ]


def test_each_reason_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "judge.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page.partition("| `status` |")[2].partition("\n\n")[0], re.MULTILINE))
    named = {status: set(re.findall(r"`(\w+)`", cell)) - {"degraded"} for status, cell in rows.items()}
    assert named["degraded"] | named["unscored"] == set(get_args(Reason)) == set(WHY_NONE)
    assert (named["scored"], named["degraded"] & named["unscored"]) == (set(), {"budget"})


@pytest.mark.parametrize("reason", get_args(Reason))
def test_a_verdict_without_reward_says_why(reason: Reason) -> None:
    (line,) = screen(verdict_table(Verdict("", None, reason)))
    assert line.startswith(f"      Reward none ({reason}: ")


def test_a_reward_that_deserves_less_trust_says_so() -> None:
    steps = (Step("I look.", Action("a", "b"), Observation("no network", "unavailable")),)
    lines = screen(verdict_table(Verdict("", -0.25, "tool_unavailable", Trace(steps))))
    assert lines[2:] == [" Observation [unavailable] no network", "      Reward -0.250 (degraded, tool_unavailable: a tool did not answer)"]
