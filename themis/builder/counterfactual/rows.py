"""Counterfactual pairs: one question and one answer in two worlds, right in one and wrong in the other.

In the right world the tools confirm the answer. In the wrong world they say something else in the same form: the
weather of another day, another today, a passage with another name, the translation of another question, other tests.
A judge that reads its observations rewards the answer more in the right world. A judge that has memorised facts, or
that judges by surface cues, cannot tell the worlds apart.

Knows nothing of how pairs are made (`Task.counterfactual`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from themis.errors import DataError
from themis.files import STREAM, checked_text, json_lines
from themis.traces import Case, case_from_json


@dataclass(frozen=True, slots=True)
class World:
    """What the tools say in one half of a pair, as far as it differs from the other half."""

    observations: tuple[tuple[str, str], ...] = ()
    """Tool and text, in the order of the calls; the k-th call of a tool gets its k-th text, however it is worded."""
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """An answer, and the two worlds in which it is right and wrong."""

    task: str
    case: Case
    """Without tests, which belong to the worlds."""
    right: World
    wrong: World

    def to_json(self) -> dict[str, Any]:
        """The row of a file."""
        row: dict[str, Any] = {"id": self.case.id, "task": self.task, "question": self.case.question_text, "answer": self.case.answer}
        if self.case.context is not None:
            row["context"] = self.case.context
        return row | {"worlds": {"right": _world_to_json(self.right), "wrong": _world_to_json(self.wrong)}}


MakeCounterfactuals: TypeAlias = Callable[[Path, int, frozenset[str]], Iterator[Counterfactual]]
"""Makes counterfactual pairs from the data folder, a seed, and the hashes of held-out and dev questions."""


def read_counterfactuals(file: Path) -> list[Counterfactual]:
    """The rows of a file; raises `DataError` that names file, line and field."""
    if file != STREAM and not file.is_file():
        raise DataError(f"{file} cannot be read: there is no such file; make one with `themis build counterfactual --out {file}`")
    rows = [_row(row, f"{file}, line {number}") for number, row in json_lines(file)]
    ids = [row.case.id for row in rows]
    if len(set(ids)) < len(ids) or not all(ids):
        raise DataError(f"{file}: field 'id' must be different in each row")
    if not rows:
        raise DataError(f"{file} holds no rows; make them with `themis build counterfactual --out {file}`")
    return rows


def _world_to_json(world: World) -> dict[str, Any]:
    return {"observations": [{"tool": tool, "text": text} for tool, text in world.observations], "tests": list(world.tests)}


def _row(row: dict[str, Any], where: str) -> Counterfactual:
    case = case_from_json(row, where)
    task = checked_text(row.get("task"), "task", where)
    worlds = row.get("worlds")
    if not isinstance(worlds, dict):
        raise DataError(f"{where}: field 'worlds' must be an object with 'right' and 'wrong'")
    return Counterfactual(task, case, *(_world(worlds.get(name), f"worlds.{name}", where) for name in ("right", "wrong")))


def _world(row: Any, name: str, where: str) -> World:
    if not isinstance(row, dict):
        raise DataError(f"{where}: field '{name}' must be an object with 'observations' and 'tests'")
    observations, tests = row.get("observations", []), row.get("tests", [])
    if not isinstance(observations, list) or not all(isinstance(each, dict) for each in observations):
        raise DataError(f"{where}: field '{name}.observations' must be a list of objects with 'tool' and 'text'")
    if not isinstance(tests, list):
        raise DataError(f"{where}: field '{name}.tests' must be a list of texts")
    said = [tuple(checked_text(each.get(key), f"{name}.observations.{key}", where) for key in ("tool", "text")) for each in observations]
    return World(tuple((tool, text) for tool, text in said), tuple(checked_text(test, f"{name}.tests", where) for test in tests))
