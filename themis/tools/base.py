"""A tool is a typed function with a docstring. Its signature gives the JSON schema and the way to read its argument.

An argument is text: TARA's comma form (`2015-03-24, 12`) or a JSON object. The schema alone says how to read it, so
tools without a Python signature (MCP) are read the same way. `dates` reads dates in other forms than `2015-03-24`.

Knows nothing of running tools (deadlines, memory, recordings: `toolbox`) or of any tool in particular.
"""

import inspect
import json
import math
import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Generic, ParamSpec, TypeAlias, Union, get_args, get_origin, get_type_hints

from themis.errors import ToolError
from themis.tools.numbers import number
from themis.traces import Case

P = ParamSpec("P")

_SCHEMAS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    date: {"type": "string", "format": "date"},
}
_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date such as 2004-05-03",
}
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_YEAR = re.compile(r"\s*\d{4}\s*")
_DAY_AND_MONTH = re.compile(r"(?=.*[^\W\d_])\D*\d{1,2}\D*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class InText:
    """What a tool finds of its parameters in running text."""

    arguments: dict[str, Any]
    verdict: Callable[[str], str] = lambda observation: ""
    """Whether what the text claims is right, by the observation; empty where it claims nothing."""


@dataclass(frozen=True, slots=True)
class Tool(Generic[P]):
    """A tool as the judge, the toolbox and an MCP client see it. Calling it calls its function."""

    name: str
    description: str
    schema: dict[str, Any]
    """JSON schema of the arguments. The comma form follows the order of its properties."""
    function: Callable[P, str]
    wants_case: bool = False
    """The function takes the case under judgement as `case`."""
    deadline: float = 10.0
    """Seconds."""
    output_cap: int = 2_000
    """Characters of an observation, before it is cut off."""
    changes: bool = False
    """Whether an equal call may give another result tomorrow. Then recordings answer it only in a replay."""
    plugin: str = ""
    """The package that brought the tool; empty for our own."""
    in_text: Callable[[str], InText | None] | None = None
    """Reads an argument that is running text, once the ordinary reading led to an error. None where it is in doubt."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> str:
        return self.function(*args, **kwargs)


AnyTool: TypeAlias = Tool[...]


def tool(
    name: str,
    *,
    deadline: float = 10.0,
    output_cap: int = 2_000,
    changes: bool = False,
    in_text: Callable[[str], InText | None] | None = None,
) -> Callable[[Callable[P, str]], Tool[P]]:
    """Turns a typed function with a docstring into a tool. A parameter `case: Case | None` gets the judged case."""

    def decorate(function: Callable[P, str]) -> Tool[P]:
        description = inspect.getdoc(function)
        if not description:
            raise TypeError(f"the tool {name} needs a docstring: the judge reads it")
        hints = get_type_hints(function)
        parameters = inspect.signature(function).parameters
        wants_case = "case" in parameters and hints["case"] == Case | None
        named = [parameter for parameter in parameters.values() if not (wants_case and parameter.name == "case")]
        schema = _object_schema(name, hints, named)
        return Tool(name, description, schema, function, wants_case, deadline, output_cap, changes, in_text=in_text)

    return decorate


def read_argument(schema: dict[str, Any], text: str) -> dict[str, Any]:
    """The keyword arguments in an argument text. A `ToolError` says what was expected and what was found."""
    text = text.strip().strip("\u200b\u2060\ufeff").strip()
    given = _json_object(text)
    if given is None:
        given = _comma_form(schema, text)
    properties = schema.get("properties", {})
    for name in given:
        if name not in properties and schema.get("additionalProperties") is not True:
            raise ToolError(f"expected {_expectation(schema)}, found an argument named '{_shown(name)}'")
    for name in schema.get("required", []):
        if name not in given:
            raise ToolError(f"expected {_expectation(schema)}, found no {name} in '{_shown(text)}'")
    return {name: _converted(name, properties.get(name, {}), value) for name, value in given.items()}


def running_text(schema: dict[str, Any], text: str) -> str | None:
    """What of an argument may be running text: itself, or the only value of a JSON object."""
    given = _json_object(text.strip())
    if given is None:
        return text
    name, value = next(iter(given.items()), ("", None))
    return value if len(given) == 1 and name in schema.get("properties", {}) and isinstance(value, str) else None


def normalised(arguments: dict[str, Any]) -> str:
    """One text for equal arguments, however they were written: the key of memory and recordings."""
    return json.dumps(arguments, sort_keys=True, ensure_ascii=False, default=date.isoformat)


def _object_schema(name: str, hints: dict[str, Any], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    properties = {parameter.name: _property(name, parameter, hints.get(parameter.name)) for parameter in parameters}
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _property(tool_name: str, parameter: inspect.Parameter, hint: Any) -> dict[str, Any]:
    kinds = [hint]
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    if len(kinds) != 1 or kinds[0] not in _SCHEMAS:
        known = "str, int, float, bool, date, or one of them or None"
        raise TypeError(f"the tool {tool_name} has the parameter {parameter.name}: {hint}; expected {known}")
    schema = dict(_SCHEMAS[kinds[0]])
    if kinds[0] is not hint:
        schema["type"] = [schema["type"], "null"]
    if parameter.default is not parameter.empty:
        schema["default"] = parameter.default.isoformat() if isinstance(parameter.default, date) else parameter.default
    return schema


def _json_object(text: str) -> dict[str, Any] | None:
    """None where the text is in the comma form. A text in braces need not be JSON."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _comma_form(schema: dict[str, Any], text: str) -> dict[str, Any]:
    """The required parameters in order, or the first one where none is required.

    Surplus commas belong to the last text (`Washington, D.C., 2024-05-03`). Without a text, surplus values go to the
    parameters that have a default. A comma within a date separates nothing.
    """
    properties: dict[str, Any] = schema.get("properties", {})
    names: list[str] = schema.get("required") or list(properties)[:1]
    pieces = text.split(",") if text else []
    if len(pieces) < len(names):
        pieces = re.split("[,，、،]", text) if text else []
    if len(names) < len(pieces) < 20:
        pieces = _joined(pieces, [_kind(kind) for kind in properties.values()])
    texts = [at for at, name in enumerate(names) if _kind(properties[name]) == "string"]
    if texts and len(pieces) > len(names):
        rest = slice(texts[-1], texts[-1] + 1 + len(pieces) - len(names))
        pieces[rest] = [",".join(pieces[rest])]
    names = [*names, *(name for name in properties if name not in names)]
    if len(pieces) > len(names):
        raise ToolError(f"expected {_expectation(schema)}, found more: '{_shown(text)}'")
    return dict(zip(names, (piece.strip() for piece in pieces), strict=False))


def _joined(pieces: list[str], kinds: list[str]) -> list[str]:
    """Joins what commas part within a date (`Tue, March 24, 2015`) or number. No parameter loses its own weekday."""
    if set(kinds) <= {"string", "boolean"}:
        return pieces
    if kinds == ["date"]:
        return [",".join(pieces)]
    from themis.tools.dates import WEEK_DAYS, is_beside_day

    has_words = not set(kinds) <= {"date", "integer", "number"}
    joined: list[str] = []
    for piece in pieces:
        before = joined[-1] if joined else ""
        if re.search(r"\d", before):
            is_year = _YEAR.fullmatch(piece) is not None and _DAY_AND_MONTH.fullmatch(before) is not None
            is_one = is_year or is_beside_day(piece, with_words=kinds[-1] != "string")
        else:
            is_date = re.search(r"\d", piece) is not None and before.strip() in WEEK_DAYS
            is_one = before.strip() != "" and (not has_words or is_date)
        is_group = {"integer", "number"} & set(kinds) and piece[:1].isdecimal() and number(f"{before},{piece}") is not None
        if is_group or ("date" in kinds and is_one):
            joined[-1] = f"{before},{piece}"
        else:
            joined.append(piece)
    return joined


def _converted(name: str, schema: dict[str, Any], value: Any) -> Any:
    kind = _kind(schema)
    if value is None and "null" in schema.get("type", ()):
        return None
    if kind not in _CONVERTERS:
        return value
    found = _CONVERTERS[kind](value.strip() if isinstance(value, str) else value)
    if found is None:
        raise ToolError(f"expected {_WORDS[kind]} for {name}, found '{_shown(value)}'{_why_no_date(value) if kind == 'date' else ''}")
    return found


def _kind(schema: dict[str, Any]) -> str:
    if schema.get("format") == "date":
        return "date"
    kinds = schema.get("type", "")
    return kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole_number(value: Any) -> int | None:
    found = _exact(value)
    return int(found) if found is not None and found.denominator == 1 and abs(found) < 10**18 else None


def _number(value: Any) -> float | int | None:
    """A float, or a whole number that no float can hold."""
    found = _exact(value)
    if found is None or abs(found) > sys.float_info.max:
        return None
    return float(found) if found.denominator != 1 or float(found) == found else int(found)


def _exact(value: Any) -> Fraction | None:
    if isinstance(value, str):
        return number(_unquoted(value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Fraction(value) if is_number and (isinstance(value, int) or math.isfinite(value)) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else _BOOLEANS.get(_unquoted(value).lower()) if isinstance(value, str) else None


def _day(value: Any) -> date | None:
    text = _unquoted(value.strip()) if isinstance(value, str) else ""
    if match := _DATE.fullmatch(text):
        try:
            return date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            return None
    from themis.tools.dates import day_of  # imported only for dates in other forms

    return day_of(text)


def _why_no_date(value: Any) -> str:
    from themis.tools.dates import why_no_day

    return why_no_day(_unquoted(value.strip())) if isinstance(value, str) else ""


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "integer": _whole_number,
    "number": _number,
    "boolean": _boolean,
    "date": _day,
}


def _unquoted(text: str) -> str:
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _expectation(schema: dict[str, Any]) -> str:
    described = []
    for name, kind in schema.get("properties", {}).items():
        words = f"{name} ({_WORDS.get(_kind(kind), _kind(kind) or 'a value')})"
        described.append(words if name in schema.get("required", []) else f"optionally {words}")
    return ", ".join(described) or ("a JSON object" if schema.get("additionalProperties") is True else "no argument")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
