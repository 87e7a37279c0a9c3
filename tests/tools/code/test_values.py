"""Values that leave the sandbox: they compare outside as Python compares them, however large, and however hostile."""

import json
import operator
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.code.test_markdown import table
from themis.errors import ToolUnavailable
from themis.tools.code.checks import Outcome, settle, split_test
from themis.tools.code.sandbox import Limits, Run, Sandbox
from themis.tools.code.tool import SAME, code_tool
from themis.tools.code.values import MAX_VALUE, Incomparable, contains, decoded, encoded
from themis.traces import Case

NAMES = """
from array import array
from collections import *
from dataclasses import *
from datetime import *
from decimal import *
from enum import *
from fractions import *
from pathlib import PurePosixPath
from types import MappingProxyType, SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo
Colour = Enum("Colour", "RED BLUE")
Level = IntEnum("Level", "LOW HIGH")
Pair = namedtuple("Pair", "x y")
@dataclass(order=True)
class Point:
    x: int
    y: int
    seen: int = field(default=0, compare=False)
class Plain:
    pass
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(seconds=5)) as started:
        yield started


def outcome(sandbox: Sandbox, program: str, test: str) -> Outcome:
    check = split_test(test)
    return settle(check, sandbox.run(program, check.source))


ROWS = [
    (claim, says == "equal")
    for equal, different in ((row[1], row[2]) for row in table("values"))
    for says, claims in (("equal", equal), ("different", different))
    for claim in claims
]


def test_the_page_has_its_table() -> None:
    assert len(ROWS) >= 30


@pytest.mark.parametrize(("claim", "equal"), ROWS)
def test_what_the_page_says_is_equal_is_equal(sandbox: Sandbox, claim: str, equal: bool) -> None:
    left, right = claim.split(" == ")
    names: dict[str, Any] = {}
    exec(NAMES, names)
    assert eval(claim, names) is equal, "the page is wrong"
    program = f"{NAMES}\ndef f(): return {left}\ndef listed(): return [{left}, (1, {left})]"
    assert outcome(sandbox, program, f"assert f() == {right}") == Outcome(equal)
    assert outcome(sandbox, program, f"assert f() != {right}") == Outcome(not equal)
    assert outcome(sandbox, program, f"assert listed() == [{right}, (1, {right})]") == Outcome(equal)


@pytest.mark.parametrize(
    "test",
    [
        "assert date(2024, 10, 1) > date(2024, 9, 30)",
        "assert datetime(2024, 10, 1, tzinfo=timezone.utc) < datetime(2024, 10, 1, tzinfo=timezone(timedelta(hours=-1)))",
        "assert timedelta(days=9) < timedelta(days=10)",
        "assert Decimal('9') < Decimal('10') < 11",
        "assert Decimal('9') < Decimal('10')",
        "assert Fraction(1, 3) > Fraction(1, 4)",
        "assert Fraction(1, 3) >= 0.25",
        "assert Decimal('1.5') <= 2",
        "assert abs(Decimal('1.5') - Decimal('1.4')) < 1",
        "assert Counter('aab') >= Counter('ab')",
        "assert {1, 2} > set([1])",
        "assert 3 in deque([1, 3])",
        "assert 4 in range(0, 10, 2)",
        "assert 4.0 in range(0, 10, 2)",
        "assert 5 not in range(0, 10, 2)",
        "assert 4.5 not in range(10)",
        "assert 'a' in {'a': 1}",
        "assert (1, 2) in {(1, 2)}",
        "assert 'b' not in Counter('aa')",
        "assert Decimal('0.10') in [0.5, Decimal('0.1')]",
        "assert deque([1]) != [1]",
        "assert range(10**30) == range(0, 10**30)",
        "assert Level.LOW == 1",
        "assert {Colour.RED: 1} == {Colour(1): 1}",
        "assert Colour.RED != Colour.BLUE",
        "assert Point(1, 2, 3) == Point(1, 2, 4)",
        "assert Pair(1, 2) == Pair(1.0, 2)",
        "assert type([]) == list",
        "assert float('-inf') == float('-inf')",
        "assert float('nan') != float('nan')",
        "assert -0.0 == 0.0",
        "assert {2**k for k in range(100)} == set(2**k for k in range(100))",
        "assert {1: 1, 0.5: 2, Decimal('0.25'): 3} == {1.0: 1, Fraction(1, 2): 2, 0.25: 3}",
        "assert 10**5000 - 1 == int('9' * 4000) * 10**1000 + (10**1000 - 1)",
        "assert -(10**5000) < 10**5000",
        "assert '\\ud800' == chr(0xd800)",
        "assert Point(1, 2) < Point(1, 3)",
        "assert memoryview(b'ab') == b'ab'",
        "assert datetime(2024, 1, 1, tzinfo=ZoneInfo('UTC')) == datetime(2024, 1, 1, tzinfo=timezone.utc)",
        "assert ... == ...",
        "assert Point(1, 2) == Point(1, 2) and Point(1, 2) != Pair(1, 2)",
    ],
)
def test_what_python_says_of_values_is_said_outside(sandbox: Sandbox, test: str) -> None:
    exec(test, exec_names())
    assert outcome(sandbox, NAMES, test) == Outcome(True)
    opposite = test.replace("assert ", "assert not (", 1) + ")"
    assert outcome(sandbox, NAMES, opposite) == Outcome(False)


def exec_names() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(NAMES, names)
    return names


NUMBERS = (
    st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=False)
    | st.fractions(max_denominator=64)
    | st.decimals(allow_nan=False, places=2)
    | st.sampled_from([0, 1, 1.0, True, Decimal(1), Decimal("1.0"), Fraction(1), 1 + 0j])
    | st.sampled_from([0.5, Decimal("0.50"), Fraction(1, 2), 2**53, 2.0**53])
)
PLAIN = st.none() | NUMBERS | st.text(max_size=3) | st.binary(max_size=3) | st.dates() | st.datetimes() | st.timedeltas()
HASHABLE = PLAIN | st.tuples(PLAIN, PLAIN) | st.frozensets(PLAIN, max_size=3)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(deque)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.dictionaries(HASHABLE, inner, max_size=3).map(OrderedDict)
        | st.tuples(inner, inner)
    ),
    max_leaves=6,
)


def sent(*values: Any) -> list[Any]:
    return decoded([json.loads(encoded(value)) for value in values])


def said(compare: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    try:
        return compare(one, other)
    except TypeError:
        return TypeError


@given(left=VALUES, right=VALUES)
def test_two_values_compare_outside_as_they_do_inside(left: Any, right: Any) -> None:
    one, other = sent(left, right)
    for compare in (operator.eq, operator.ne, operator.lt, operator.ge):
        assert said(compare, one, other) == said(compare, left, right)
    assert said(contains, one, other) == said(lambda one, other: one in other, left, right)


@given(value=VALUES)
def test_a_value_equals_itself_and_is_in_what_holds_it(value: Any) -> None:
    one, again, held = sent(value, value, [0, value])
    assert one == again
    assert contains(one, held)


# --- too large, too deep, of another class ---------------------------------------------------------

RANGE = "def f(n):\n    return list(range(n))\n"
MANY = "def f(n):\n    return {i: str(i) for i in range(n)}\n"
DEEP = "def f(n):\n    value = []\n    for _ in range(n):\n        value = [value]\n    return value\n"


@pytest.mark.parametrize(
    ("program", "test", "passed"),
    [
        (RANGE, "assert f(100_000) == list(range(100_000))", True),
        (RANGE, "assert f(100_000) == list(range(99_999)) + [0]", False),
        (RANGE, "assert f(100_000) == [0, 1, 2]", False),
        (RANGE, "assert f(100_000) != [0, 1, 2]", True),
        (RANGE, "assert 77_777 in f(100_000)", True),
        (RANGE, "assert set(f(50_000)) == set(range(50_000))", True),
        (RANGE, "assert [float(x) for x in f(50_000)] == list(range(50_000))", True),
        (MANY, "assert f(30_000) == {i: str(i) for i in range(30_000)}", True),
        (MANY, "assert f(30_000) == {i: str(i) for i in range(30_001)}", False),
        (MANY, "assert f(3_000).keys() == set(range(3_000))", True),
        ("def f(n):\n    return 'é' * n", "assert f(1_000_000) == 'é' * 1_000_000", True),
        ("def f(n):\n    return b'a' * n", "assert f(3_000_000) == b'a' * 3_000_000", True),
        ("def f(n):\n    return 2 ** n", "assert f(1_000_000) == 1 << 1_000_000", True),
        ("def f(n):\n    print('x' * 3_000_000)\n    return n", "assert f(2) == 2", True),
        ("def f(n):\n    return n", "for i in range(20_000):\n    assert f(i) == i", True),
        (DEEP, "assert f(90) == f(90)", True),
        (DEEP, "assert f(90) == f(91)", False),
        (DEEP, "assert f(1000) == [[[]]]", False),
    ],
)
def test_large_values_are_compared(sandbox: Sandbox, program: str, test: str, passed: bool) -> None:
    assert outcome(sandbox, program, test) == Outcome(passed)


LARGE = "def f(n):\n    return 'a' * n\n"
TOO_LARGE = [
    (LARGE, f"assert f({MAX_VALUE}) == 'a' * {MAX_VALUE}", "too large"),
    (LARGE, f"assert f({MAX_VALUE}) == f({MAX_VALUE}) and f(1) == 'a'", "too large"),
    (LARGE, f"assert 'b' not in f({MAX_VALUE})", "too large"),
    (LARGE, f"assert f({MAX_VALUE}) > 'a'", "too large"),
    (LARGE, "for _ in range(30):\n    assert f(1_000_000) == 'a' * 1_000_000", "too many"),
    (DEEP, "assert f(1000) == f(1000)", "too large"),
    (NAMES, "assert Plain() == Plain()", "class Plain"),
    (NAMES, "assert [1, Plain()] == [1, Plain()]", "class Plain"),
    (NAMES, "assert Fraction(1, 10**3000) == Fraction(1, 10**3000)", "digits"),
    (NAMES, "assert {2**k for k in range(5000)} == {2**k for k in range(5000)}", "same hash"),
]


@pytest.mark.parametrize(("program", "test", "reason"), TOO_LARGE)
def test_what_cannot_be_compared_is_unavailable_and_not_failed(sandbox: Sandbox, program: str, test: str, reason: str) -> None:
    found = outcome(sandbox, program, test)
    assert (found.passed, found.known) == (False, False)
    assert reason in found.reason
    with pytest.raises(ToolUnavailable, match=f"1 of 2 test cases cannot be decided: .*{reason}"):
        code_tool(sandbox)(SAME, case=Case("q", program, tests=("assert 1 == 1", test)))


def test_beside_a_test_that_fails_it_is_counted_apart(sandbox: Sandbox) -> None:
    program, test, _ = TOO_LARGE[0]
    assert code_tool(sandbox)(SAME, case=Case("q", program, tests=("assert f(1) == 'a'", "assert f(1) == 'b'", test))) == (
        "The pass rate is 0.3333333333333333. 1 test cases passed, and 1 test cases failed. 1 cannot be decided."
    )
    assert code_tool(sandbox)(SAME, case=Case("q", program, tests=("assert g(1) == 'a'", test))) == (
        "The pass rate is 0.0. 0 test cases passed, and 1 test cases failed. 1 cannot be decided. Failed reason: name 'g' is not defined"
    )


def test_code_of_the_judge_that_cannot_be_decided_is_unavailable(sandbox: Sandbox) -> None:
    with pytest.raises(ToolUnavailable, match="cannot be decided: a value is too large"):
        code_tool(sandbox)(f"x = f({MAX_VALUE})\nassert x == x + ''", case=Case("q", LARGE))


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("def f(x): return 'a' * 10**7", "assert f(2) == 4"),
        ("def f(x): return [0] * 10**6", "assert abs(f(2) - 4) < 1"),
        ("def f(x): return [[0] * 10**6] * 10", "assert f(2) in (4, 5)"),
        ("def f(x): return {2**k for k in range(5000)}", "assert f(2) == {4}"),
        ("from fractions import Fraction\ndef f(x): return Fraction(1, 10**3000)", "assert f(2) == 4"),
        ("class A:\n    def __lt__(s, o): return True\ndef f(x): return A()", "assert f(2) < 4"),
        (
            "class A:\n    def __eq__(s, o): return True\n    __sub__ = __lt__ = lambda s, o: 0\ndef f(x): return A()",
            "assert abs(f(2) - 4) < 1",
        ),
        ("class A:\n    def __contains__(s, o): return True\ndef f(x): return A()", "assert 4 in f(2)"),
    ],
)
def test_beside_a_value_that_is_written_out_it_has_failed(sandbox: Sandbox, program: str, test: str) -> None:
    """Else whoever does not know the answer could return something large."""
    assert outcome(sandbox, program, test) == Outcome(False)


# --- hostile parts ---------------------------------------------------------------------------------

HUGE = "0x" + "f" * 1_000_000


@pytest.mark.parametrize(
    "value",
    [
        [],
        [[]],
        [1],
        ["none"],
        ["int", "x"],
        ["int", 5],
        ["list", ["int"]],
        ["Fraction", "1e999999999"],
        ["Fraction", 1, 0],
        ["Fraction", ["Decimal", "1e999999999"], 1],
        ["Fraction", ["int", HUGE], ["int", HUGE[:-1]]],
        ["Decimal", "1e999999999"],
        ["Decimal", "sNaN"],
        ["Decimal", ["int", HUGE]],
        ["list", ["Decimal", "4"], ["int", HUGE]],
        ["complex", "4"],
        ["range", 0, 10**30, "1"],
        ["range", 0, 10**30, 0],
        ["timedelta", 10**30],
        ["date", "4"],
        ["datetime", 4],
        ["bytes", 4],
        ["set", ["list"]],
        ["set", *[index * (2**61 - 1) for index in range(100_000)]],
        ["dict", 1],
        ["dict", ["list"], 1],
        ["Counter", 4, "a"],
        ["own", "int", 4],
        ["other", 4],
        ["large"],
        ["__import__", "os"],
        {"int": 4},
        "4",
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("claim", ["f(2) == 4", "abs(f(2) - 4) < 1", "f(2) in [4]", "4.5 in f(2)", "f(2) == g(2)"])
def test_hostile_parts_never_pass_and_take_no_time(value: Any, claim: str) -> None:
    began = time.process_time()
    values = [value, 4] if "g(" in claim else [value]
    assert not settle(split_test(f"assert {claim}"), Run("exited", (("values", 0, values), ("end",)), False, "", "namespaces")).passed
    assert time.process_time() - began < 5


def test_a_set_whose_members_collide_by_their_low_bits_takes_no_time() -> None:
    began = time.process_time()
    sent({index << 40 for index in range(100_000)})
    assert time.process_time() - began < 5


def test_nothing_of_a_program_is_run_when_its_values_are_built() -> None:
    @dataclass
    class Hostile:
        x: int = field(default_factory=lambda: pytest.fail("it ran"))

    one, other = sent(Hostile(1), Hostile(1))
    assert one == other
    assert type(one).__module__ == "themis.tools.code.values"


def test_unseen_values_are_hashed_and_never_compared_by_accident() -> None:
    one, other = sent(object(), object())
    assert one != 4
    assert {one: 1}[one] == 1
    with pytest.raises(Incomparable, match="class object"):
        assert one == other
