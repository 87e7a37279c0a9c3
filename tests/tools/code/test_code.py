"""The code tool: TARA's wording, tests and the judge's own code, and the verdict that is formed outside."""

import ast
import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.config import data_root
from themis.errors import ConfigError, ToolError
from themis.tools import Toolbox, default_toolbox
from themis.tools.code.checks import entry_point, settle, split_test
from themis.tools.code.markdown import program_of
from themis.tools.code.sandbox import Limits, Run, Sandbox
from themis.tools.code.tool import BACKENDS, SAME, UNSAFE, code_tool
from themis.traces import Action, Case

SQUARE = "def f(x):\n    return x * x\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(seconds=1)) as started:
        yield started


def told(sandbox: Sandbox, answer: str, *tests: str, code: str = SAME, question: str = "q") -> str:
    return code_tool(sandbox)(code, case=Case(question, answer, tests=tests))


def test_all_tests_pass(sandbox: Sandbox) -> None:
    assert told(sandbox, SQUARE, "assert f(2) == 4", "assert f(3) == 9") == "The pass rate is 1.0. All test cases passed."


def test_some_tests_pass(sandbox: Sandbox) -> None:
    assert told(sandbox, SQUARE, "assert f(2) == 4", "assert f(3) == 9", "assert f(4) == 15") == (
        "The pass rate is 0.6666666666666666. 2 test cases passed, and 1 test cases failed."
    )


def test_an_error_is_told(sandbox: Sandbox) -> None:
    answer = "def f(x):\n    return [1, 2][x]\n"
    assert told(sandbox, answer, "assert f(1) == 2", "assert f(2) == 3") == (
        "The pass rate is 0.5. 1 test cases passed, and 1 test cases failed. Failed reason: list index out of range"
    )


def test_a_program_that_is_no_python_fails(sandbox: Sandbox) -> None:
    assert told(sandbox, "    return x", "assert f(1) == 2") == (
        "The pass rate is 0.0. All test cases failed. Failed reason: unexpected indent (<string>, line 1)"
    )


def test_a_program_that_hangs_has_timed_out(sandbox: Sandbox) -> None:
    answer = "def f(x):\n    while x: pass\n    return 0"
    assert told(sandbox, answer, "assert f(0) == 0", "assert f(1) == 0", "assert f(2) == 0") == (
        "The pass rate is 0.3333333333333333. 1 test cases passed, and 2 test cases failed. Failed reason: timed out"
    )


def test_each_test_meets_a_program_that_no_other_test_has_used(sandbox: Sandbox) -> None:
    answer = "calls = []\ndef f():\n    calls.append(1)\n    return len(calls)"
    assert told(sandbox, answer, "assert f() == 1", "assert f() == 1") == "The pass rate is 1.0. All test cases passed."


def test_a_check_of_humaneval_is_called_with_the_function_that_was_asked_for(sandbox: Sandbox) -> None:
    check = "def check(candidate):\n    assert candidate(2) == 4\n    for x in range(3):\n        assert candidate(x) == x * x\n"
    question = "def f(x):\n    '''The square of x.'''\n"
    assert told(sandbox, SQUARE + "def helper(): pass", check, question=question).startswith("The pass rate is 1.0.")
    assert told(sandbox, "def f(x):\n    return 4 if x == 2 else 1", check, question=question).startswith("The pass rate is 0.0.")
    assert told(sandbox, "def check(candidate):\n    pass", check, question=question) == (
        "The pass rate is 0.0. All test cases failed. Failed reason: name 'f' is not defined"
    )


def test_fenced_code_is_taken_out_of_its_prose(sandbox: Sandbox) -> None:
    answer = f"Sure!\n\n```python\n{SQUARE}```\n\nRun it so:\n\n```sh\npython f.py\n```\n"
    assert program_of(answer) == SQUARE
    assert program_of("```py\na = 1\n```\n\n~~~py\nb = 2\n~~~") == "a = 1\n\nb = 2\n"
    assert program_of(SQUARE) == SQUARE
    assert len(program_of("```x\n" * 50_000)) == 250_000  # and at once
    assert told(sandbox, answer, "assert f(2) == 4").startswith("The pass rate is 1.0.")


def test_without_tests_the_judge_s_code_runs_after_the_answer(sandbox: Sandbox) -> None:
    assert told(sandbox, SQUARE, code="print(f(3), f(4))") == "The code ran to its end. It printed:\n9 16"
    assert told(sandbox, SQUARE) == "The code ran to its end. It printed nothing."
    assert told(sandbox, SQUARE, code="f('a')").startswith("The code failed. Failed reason: can't multiply sequence")


def test_the_judge_s_asserts_are_tests(sandbox: Sandbox) -> None:
    assert told(sandbox, SQUARE, code="import math\nassert f(2) == 4\nassert math.isclose(f(0.1), 0.02)") == (
        "The pass rate is 0.5. 1 test cases passed, and 1 test cases failed."
    )


def test_a_comma_in_the_judge_s_code_is_no_second_argument(sandbox: Sandbox) -> None:
    with Toolbox([code_tool(sandbox)]) as toolbox:
        seen = toolbox.call(Action("code_run", "print(f(1), f(2))"), Case("q", SQUARE))
        assert (seen.status, seen.text) == ("ok", "The code ran to its end. It printed:\n1 4")
        assert toolbox.call(Action("code_run", "print(1 +"), Case("q", SQUARE)).status == "error"


def test_code_that_runs_bare_says_so() -> None:
    assert code_tool(unsafe=True)(case=Case("q", SQUARE, tests=("assert f(2) == 4",))) == (
        "The pass rate is 1.0. All test cases passed." + UNSAFE
    )


def test_where_no_tier_holds_nothing_runs() -> None:
    with Toolbox([code_tool(Sandbox(tiers=()))]) as toolbox:
        seen = toolbox.call(Action("code_run", SAME), Case("q", SQUARE))
    assert seen.status == "unavailable"
    assert "no sandbox holds on this machine" in seen.text


def test_a_toolbox_has_the_tool_unless_told_otherwise() -> None:
    with default_toolbox() as toolbox:
        assert "code_run" in toolbox.names


def test_the_backend_reads_its_options_and_names_the_wrong_ones() -> None:
    (backend,) = BACKENDS
    assert backend.build({"seconds": 2, "memory_mb": 512}).name == "code_run"
    assert backend.missing({"unsafe": True}) is None
    for options in ({"seconds": 0}, {"seconds": "x"}, {"memory_mb": 8}, {"unsafe": "yes"}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            backend.build(options)


# --- the split -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "kept_outside"),
    [
        ("assert f(1, 2) == 3456", "3456"),
        ("assert 3456 == f(1, 2)", "3456"),
        ("assert f(1) is None or True", "or" * 9),
        ("assert abs(f(1) - 3.456) < 1e-6", "3.456"),
        ("import math\nassert math.isclose(f(1), 3.456, rel_tol=0.001)", "0.001"),
        ("assert f(1) in (3456, 7)", "3456"),
        ("assert f(1) != 'secret' and f(2) == 'hidden'", "hidden"),
        ("assert f(1) == 2, 'message'", "message"),
        ("def check(candidate):\n    for x in range(3):\n        assert candidate(x) == [3456]", "3456"),
    ],
)
def test_what_is_expected_stays_outside(test: str, kept_outside: str) -> None:
    inside = split_test(test, "f").source
    assert kept_outside not in inside
    assert "assert" not in inside
    ast.parse(inside)


def test_a_test_that_is_no_python_is_an_error() -> None:
    with pytest.raises(ToolError, match="is not valid Python"):
        split_test("assert f(1) ==")
    with pytest.raises(ToolError, match="is not valid Python"):
        split_test("assert " + "-" * 100_000 + "1")


def test_the_function_that_is_asked_for() -> None:
    assert entry_point("def helper(x):\n    return x\n\ndef wanted(y):\n", SQUARE) == "wanted"
    assert entry_point("Write a function.", SQUARE) == "f"
    assert entry_point("Write a function.", "x = 1\ndef if(a):\ndef 1a(b):") == ""


VALUES = (
    "None",
    "True",
    "0",
    "-7",
    "10**50",
    "0.1",
    "float('inf')",
    "1+2j",
    "'a\\n\\u00e9'",
    "b'a'",
    "[1, [2, (3,)]]",
    "(1,)",
    "{1, 2}",
    "{'a': [1]}",
    "frozenset({(1, 2)})",
    "__import__('collections').Counter('aab')",
    "__import__('datetime').date(2024, 5, 3)",
    "__import__('fractions').Fraction(1, 3)",
    "{1: 2}.keys()",
    "__import__('collections').OrderedDict(a=1)",
)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_equal_outside_to_what_it_is_equal_to_inside(sandbox: Sandbox, value: str) -> None:
    assert passes(sandbox, f"def f(): return {value}", f"assert f() == {value}")
    assert not passes(sandbox, f"def f(): return {value}", "assert f() == 'something else'")
    assert passes(sandbox, f"def f(): return {value}", "assert f() != 'something else'")


@pytest.mark.parametrize(
    "test",
    [
        "assert f(2) == 4.0",
        "assert f(2) > 3 and f(2) < 5",
        "assert not f(0)",
        "assert f(2) in [4]",
        "assert 4 in [f(2)]",
        "assert f(1) is not None",
        "assert isinstance(f(2), int)",
        "assert 3 < f(2) < 5",
        "assert f(2) == f(-2)",
        "assert f(2) == 4 or f(2) == 5",
        "f(2)",
        "x = f(2)\nassert x == 4",
        "try:\n    f('a')\n    assert False\nexcept TypeError:\n    pass",
        "assert [f(x) for x in range(3)] == [0, 1, 4]",
        "assert abs(f(0.1) - 0.01) <= 1e-9",
    ],
)
def test_a_test_that_holds_passes(sandbox: Sandbox, test: str) -> None:
    assert passes(sandbox, SQUARE, test)


@pytest.mark.parametrize(
    "test",
    [
        "assert f(2) is None",
        "assert f(2) == 4 and f(2) == 5",
        "assert not f(2)",
        "assert f(2) < 'a'",
        "assert f(2) == [4]",
        "assert f(2) in (5, 6)",
    ],
)
def test_a_test_that_does_not_hold_fails(sandbox: Sandbox, test: str) -> None:
    assert not passes(sandbox, SQUARE, test)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        ["int", "0x4", "set", "dict", "list", "Counter", "Decimal", "Fraction", "date", "range", "own", "other", "large", "complex"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=12,
)
REPORT = st.tuples(st.just("values"), st.integers(-1, 2), st.lists(JSON, max_size=2)) | st.sampled_from(
    [("end",), ("ready",), ("error", "E", "x")]
)


@given(
    test=st.sampled_from(
        ["assert f(2) == 4", "assert abs(f(2) - 4) < 1", "assert f(2) in [4]", "assert f(2) == g(2)", "assert f(2)", "assert f(2) < 4"]
    ),
    reports=st.lists(REPORT, max_size=4),
)
def test_whatever_is_reported_there_is_a_verdict(test: str, reports: list[tuple[Any, ...]]) -> None:
    check = split_test(test)
    outcome = settle(check, Run("exited", tuple(reports), False, "", "namespaces"))
    assert not outcome.passed or (reports[-1] == ("end",) and reports[0][0] == "values")


def passes(sandbox: Sandbox, program: str, test: str, entry: str = "") -> bool:
    check = split_test(test, entry)
    return settle(check, sandbox.run(program, check.source)).passed


# --- published solutions ---------------------------------------------------------------------------


def published(name: str) -> list[dict[str, Any]]:
    root = data_root()
    path = (root or Path()) / name
    if root is None or not path.is_file():
        pytest.skip(f"{name} is not on this machine (set THEMIS_DATA)")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_every_reference_solution_of_mbpp_passes() -> None:
    rows = published("mbpp/mbpp.jsonl.gz")
    tests = ["\n".join([row["test_setup_code"], *row["test_list"], *row["challenge_test_list"]]) for row in rows]
    assert len(rows) == 974
    assert failing([(row["task_id"], row["code"], test, "") for row, test in zip(rows, tests, strict=True)]) == []


def test_every_reference_solution_of_humaneval_passes() -> None:
    rows = published("humaneval/HumanEval.jsonl.gz")
    assert len(rows) == 164
    assert failing([(row["task_id"], row["prompt"] + row["canonical_solution"], row["test"], row["entry_point"]) for row in rows]) == []


def failing(problems: list[tuple[Any, str, str, str]]) -> list[Any]:
    with Sandbox(Limits(seconds=20)) as sandbox, ThreadPoolExecutor(2) as pool:
        passed = list(pool.map(lambda problem: passes(sandbox, *problem[1:]), problems))
    return [problem[0] for problem, good in zip(problems, passed, strict=True) if not good]
