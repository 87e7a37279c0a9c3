"""A test, split into what runs inside the sandbox and what is decided outside it.

`assert f(1, 2) == 3` becomes a report of the value of `f(1, 2)`; the 3 never enters. Of `f(x) == g(x)` both values
are reported and compared outside, so no object's own idea of equality counts. A test without such sides is reported
as true or false. Only there can a program that takes over its interpreter pass by lying.

Knows nothing of the sandbox's walls, and trusts nothing that was reported.
"""

import ast
import json
import keyword
import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from themis.errors import ToolError
from themis.tools.code.job import REPORT
from themis.tools.code.sandbox import Run
from themis.tools.code.values import Incomparable, contains, decoded, encoded

MAX_REASON = 200
_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: contains,
    ast.NotIn: lambda left, right: not contains(left, right),
    ast.Is: lambda left, right: type(left) is type(right) and left == right,
    ast.IsNot: lambda left, right: type(left) is not type(right) or left != right,
}
_BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.TryStar, ast.Match, ast.AsyncFor, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_DEFINITION = re.compile(r"^def[ \t]+(\w+)[ \t]*\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one `assert` says of the values that are reported for it."""

    holds: Callable[[list[Any]], Any]
    required: bool
    """Every run must reach it: without its report, the check did not run."""
    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """A test after the split."""

    source: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one test."""

    passed: bool
    reason: str = ""
    """Why it failed; empty where a value was simply different."""
    known: bool = True
    """False where values cannot be compared, so that nobody can say whether it passed."""


def split_test(test: str, entry: str = "") -> Check:
    """Splits a test. If it defines `check(candidate)` without calling it, as in HumanEval, `entry` is passed to it."""
    try:
        tree = ast.parse(test)
        if entry and _defines_check(tree) and not _calls_check(tree):
            tree.body += ast.parse(f"check({entry})").body
        splitter = _Splitter(called="check" if _calls_check(tree) else "")
        tree = ast.fix_missing_locations(splitter.visit(tree))
        return Check(ast.unparse(tree), tuple(splitter.claims))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ToolError(f"'{_shown(_one_line(test))}' is not valid Python: {error}") from error


def entry_point(question: str, program: str) -> str:
    """The function that a question asks for: the last `def` of the question, else of the program."""
    for text in (question, program):
        found = [name for name in _DEFINITION.findall(text) if name.isidentifier() and not keyword.iskeyword(name)]
        if found:
            return str(found[-1])
    return ""


def settle(check: Check, run: Run) -> Outcome:
    """The verdict, from outside. Silence fails, and so does any report that is not the check's."""
    if run.tampered:
        return Outcome(False, _FORGED)
    seen: set[int] = set()
    doubt = ""
    for report in run.reports:
        match report:
            case ("values", int(place), list(values)) if 0 <= place < len(check.claims):
                seen.add(place)
                try:
                    if not _holds(check.claims[place], values):
                        return Outcome(False, check.claims[place].message)
                except Incomparable as error:
                    doubt = str(error)
            case ("error", str(kind), str(text)):
                return Outcome(False, _told(kind, text))
            case ("end",) if report is run.reports[-1] and run.end == "exited":
                if all(place in seen for place, claim in enumerate(check.claims) if claim.required):
                    return Outcome(not doubt, doubt, known=not doubt)
            case _:
                return Outcome(False, _FORGED)
    if run.end == "flooded" and run.reports:  # all that came before it was cut off is right
        return Outcome(False, "the values of the test are too many to be compared", known=False)
    return Outcome(False, _ENDS[run.end])


def _told(kind: str, text: str) -> str:
    """The error's message, as published; its name where the message is empty or says nothing."""
    if kind in ("SystemExit", "KeyboardInterrupt"):
        return kind
    return _one_line(text) or ("" if kind == "AssertionError" else _one_line(kind))


_FORGED = "it wrote to the channel of its results"
_ENDS = {"exited": "it ended without a result", "crashed": "it crashed", "timed out": "timed out", "flooded": _FORGED}


# --- splitting -------------------------------------------------------------------------------------


class _Splitter(ast.NodeTransformer):
    """Replaces asserts by reports, and keeps what they claim."""

    def __init__(self, called: str) -> None:
        self.claims: list[Claim] = []
        self._called = called
        self._branches = 0

    def generic_visit(self, node: ast.AST) -> ast.AST:
        straight = isinstance(node, ast.FunctionDef) and node.name == self._called
        branches = isinstance(node, _BRANCHES) and not straight
        self._branches += branches
        node = super().generic_visit(node)
        self._branches -= branches
        return node

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        message = str(node.msg.value) if isinstance(node.msg, ast.Constant) else ""
        parts = node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And) else [node.test]
        reports: list[ast.stmt] = []
        for part in parts:
            inside, holds = _claim(part)
            call = ast.Call(ast.Name(REPORT, ast.Load()), [ast.Constant(len(self.claims)), *inside], [])
            reports.append(ast.Expr(call))
            self.claims.append(Claim(holds, not self._branches, message))
        return reports


def _claim(test: ast.expr) -> tuple[list[ast.expr], Callable[[list[Any]], Any]]:
    """The expressions to report, and what must be true of their values."""
    match test:
        case ast.Compare(ast.Call(ast.Name("abs"), [ast.BinOp(left, ast.Sub(), right)], []), [compare], [bound]) if _bounds(compare, bound):
            near, limit = _OPERATORS[type(compare)], ast.literal_eval(bound)
            return _sides([left, right], lambda one, other: near(abs(one - other), limit))
        case ast.Call(ast.Name("isclose") | ast.Attribute(attr="isclose"), [left, right], named) if all(
            each.arg in ("rel_tol", "abs_tol") and _is_literal(each.value) for each in named
        ):
            tolerance = {str(each.arg): ast.literal_eval(each.value) for each in named}
            return _sides([left, right], lambda one, other: math.isclose(one, other, **tolerance))
        case ast.Compare(left, [compare], [right]) if _compares_values(compare, left, right):
            return _sides([left, right], _OPERATORS[type(compare)])
    return [ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), test))], lambda values: values[0] is True


def _bounds(compare: ast.cmpop, bound: ast.expr) -> bool:
    return isinstance(compare, ast.Lt | ast.LtE) and _is_literal(bound)


def _compares_values(compare: ast.cmpop, left: ast.expr, right: ast.expr) -> bool:
    """`is` and `in` can be decided from values only if one side is a literal."""
    return isinstance(compare, ast.Eq | ast.NotEq | ast.Lt | ast.LtE | ast.Gt | ast.GtE) or _is_literal(left) or _is_literal(right)


def _sides(sides: list[ast.expr], holds: Callable[[Any, Any], Any]) -> tuple[list[ast.expr], Callable[[list[Any]], Any]]:
    """Literals stay here; the other sides are reported. Of two literals one goes in, so that something is reported."""
    # Built again as reported values are, so that both are compared as one kind.
    kept = {at: decoded([json.loads(encoded(ast.literal_eval(side)))])[0] for at, side in enumerate(sides) if _is_literal(side)}
    if len(kept) == len(sides):
        kept.pop(0)
    reported = [at for at in range(len(sides)) if at not in kept]

    def holds_of(values: list[Any]) -> Any:
        filled = {**kept, **dict(zip(reported, values, strict=True))}
        return holds(filled[0], filled[1])

    return [sides[at] for at in reported], holds_of


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _defines_check(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "check" and len(node.args.args) == 1 for node in tree.body)


def _calls_check(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _named(node.value.func, "check") for node in tree.body)


def _named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


# --- reading reports -------------------------------------------------------------------------------


def _holds(claim: Claim, values: Sequence[Any]) -> bool:
    """Raises `Incomparable` where it cannot be told."""
    try:
        return bool(claim.holds(decoded(values)))
    except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError):
        return False  # Python cannot even compare it with what was expected


def _one_line(text: str) -> str:
    return _shown(" ".join(text.split()), MAX_REASON)


def _shown(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
