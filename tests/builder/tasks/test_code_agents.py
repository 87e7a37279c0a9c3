"""Mutants, and programs judged by their tests in the sandbox."""

import ast
from collections.abc import Iterator
from random import Random

import pytest

from themis.builder.draft import Draft, Observe, View
from themis.builder.tasks.code.agents import RULE
from themis.builder.tasks.code.mutants import mutants
from themis.tools.code.sandbox import Sandbox
from themis.tools.code.tool import code_tool
from themis.traces import Case, Observation

PROGRAM = """import math
def span(values, limit):  # the reach of what lies below a limit
\tbest = 0
\tfor i in range(len(values)):
\t\tif values[i] < limit and values[i] > best:
\t\t\tbest = values[i]
\tif best == 0:
\t\treturn -1
\telse:
\t\treturn limit - best
"""
TESTS = ("assert span([1, 5, 9], 8) == 3", "assert span([9], 3) == -1", "assert span([2, 2], 4) == 2")


@pytest.fixture(scope="module")
def observe() -> Iterator[Observe]:
    with Sandbox() as sandbox:
        tool = code_tool(sandbox)
        yield lambda action, case: Observation(str(tool(action.argument, case)))


def test_each_mutant_is_python_and_differs_in_one_line_or_swaps_two() -> None:
    found = list(mutants(PROGRAM, Random(1)))
    assert len(set(found)) == len(found) > 20
    for mutant in found:
        ast.parse(mutant)
        lines, changed = PROGRAM.split("\n"), mutant.split("\n")
        assert len(changed) in (len(lines), len(lines) - 1)
        if len(changed) == len(lines):
            assert 1 <= sum(one != other for one, other in zip(lines, changed, strict=True)) <= 2


@pytest.mark.parametrize(
    "expected",
    [
        "values[i] <= limit",
        "values[i] > limit",
        "limit or values[i]",
        "range(len(values)-1)",
        "best == 1",
        "limit + best",
        "best - limit",
        "return limit - best\n\telse:\n\t\treturn -1",
        "best = limit",
    ],
)
def test_every_kind_of_fault_is_among_them(expected: str) -> None:
    assert any(expected in mutant for mutant in mutants(PROGRAM, Random(1)))


def test_letters_of_more_than_a_byte_do_not_move_the_fault() -> None:
    program = 'def f(n):\n    x = "Übergröße"; y = n + 1\n    return y\n'
    assert any('x = "Übergröße"; y = n - 1\n' in mutant for mutant in mutants(program, Random(0)))


def test_a_loop_that_might_never_end_is_left_alone() -> None:
    assert not list(mutants("def f(n):\n    while n > 3:\n        n -= 1\n    return n\n", Random(0)))


def test_what_is_no_python_has_no_mutants() -> None:
    assert not list(mutants("def f(n: return", Random(0)))


def test_each_wrong_program_fails_a_test(observe: Observe) -> None:
    draft = Draft("d", "code", "s", "What span?", PROGRAM, ("def span(v, l):\n    return 3\n", PROGRAM + "\n"), tests=TESTS)
    found = RULE.negatives(draft, Random(0), observe)
    assert found[0] == "def span(v, l):\n    return 3\n"
    assert len(found) == 4
    for wrong in found:
        view = View(Case(draft.question, wrong, tests=TESTS), "code")
        assert RULE.evidence(view, RULE.steps(view, Random(0), observe)).stance == "disagrees"


def test_a_right_program_that_fails_its_tests_gives_no_wrong_ones(observe: Observe) -> None:
    assert not RULE.negatives(Draft("d", "code", "s", "q", "def span(v, l):\n    return 0\n", tests=TESTS), Random(0), observe)


def test_passing_all_tests_agrees_and_running_without_tests_settles_nothing(observe: Observe) -> None:
    for tests, stance in ((TESTS, "agrees"), ((), "unsettled")):
        view = View(Case("What span?", PROGRAM, tests=tests), "code")
        assert RULE.evidence(view, RULE.steps(view, Random(0), observe)).stance == stance
