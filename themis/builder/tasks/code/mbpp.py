"""Programs: MBPP's problems with their tests, its own programs, and those that models wrote for them.

A problem may give several drafts. In one the right answer is MBPP's program, and mutants are wrong. In another it is a
model's program that solved the problem, beside those that did not. If no model solved it, MBPP's program is laid out
as models lay out theirs. The sandbox later decides whether a program passes; the file's own labels are not trusted.

Source: Program Synthesis with Large Language Models, arXiv:2108.07732. The models' programs are from a published study
of test-based choice among programs of Code Llama, GPT-3.5 and StarCoder.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from themis.builder.draft import Draft, Source
from themis.files import json_lines, text_field, texts_field

_PROBLEMS, _PROGRAMS = "mbpp/mbpp.jsonl.gz", "mbpp_programs/programs.jsonl.gz"
_LICENCE = "CC BY 4.0, Google Research: MBPP (Austin et al., arXiv:2108.07732)"
_PROGRAMS_LICENCE = f"{_LICENCE}; programs of Code Llama, GPT-3.5 and StarCoder for it, Apache-2.0"


def _problems(root: Path, seed: int, count: int) -> Iterator[Draft]:
    """Each problem with MBPP's own program, in an order drawn by the seed."""
    drafts = [
        Draft(f"mbpp/{task}", "code", "mbpp", question, code, tests=tests, group=_group(task))
        for task, question, code, tests in _read_problems(root)
    ]
    Random(f"{seed}/mbpp").shuffle(drafts)
    yield from drafts[:count]


def _programs(root: Path, seed: int, count: int) -> Iterator[Draft]:
    """Models' programs: first one draft for each problem, then a second for problems that have more."""
    programs: dict[str, list[tuple[str, bool]]] = {}
    file = root / _PROGRAMS
    for number, row in json_lines(file):
        task, program, solved = _program(row, f"{file}, line {number}")
        if program and (program, solved) not in programs.setdefault(task, []):
            programs[task].append((program, solved))
    rounds: dict[int, list[Draft]] = {}
    for task, question, code, tests in _read_problems(root):
        right = [program for program, solved in programs.get(task, []) if solved]
        wrong = tuple(program for program, solved in programs.get(task, []) if not solved)
        if wrong and not right and (laid_out := _laid_out(code)):
            right = [laid_out]
        for place, program in enumerate(right):
            draft = Draft(
                f"mbpp_programs/{task}/{place}", "code", "mbpp_programs", question, program, wrong, tests=tests, group=_group(task)
            )
            rounds.setdefault(place, []).append(draft)
    rng = Random(f"{seed}/mbpp_programs")
    ordered = []
    for _, drafts in sorted(rounds.items()):
        rng.shuffle(drafts)
        ordered += sorted(drafts, key=lambda draft: not draft.rejected)
    yield from ordered[:count]


def _read_problems(root: Path) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Number, question, program and tests of each problem, without problems whose tests need set-up code."""
    file = root / _PROBLEMS
    for number, row in json_lines(file):
        where = f"{file}, line {number}"
        tests = texts_field(row, "test_list", where)
        if not str(row.get("test_setup_code") or "").strip() and tests:
            code = text_field(row, "code", where).replace("\r\n", "\n").replace("\r", "\n").rstrip() + "\n"
            yield str(row.get("task_id")), text_field(row, "text", where).strip(), code, tests


def _program(row: dict[str, Any], where: str) -> tuple[str, str, bool]:
    """The problem's number, the program without its docstring (the question again), and whether it is a solution."""
    return (
        text_field(row, "task_id", where).removeprefix("MBPP/"),
        _undocumented(text_field(row, "solution", where)),
        bool(row.get("is_solved")),
    )


def _undocumented(program: str) -> str:
    """The program without its first function's docstring; empty if nothing else is left, or if it is not Python."""
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError):
        return ""
    function = next((node for node in tree.body if isinstance(node, ast.FunctionDef)), None)
    if function is None or ast.get_docstring(function) is None:
        return program.strip() + "\n"
    told = function.body[0]
    if len(function.body) == 1 or told.end_lineno is None:
        return ""
    lines = program.split("\n")
    rest = lines[told.end_lineno :]
    while rest and not rest[0].strip():
        rest = rest[1:]
    return "\n".join([*lines[: told.lineno - 1], *rest]).strip() + "\n"


def _laid_out(code: str) -> str:
    """The program in the layout that models use; empty if it is not valid Python 3."""
    try:
        return ast.unparse(ast.parse(code)) + "\n"
    except (SyntaxError, ValueError):
        return ""


def _group(task: str) -> str:
    return f"mbpp/{task}"


_RESERVED = 8
SOURCES = (
    Source("mbpp", "code", _LICENCE, _problems, (_PROBLEMS,), _RESERVED),
    Source("mbpp_programs", "code", _PROGRAMS_LICENCE, _programs, (_PROBLEMS, _PROGRAMS), _RESERVED),
)
