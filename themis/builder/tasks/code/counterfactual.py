"""Counterfactual pairs of programs: the tests of a problem, and tests that one of its mutants passes."""

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from themis.builder.counterfactual.rows import Counterfactual, World
from themis.builder.draft import Draft
from themis.builder.reserved import reserved_drafts
from themis.builder.tasks.code import mbpp
from themis.builder.tasks.code.agents import ALL_PASSED
from themis.builder.tasks.code.mutants import mutants
from themis.errors import ToolError, ToolUnavailable
from themis.tools.code.sandbox import Sandbox
from themis.tools.code.tool import SAME, code_tool
from themis.traces import Case

_MOST_MUTANTS = 12
_ANSWERS = 2
"""Wrong ones of one program."""
_PRINTED = "The code ran to its end. It printed:\n"
Run = Callable[[str, Case], str]
"""The code tool: its argument and a case, to its observation."""


def code_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """A program with its tests, and with those that one of its mutants passes; and the mutant with both."""
    with _code_run() as run:
        for source in mbpp.SOURCES:
            for draft in reserved_drafts(source, root, seed, measured):
                yield from _of_program(draft, Random(f"{seed}/counterfactual/{draft.id}"), run)


def _of_program(draft: Draft, rng: Random, run: Run) -> Iterator[Counterfactual]:
    calls = [_call(test) for test in draft.tests]
    if not all(calls) or not _passes(run, draft, draft.chosen, draft.tests):
        return
    found = 0
    for number, mutant in zip(range(_MOST_MUTANTS), mutants(draft.chosen, rng), strict=False):
        tests = _tests_of(run, draft, mutant, calls)
        differing = sum(one != other for one, other in zip(tests, _tests_of(run, draft, draft.chosen, calls), strict=False))
        if not tests or 2 * differing < len(calls) or _passes(run, draft, mutant, draft.tests):
            continue
        answer, right, wrong = (mutant, tests, draft.tests) if found % 2 else (draft.chosen, draft.tests, tests)
        if _passes(run, draft, answer, right) and not _passes(run, draft, answer, wrong):
            case = Case(draft.question, answer, id=f"counterfactual/{draft.id}/{number}")
            yield Counterfactual("code", case, World(tests=tuple(right)), World(tests=tuple(wrong)))
            found += 1
        if found == _ANSWERS + 1:
            return


@contextmanager
def _code_run() -> Iterator[Run]:
    """The code tool in a sandbox that ends with it."""
    with Sandbox() as sandbox:
        tool = code_tool(sandbox)

        def run(argument: str, case: Case) -> str:
            try:
                return str(tool(argument, case))
            except ToolError as error:
                if isinstance(error, ToolUnavailable):
                    raise
                return ""

        yield run


def _passes(run: Run, draft: Draft, program: str, tests: Sequence[str]) -> bool:
    return run(SAME, Case(draft.question, program, tests=tuple(tests))).startswith(ALL_PASSED)


def _call(test: str) -> str:
    """`f(1, 2)` of `assert f(1, 2) == 3`; empty where a test is not of that form."""
    try:
        body = ast.parse(test.strip()).body
    except (SyntaxError, ValueError):
        return ""
    match body:
        case [ast.Assert(test=ast.Compare(left=ast.Call() as call, ops=[ast.Eq()], comparators=[_]))]:
            return ast.unparse(call)
    return ""


def _tests_of(run: Run, draft: Draft, program: str, calls: Sequence[str]) -> list[str]:
    """Tests that a program passes, from its return values; none if it fails, or returns what has no literal."""
    told = run("\n".join(f"print(repr({call}))" for call in calls), Case(draft.question, program))
    lines = told.removeprefix(_PRINTED).split("\n") if told.startswith(_PRINTED) else []
    if len(lines) != len(calls):
        return []
    try:
        values = [ast.literal_eval(line) for line in lines]
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []
    return [f"assert {call} == {value!r}" for call, value in zip(calls, values, strict=True)]
