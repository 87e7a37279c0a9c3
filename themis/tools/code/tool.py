"""The code tool: runs the answer, in the sandbox, against the tests of the case or the judge's own code.

Each test has its own run, and its verdict is formed outside the sandbox (`checks`).
The wording of the pass rate is TARA's. Knows nothing of the sandbox's walls.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, and its released data.
"""

import ast
import re
from collections.abc import Sequence
from dataclasses import replace

from themis.errors import ConfigError, ToolUnavailable
from themis.tools.base import AnyTool, tool
from themis.tools.code.checks import Check, Outcome, entry_point, settle, split_test
from themis.tools.code.markdown import given, program_of, readings
from themis.tools.code.sandbox import Limits, Program, Run, Sandbox
from themis.tools.setup.backend import Options, backend
from themis.tools.setup.options import number_option, truth_option
from themis.traces import Case

SAME = "Same as the answer"
"""The argument of every published call."""
UNSAFE = " (Run without a sandbox.)"
MAX_OUTPUT = 800
"""Characters of printed output in an observation."""
DEADLINE = 120.0
"""Seconds by the clock for all runs of a call, and for the calls that come first."""
MAX_LATE = 3
"""When this many tests of a case hang, the others count as hanging."""
MAX_SECONDS = 30.0
LEAST_MEMORY_MB = 96
"""Address space of the interpreter itself, and a little more."""


def code_tool(sandbox: Sandbox | None = None, *, unsafe: bool = False, limits: Limits | None = None) -> AnyTool:
    """The tool `code_run`. Its first call starts the sandbox; `unsafe` runs code without one, and says so."""
    runner = sandbox or Sandbox(limits, tiers=("bare",) if unsafe else ("namespaces", "landlock"))

    @tool(name="code_run", deadline=DEADLINE)
    def code_run(code: str = "", case: Case | None = None) -> str:
        """Run the answer under judgement, e.g. `Same as the answer`, or `print(f(2))` to run your own code after it.

        With tests on the case, it says which share of them passes. Without, `assert` lines in your code are the tests.
        """
        own = "" if " ".join(code.split()) == SAME or (case and code.strip() == case.answer.strip()) else program_of(code)
        if case and case.tests:
            entry = entry_point(case.question_text, program_of(case.answer))
            text = pass_rate(_outcomes(runner, _program(case, case.tests, entry), [split_test(test, entry) for test in case.tests]))
        elif asserts := _asserts(own):
            text = pass_rate(_outcomes(runner, _program(case, asserts), [split_test(test) for test in asserts]))
        else:
            check = split_test(own)
            run = runner.run(replace(_program(case, [own]), name="__main__"), check.source)
            text = _told(settle(check, run), run)
        return text + (UNSAFE if runner.tier == "bare" else "")

    return code_run


def _program(case: Case | None, tests: Sequence[str], entry: str = "") -> Program:
    """The answer, after the imports and helpers of the question; but what the tests ask for must be the answer's."""
    if case is None:
        return Program("")
    asked = re.findall(r"\w+", " ".join(tests)) if not any("def check(" in test for test in tests) else [entry]
    return Program(program_of(case.answer), readings(case.answer), given(case.question_text), asked)


def pass_rate(outcomes: Sequence[Outcome]) -> str:
    """TARA's wording, with the first reason. Raises `ToolUnavailable` where no test failed and some are not known."""
    passed = sum(outcome.passed for outcome in outcomes)
    unknown = [outcome.reason for outcome in outcomes if not outcome.known]
    failed = len(outcomes) - passed - len(unknown)
    reason = next((outcome.reason for outcome in outcomes if outcome.reason and outcome.known), "")
    if unknown and not failed:
        raise ToolUnavailable(f"{len(unknown)} of {len(outcomes)} test cases cannot be decided: {unknown[0]}")
    if not failed:
        told = "All test cases passed."
    elif not passed and not unknown:
        told = "All test cases failed."
    else:
        told = f"{passed} test cases passed, and {failed} test cases failed."
    told += f" {len(unknown)} cannot be decided." if unknown else ""
    return f"The pass rate is {passed / len(outcomes)}. {told}{f' Failed reason: {reason}' if reason else ''}"


def _outcomes(sandbox: Sandbox, program: Program, checks: Sequence[Check]) -> list[Outcome]:
    """Each check in its own run. A program that hangs gets less and less time for further checks."""
    limits = sandbox.limits
    outcomes: list[Outcome] = []
    late = 0
    for check in checks:
        if late == MAX_LATE:
            outcomes.append(Outcome(False, "timed out"))
            continue
        run = sandbox.run(program, check.source, limits)
        outcomes.append(settle(check, run))
        if run.end == "timed out":
            late += 1
            limits = replace(sandbox.limits, seconds=sandbox.limits.seconds / 5)
    return outcomes


def _asserts(code: str) -> list[str]:
    """The judge's own tests, if its code is nothing but asserts and imports: each with the imports before it."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    if not all(isinstance(statement, ast.Assert | ast.Import | ast.ImportFrom) for statement in body):
        return []
    imports = [ast.unparse(statement) for statement in body if not isinstance(statement, ast.Assert)]
    return ["\n".join([*imports, ast.unparse(statement)]) for statement in body if isinstance(statement, ast.Assert)]


def _told(outcome: Outcome, run: Run) -> str:
    if not outcome.known:
        raise ToolUnavailable(f"what the code came to cannot be decided: {outcome.reason}")
    reason = f" Failed reason: {outcome.reason.rstrip('.')}." if outcome.reason else ""
    ended = "The code ran to its end." if outcome.passed else f"The code failed.{reason}"
    output = run.output.strip()
    if len(output) > MAX_OUTPUT:
        output = f"{output[:MAX_OUTPUT]} [cut off after {MAX_OUTPUT} of {len(output)} characters]"
    return f"{ended} It printed:\n{output}" if output else f"{ended} It printed nothing."


def _build(options: Options) -> AnyTool:
    seconds, memory_mb = number_option(options, "seconds", Limits().seconds), number_option(options, "memory_mb", Limits().memory_mb)
    if seconds > MAX_SECONDS:
        raise ConfigError(f"code_run's option 'seconds' must be at most {MAX_SECONDS:g}")
    if memory_mb < LEAST_MEMORY_MB:
        raise ConfigError(f"code_run's option 'memory_mb' must be at least {LEAST_MEMORY_MB}")
    return code_tool(unsafe=truth_option(options, "unsafe"), limits=Limits(seconds, int(memory_mb)))


def _missing(options: Options) -> str | None:
    if truth_option(options, "unsafe"):
        return None
    try:
        with Sandbox() as sandbox:
            _ = sandbox.tier
    except ToolUnavailable as error:
        return str(error)
    return None


def _tier(options: Options) -> str:
    if truth_option(options, "unsafe"):
        return "bare, without a sandbox"
    with Sandbox() as sandbox:
        return f"the tier '{sandbox.tier}' holds"


BACKENDS = (backend(code_tool(), "sandbox", _build, _missing, offline=True, default=True, here=_tier),)
