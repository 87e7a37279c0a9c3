"""MBPP and models' programs as drafts."""

from pathlib import Path
from typing import Any

import pytest

from tests.builder.tasks.written import gzipped_lines
from themis.builder.tasks.code.mbpp import SOURCES
from themis.errors import DataError

PROBLEMS, PROGRAMS = SOURCES


def problem(task: int, code: str = "def double(n):\r\n\treturn n + n\r\n", **other: Any) -> dict[str, Any]:
    row = {"task_id": task, "text": "Write a function to double a number.", "code": code, "test_setup_code": ""}
    return row | {"test_list": ["assert double(2) == 4"]} | other


def program(task: int, body: str, solved: bool) -> dict[str, Any]:
    told = f'def double(n):\n    """\n    Write a function to double a number.\n    """\n\n    {body}\n'
    return {"task_id": f"MBPP/{task}", "solution": told, "is_solved": solved}


def write(root: Path, problems: list[dict[str, Any]], programs: list[dict[str, Any]] | None = None) -> Path:
    gzipped_lines(root / "mbpp/mbpp.jsonl.gz", problems)
    gzipped_lines(root / "mbpp_programs/programs.jsonl.gz", programs or [])
    return root


def test_line_ends_become_one_kind_and_tests_come_along(tmp_path: Path) -> None:
    (draft,) = PROBLEMS.read(write(tmp_path, [problem(7)]), 0, 10)
    assert (draft.id, draft.chosen, draft.group) == ("mbpp/7", "def double(n):\n\treturn n + n\n", "mbpp/7")
    assert draft.tests == ("assert double(2) == 4",)


def test_a_problem_whose_tests_need_more_than_the_program_is_left_out(tmp_path: Path) -> None:
    drafts = PROBLEMS.read(write(tmp_path, [problem(1, test_setup_code="root = Node(1)"), problem(2)]), 0, 10)
    assert [draft.id for draft in drafts] == ["mbpp/2"]


def test_a_solved_program_stands_beside_those_that_were_not_and_no_docstring_repeats_the_question(tmp_path: Path) -> None:
    programs = [program(1, "return n * 2", True), program(1, "return n * n", False), program(1, "return n", False)]
    (draft,) = PROGRAMS.read(write(tmp_path, [problem(1)], programs), 0, 10)
    assert draft.chosen == "def double(n):\n    return n * 2\n"
    assert draft.rejected == ("def double(n):\n    return n * n\n", "def double(n):\n    return n\n")


def test_where_no_model_solved_it_the_layout_of_the_right_program_tells_nothing(tmp_path: Path) -> None:
    (draft,) = PROGRAMS.read(write(tmp_path, [problem(1)], [program(1, "return n", False)]), 0, 10)
    assert draft.chosen == "def double(n):\n    return n + n\n"


def test_both_sources_put_a_problem_in_one_group(tmp_path: Path) -> None:
    root = write(tmp_path, [problem(1)], [program(1, "return n * 2", True)])
    assert {draft.group for source in SOURCES for draft in source.read(root, 0, 10)} == {"mbpp/1"}


def test_tests_that_are_no_list_are_named_with_their_line(tmp_path: Path) -> None:
    root = write(tmp_path, [problem(1), problem(2, test_list="assert double(2) == 4")])
    with pytest.raises(DataError, match=r"mbpp.jsonl.gz, line 2: field 'test_list' must be a list of texts"):
        list(PROBLEMS.read(root, 0, 10))
