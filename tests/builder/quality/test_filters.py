"""Step 4: each filter finds its own fault, and lets a sound row pass."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.rows_of import DAY, weekday_row, with_answers, with_steps
from themis.builder.draft import Evidence
from themis.builder.quality.filters import FILTERS, NAMES, Row, check, normalised, sift
from themis.tools.calculator import CORRECT
from themis.traces import Action, Observation, Step, Trace

SOUND = weekday_row()
CALL = Action("Calendar.week_day", DAY)


def called(*observations: Observation | None, tool: str = "Calendar.week_day") -> Row:
    return with_steps(SOUND, *(Step("I look.", Action(tool, DAY), seen) for seen in observations))


def forged_key() -> Row:
    """A thought that TARA's flat text cannot hold is written another way. Half a letter cannot be written at all."""
    return with_answers(SOUND, "Tuesday \ud800", "Sunday")


def of_task(task: str, row: Row) -> Row:
    return replace(row, pair=replace(row.pair, task=task))


FAULTY: list[tuple[str, Callable[[], Row]]] = [
    ("invalid form", forged_key),
    ("invalid form", lambda: with_answers(SOUND, "Tuesday", " ")),
    ("invalid form", lambda: replace(SOUND, pair=replace(SOUND.pair, chosen=replace(SOUND.pair.chosen, trace=Trace((), "So."))))),
    ("invalid form", lambda: replace(SOUND, pair=replace(SOUND.pair, chosen=replace(SOUND.pair.chosen, trace=None)))),
    ("chosen equals rejected", lambda: with_answers(SOUND, "It is Tuesday.", "it is tuesday")),
    ("more than three steps", lambda: called(*[Observation("Tuesday")] * 4)),
    ("no relevant call", lambda: with_steps(SOUND, Step("I know it."))),
    ("no relevant call", lambda: called(Observation("Tuesday"), tool="history_weather")),
    ("no relevant call", lambda: of_task("multi_tools", called(Observation("Tuesday")))),
    ("no relevant call", lambda: of_task("no_tool", SOUND)),
    ("unavailable tool", lambda: called(Observation("no network", "unavailable"))),
    ("unavailable tool", lambda: called(Observation("too slow", "timeout"))),
    ("unavailable tool", lambda: called(None)),
    ("failed parse of a result", lambda: called(Observation("expected a date", "error"))),
    ("failed parse of a result", lambda: called(Observation("  "))),
    ("failed parse of a result", lambda: of_task("calculator", called(Observation("I think it is fine."), tool="calculator"))),
    ("failed parse of a result", lambda: of_task("code", called(Observation("Segmentation fault"), tool="code_run"))),
    ("observation does not settle the question", lambda: replace(SOUND, evidence_rejected=Evidence("unsettled", "Sunday"))),
    ("observation does not settle the question", lambda: replace(SOUND, evidence_chosen=Evidence("agrees", "Tuesday", "Friday it is"))),
    ("label contradicted by the observation", lambda: replace(SOUND, evidence_chosen=Evidence("disagrees", "Tuesday", "Tuesday"))),
    ("label contradicted by the observation", lambda: replace(SOUND, evidence_rejected=Evidence("agrees", "Tuesday", "Tuesday"))),
    ("label contradicted by the observation", lambda: called(Observation("Sunday"))),
]


@pytest.mark.parametrize(("name", "make"), FAULTY, ids=[f"{name}-{number}" for number, (name, _) in enumerate(FAULTY)])
def test_each_fault_is_found_by_its_own_filter(name: str, make: Callable[[], Row]) -> None:
    dropped = check(make())
    assert dropped is not None
    assert (dropped.filter, dropped.id) == (name, SOUND.draft.id)
    assert dropped.detail


def test_every_filter_is_among_those_tried() -> None:
    assert {name for name, _ in FAULTY} == set(FILTERS)
    assert set(NAMES) == {*FILTERS, "duplicate"}


def test_sound_rows_pass() -> None:
    assert check(SOUND) is None
    assert check(called(*[Observation("Tuesday")] * 3)) is None
    closing = Step("Do I need to use a tool? No")
    steps = (*(Step("I look.", CALL, Observation("Tuesday")) for _ in range(3)), closing)
    assert check(with_steps(SOUND, *steps)) is None
    assert check(of_task("no_tool", with_steps(SOUND, closing))) is None


@pytest.mark.parametrize(
    ("task", "tool", "text"),
    [
        ("calculator", "calculator", "2072.0"),
        ("calculator", "calculator", "3*4=12 is right"),
        ("calculator", "calculator", "12, 3*4=13 is wrong: 3*4 is 12"),
        ("code", "code_run", "The code failed. Failed reason: name 'x' is not defined. It printed nothing."),
    ],
)
def test_what_the_tools_really_say_is_read(task: str, tool: str, text: str) -> None:
    assert FILTERS["failed parse of a result"](of_task(task, called(Observation(text), tool=tool))) is None


def test_the_calculators_verdict_decides_whatever_the_evidence_says() -> None:
    row = of_task("calculator", called(Observation(CORRECT), tool="calculator"))
    dropped = check(row)
    assert dropped is not None
    assert dropped.filter == "label contradicted by the observation"
    assert "for the wrong answer" in dropped.detail


def test_answers_are_one_where_only_case_and_marks_differ_and_a_program_is_not() -> None:
    assert normalised("It's  1,000 km!") == normalised("it s 1000 KM")
    assert normalised("-5") != normalised("5")
    assert normalised("<<3*4=12>>") != normalised("<<3+4=12>>")
    assert normalised("…") != normalised("?!")
    assert normalised("a < b", "code") != normalised("a > b", "code")
    assert normalised("if x:\n  y", "code") != normalised("if x:\n y", "code")
    assert normalised("x = 1  \n\n", "code") == normalised("x = 1", "code")


def test_of_duplicates_the_first_stays_and_each_fault_is_counted_with_three_examples() -> None:
    again = replace(weekday_row(0), draft=replace(SOUND.draft, id="another/1"))
    faulty = [replace(weekday_row(number), evidence_rejected=Evidence("unsettled")) for number in range(1, 6)]
    sifted = sift([SOUND, again, *faulty, weekday_row(9)])
    assert [row.draft.id for row in sifted.kept] == ["calendar_rules/0", "calendar_rules/9"]
    assert sifted.counts == {("duplicate", "calendar"): 1, ("observation does not settle the question", "calendar"): 5}
    assert [len(some) for some in sifted.examples.values()] == [1, 3]
