"""The hand-written pairs: right by the tools, and none that a stream could make."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from benchmarks.free_wordings import Written, written
from themis.tools.calculator import calculator
from themis.tools.calendar import day_difference, target_day, week_day
from themis.tools.code.sandbox import Sandbox
from themis.tools.code.tool import code_tool
from themis.tools.toolbox import Toolbox
from themis.tools.weather.tool import records_tool
from themis.traces import Action, Case

PAIRS = list(written())


@pytest.fixture(scope="module")
def toolbox() -> Iterator[Toolbox]:
    with Sandbox() as sandbox, Toolbox([week_day, day_difference, target_day, calculator, records_tool(), code_tool(sandbox)]) as toolbox:
        yield toolbox


def test_there_are_thirty_of_each_of_eight_kinds_and_none_twice() -> None:
    assert set(Counter(pair.kind for pair in PAIRS).values()) == {30}
    assert len({pair.kind for pair in PAIRS}) == 8
    assert len({pair.question for pair in PAIRS}) == len(PAIRS)
    assert all(pair.right != pair.wrong for pair in PAIRS)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.call], ids=lambda pair: pair.question[:40])
def test_the_tool_says_what_the_right_answer_says(pair: Written, toolbox: Toolbox) -> None:
    assert pair.call
    observation = toolbox.call(Action(*pair.call), Case(pair.question, pair.right))
    assert observation.status == "ok", observation.text
    assert pair.says in observation.text, observation.text


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.tests], ids=lambda pair: pair.question[:40])
def test_the_right_program_passes_and_the_wrong_one_fails(pair: Written, toolbox: Toolbox) -> None:
    rates = [
        toolbox.call(Action("code_run", "same"), Case(pair.question, answer, tests=pair.tests)).text for answer in (pair.right, pair.wrong)
    ]
    assert rates[0].startswith("The pass rate is 1.0.")
    assert not rates[1].startswith("The pass rate is 1.0.")


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.context], ids=lambda pair: pair.question[:40])
def test_the_passage_holds_what_makes_the_right_answer_right(pair: Written) -> None:
    right, wrong, passage = (set(re.findall(r"\w+", text.lower())) for text in (pair.right, pair.wrong, pair.context or ""))
    assert (right - wrong) & passage
    assert (wrong - right) - (passage if len(wrong - right) > 1 else set())
