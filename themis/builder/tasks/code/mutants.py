"""Programs with one small fault: in an operator, a bound, a number, a variable, a branch, or a missing statement.

A fault edits the source text at a syntax node, so that layout, comments and names stay as they were. Only a run can
tell whether a mutant behaves differently.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

_COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">=")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<=")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
_OPERATORS: dict[type[ast.operator], tuple[str, tuple[str, ...]]] = {
    ast.Add: ("+", ("-", "*")),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("+", "-")),
    ast.Div: ("/", ("*", "//")),
    ast.FloorDiv: ("//", ("%",)),
    ast.Mod: ("%", ("//",)),
    ast.Pow: ("**", ("*",)),
    ast.BitAnd: ("&", ("|", "^")),
    ast.BitOr: ("|", ("&", "^")),
    ast.BitXor: ("^", ("&", "|")),
    ast.LShift: ("<<", (">>",)),
    ast.RShift: (">>", ("<<",)),
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "lower": "upper", "upper": "lower"}
_NAMES |= {"ceil": "floor", "floor": "ceil", "startswith": "endswith", "endswith": "startswith", "keys": "values", "values": "keys"}
_NAMES |= {"union": "intersection", "intersection": "union", "search": "match", "match": "search", "nlargest": "nsmallest"}
_NAMES |= {"nsmallest": "nlargest", "find": "rfind", "lstrip": "rstrip", "rstrip": "lstrip", "isdigit": "isalpha", "isalpha": "isdigit"}


@dataclass(frozen=True, slots=True)
class Edit:
    """A range of the source, in bytes, and its replacement."""

    start: int
    end: int
    text: str


def mutants(program: str, rng: Random) -> Iterator[str]:
    """All programs with one fault, in random order, with kinds of faults in turn."""
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError):
        return
    source = program.encode()
    by_kind: dict[str, list[Edit]] = {}
    for kind, edit in _Places(source, tree).edits():
        by_kind.setdefault(kind, []).append(edit)
    for edits in by_kind.values():
        rng.shuffle(edits)
    kinds = sorted(by_kind)
    while kinds:
        rng.shuffle(kinds)
        for kind in kinds:
            edit = by_kind[kind].pop()
            mutant = (source[: edit.start] + edit.text.encode() + source[edit.end :]).decode()
            if mutant != program and _is_python(mutant):
                yield mutant
        kinds = sorted(kind for kind in kinds if by_kind[kind])


class _Places:
    """The places of a program where a fault can be put."""

    def __init__(self, source: bytes, tree: ast.Module) -> None:
        self._source = source
        self._tree = tree
        self._lines = [0]
        for line in source.split(b"\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)

    def edits(self) -> Iterator[tuple[str, Edit]]:
        for function in self._tree.body:
            if isinstance(function, ast.FunctionDef):
                names = _first_bound(function)
                for node in _outside_of_while(function):
                    yield from self._of_node(node, names)

    def _of_node(self, node: ast.AST, names: dict[str, int]) -> Iterator[tuple[str, Edit]]:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                yield from self._operator("comparison", left, right, *_COMPARISONS[type(op)])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS and not _is_text(left):
                yield from self._operator("operator", left, right, *_OPERATORS[type(op)])
                if isinstance(op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod) and (
                    left_text := self._source_text(left)
                ) != self._source_text(right):
                    middle = self._source[self._end(left) : self._start(right)].decode()
                    if "(" not in middle and ")" not in middle and not isinstance(left, ast.BinOp) and not isinstance(right, ast.BinOp):
                        yield "swapped", Edit(self._start(left), self._end(right), self._source_text(right) + middle + left_text)
            case ast.BoolOp(values=[left, right], op=op):
                here, other = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                yield from self._operator("logic", left, right, here, (other,))
            case ast.Constant(value=value) if not isinstance(value, str | bytes) and value is not None and value is not ...:
                yield from self._constant(node, value)
            case ast.Name(id=name, ctx=ast.Load()):
                for other, line in names.items() if name in names else ():
                    if other != name and line < node.lineno:
                        yield "variable", Edit(self._start(node), self._end(node), other)
                if name in _NAMES:
                    yield "name", Edit(self._start(node), self._end(node), _NAMES[name])
            case ast.Attribute(attr=name) if name in _NAMES:
                yield "name", Edit(self._end(node) - len(name), self._end(node), _NAMES[name])
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub() | ast.Mult() as op, value=value):
                sign, others = _OPERATORS[type(op)]
                yield from self._operator("operator", target, value, f"{sign}=", tuple(f"{other}=" for other in others))
            case ast.Call(func=ast.Name(id="range"), args=arguments) if arguments:
                yield from self._bound(arguments[-1] if len(arguments) < 3 else arguments[1])
            case ast.IfExp(body=body, orelse=orelse):
                yield from self._swap(body, orelse)
            case ast.If(body=[body], orelse=[orelse]) if not isinstance(orelse, ast.If):
                yield from self._swap(body, orelse)
            case ast.FunctionDef() | ast.For() | ast.If():
                yield from self._forgotten(node)

    def _operator(self, kind: str, left: ast.AST, right: ast.AST, here: str, others: tuple[str, ...]) -> Iterator[tuple[str, Edit]]:
        start, end = self._end(left), self._start(right)
        between = self._source[start:end].decode()
        if between.count(here) == 1 and "#" not in between:
            at = start + len(between[: between.index(here)].encode())
            for other in others:
                yield kind, Edit(at, at + len(here), other)

    def _constant(self, node: ast.Constant, value: object) -> Iterator[tuple[str, Edit]]:
        if isinstance(value, bool):
            yield "number", Edit(self._start(node), self._end(node), str(not value))
        elif isinstance(value, int) and self._source_text(node).isdigit():
            added = self._source[: self._start(node)].rstrip()[-1:] in (b"+", b"-")
            for other in (value + 1, value - 1):
                if other >= 0 and not (added and other == 0):  # `n + 0` would look odd
                    yield "number", Edit(self._start(node), self._end(node), str(other))

    def _bound(self, node: ast.expr) -> Iterator[tuple[str, Edit]]:
        """One iteration too few or too many."""
        match node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=ast.Constant(value=1)):
                yield "bound", Edit(self._end(left), self._end(node), "")
            case ast.Name() | ast.Call():
                yield "bound", Edit(self._end(node), self._end(node), "-1")
                yield "bound", Edit(self._end(node), self._end(node), "+1")

    def _swap(self, one: ast.AST, other: ast.AST) -> Iterator[tuple[str, Edit]]:
        first, second = self._source_text(one), self._source_text(other)
        if first != second and "\n" not in first + second:
            between = self._source[self._end(one) : self._start(other)].decode()
            yield "branches", Edit(self._start(one), self._end(other), second + between + first)

    def _forgotten(self, node: ast.FunctionDef | ast.For | ast.If) -> Iterator[tuple[str, Edit]]:
        """Leaves out a statement, if others remain in its block."""
        for statement in node.body if len(node.body) > 1 else ():
            if isinstance(statement, ast.AugAssign | ast.Expr | ast.If) and statement.lineno == statement.end_lineno:
                start, end = self._lines[statement.lineno - 1], self._lines[statement.lineno]
                if self._source[start:end].strip() == self._source_text(statement).encode():
                    yield "forgotten", Edit(start, end, "")

    def _start(self, node: ast.AST) -> int:
        assert isinstance(node, ast.expr | ast.stmt)
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.AST) -> int:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.end_lineno - 1] + node.end_col_offset

    def _source_text(self, node: ast.AST) -> str:
        return self._source[self._start(node) : self._end(node)].decode()


def _outside_of_while(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those inside a `while`, where a fault mostly makes the loop endless."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.While):
            yield from _outside_of_while(child)


def _first_bound(function: ast.FunctionDef) -> dict[str, int]:
    """The variables of a function with the lines that bind them first; empty if it has inner functions."""
    if any(isinstance(node, ast.FunctionDef | ast.Lambda) for node in ast.walk(function) if node is not function):
        return {}
    bound = [(argument.arg, 0) for argument in function.args.args]
    bound += [(node.id, node.lineno) for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {name: min(line for other, line in bound if other == name) for name, _ in bound}


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_python(program: str) -> bool:
    try:
        ast.parse(program)
    except (SyntaxError, ValueError):
        return False
    return True
