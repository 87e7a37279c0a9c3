"""The runs of a report: results of evaluations, tables of flips, logs of training. The files are untrusted."""

import json
import types
import typing
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal, cast

from themis.errors import DataError
from themis.evaluation.counterfactual import CounterfactualResult
from themis.evaluation.results import Result

Kind = Literal["evaluation", "flips", "training"]
_FORMS: dict[Kind, Any] = {"evaluation": Result, "flips": CounterfactualResult, "training": list[dict[str, Any]]}
_NO_RUN = "is not a run: give the JSON of `themis eval ... --out`, or the directory of a training run with its log.json"
_OLDER = "was written by another version of Themis: run its command again; cached verdicts are not judged again"


@dataclass(frozen=True, slots=True)
class Run:
    """One of the runs of a report."""

    name: str
    kind: Kind
    content: Any
    """A `Result`, a table of flips, or the list of a training log."""
    meta: dict[str, Any]
    """The `themis.json` of a training run."""

    @property
    def result(self) -> Result:
        assert self.kind == "evaluation"
        return cast(Result, self.content)


def read_run(path: Path) -> Run:
    """The run in a file or a directory; raises `DataError`."""
    file = path / "log.json" if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"{path} {_NO_RUN}")
    content = _json(file)
    name = path.resolve().name if path.name != "log.json" else path.resolve().parent.name
    if not content:
        raise DataError(f"{path} is an empty log or result, so there is nothing to report: give another")
    kind = next((kind for kind, form in _FORMS.items() if has_form(content, form)), None)
    if kind is None:
        raise DataError(f"{path} {_OLDER if _is_older(content) else _NO_RUN}")
    beside = file.parent / "themis.json"
    meta = _json(beside) if kind == "training" and beside.is_file() else {}
    return Run(name.removesuffix(".json"), kind, content, meta if isinstance(meta, dict) else {})


def has_form(value: Any, form: Any) -> bool:
    """Does a decoded JSON value have a type of TypedDicts, lists, tuples, dicts, unions and plain types?"""
    origin, inner = typing.get_origin(form), typing.get_args(form)
    if form is Any:
        return True
    if typing.is_typeddict(form):
        hints = typing.get_type_hints(form)
        return isinstance(value, dict) and all(name in value and has_form(value[name], hint) for name, hint in hints.items())
    if origin in (types.UnionType, typing.Union):
        return any(has_form(value, option) for option in inner)
    if origin is list:
        return isinstance(value, list) and all(has_form(each, inner[0]) for each in value)
    if origin is tuple:
        return isinstance(value, list) and len(value) == len(inner) and all(map(has_form, value, inner))
    if origin is dict:
        return isinstance(value, dict) and all(has_form(each, inner[1]) for each in value.values())
    if form is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
    return isinstance(value, form) and (form is bool or not isinstance(value, bool))


def _is_older(content: Any) -> bool:
    """Is it a result that lacks a figure of this version?"""
    if not isinstance(content, dict) or not isinstance(content.get("tasks"), dict):
        return False
    rows = [row for row in content["tasks"].values() if isinstance(row, dict)]
    return "averages" in content and any({"empty", "call_agreement"} - row.keys() for row in rows)


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is not valid JSON, and so not a run") from error
