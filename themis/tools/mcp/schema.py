"""What a stranger's server says of its tools, made harmless: names, descriptions, schemas.

A server may say anything. What a judge reads of it is cut, free of control characters, and cannot open a special
token. The schema that the judge reads is rebuilt from the parts we know. The schema that arguments are checked against
cannot fetch anything, run a regular expression (a bad one never ends), or recurse for ever.

Knows nothing of connections. The server checks its arguments as well: it catches what is left out here.
"""

import json
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from themis.errors import ToolError

DESCRIPTION_CAP = 1_000
PROPERTY_CAP = 300
"""Characters of the description of one argument."""
SCHEMA_CAP = 50_000
"""Characters of a schema as JSON. A tool with a longer one is left out."""
MAX_PROPERTIES = 64
MAX_DEPTH = 4
MAX_REFERENCES = 2_000
"""References that may be followed to check one set of arguments."""

_TOOL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,63}")
_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.$-]{1,64}")
_OPENING = re.compile(r"<(?=[^\s\d=])|\[(?=/?[A-Z_]{2,}\])")
"""What may open a special token of some model: `<|im_start|>`, `</s>`, `<<SYS>>`, `[INST]`."""
_TYPES = ("string", "integer", "number", "boolean", "object", "array")
_BY_NAME = ("properties", "$defs", "definitions", "dependentSchemas")
"""Keywords whose keys are names, not keywords."""
_VALUES = ("enum", "const", "default", "examples", "required")
"""Keywords that hold no schema."""


class UnusableToolError(ValueError):
    """A tool that cannot be offered, with the reason."""


def harmless(text: str, cap: int) -> str:
    """The text on one line, cut, without control characters and openings of special tokens."""
    seen = "".join(" " if letter.isspace() else letter for letter in text[: 4 * cap] if letter.isspace() or _is_plain(letter))
    line = _OPENING.sub(lambda found: f"{found[0]} ", " ".join(seen.split()))
    return line if len(line) <= cap else f"{line[: cap - 3]}..."


def checked_name(name: str) -> str:
    """A tool's name; raises `UnusableToolError` if it has characters that names may not have."""
    if not _TOOL_NAME.fullmatch(name):
        raise UnusableToolError(f"its name {harmless(ascii(name), 70)} is not up to 64 letters, digits and _ . / -")
    return name


def shown_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema that the judge reads, and that reads its argument; raises `UnusableToolError`."""
    try:
        if len(json.dumps(schema)) > SCHEMA_CAP:
            raise UnusableToolError(f"its schema is longer than {SCHEMA_CAP} characters")
    except RecursionError:
        raise UnusableToolError("its schema is nested too deeply") from None
    return {**_object(schema, schema, 0), "additionalProperties": False}


class ArgumentCheck:
    """Checks arguments against a server's schema; thread-safe."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            bounded = _without_patterns(schema)
            kind = validator_for(bounded, default=Draft202012Validator)
            kind.check_schema(bounded)
        except (SchemaError, RecursionError, Unresolvable) as error:
            raise UnusableToolError(f"its schema is not valid: {harmless(str(error), 120)}") from error
        # An empty registry: a reference to an address is an error, not a request.
        self._validator: Validator = _counting(kind)(bounded, registry=Registry())

    def __call__(self, arguments: dict[str, Any]) -> None:
        """Raises `ToolError` with what is wrong."""
        _followed.count = 0
        try:
            error = next(iter(self._validator.iter_errors(arguments)), None)
        except (Unresolvable, RecursionError, _TooManyReferencesError):
            raise ToolError("the tool's schema cannot be checked: its references do not end or lead nowhere") from None
        if error is not None:
            raise ToolError(_said(error))


class _TooManyReferencesError(Exception):
    pass


_followed = threading.local()


def _counting(kind: type[Validator]) -> type[Validator]:
    """The validator class, counting references: `$ref`s to each other can ask for any amount of work."""

    def counted(keyword: str) -> Any:
        follow = kind.VALIDATORS[keyword]

        def check(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[Any]:
            _followed.count += 1
            if _followed.count > MAX_REFERENCES:
                raise _TooManyReferencesError
            yield from follow(validator, reference, instance, schema) or ()

        return check

    keywords = [keyword for keyword in ("$ref", "$dynamicRef", "$recursiveRef") if keyword in kind.VALIDATORS]
    extended: type[Validator] = extend(kind, {keyword: counted(keyword) for keyword in keywords})  # type: ignore[no-untyped-call]
    return extended


def _without_patterns(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_patterns(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("pattern", "patternProperties") or (key in _OPEN_ENDED and "patternProperties" in schema):
            continue
        if key in _VALUES:
            kept[key] = value
        elif key in _BY_NAME and isinstance(value, Mapping):
            kept[key] = {name: _without_patterns(below) for name, below in value.items()}
        else:
            kept[key] = _without_patterns(value)
    return kept


_OPEN_ENDED = ("additionalProperties", "unevaluatedProperties")


def _object(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping) or len(properties) > MAX_PROPERTIES:
        raise UnusableToolError(f"its schema has no table of properties, or more than {MAX_PROPERTIES}")
    for name in properties:
        if not _PROPERTY_NAME.fullmatch(name):
            raise UnusableToolError(f"its argument {harmless(ascii(name), 70)} has no plain name")
    required = schema.get("required", [])
    needed = [name for name in properties if name in required] if isinstance(required, list) else []
    shown = {name: _property(below, root, depth + 1) for name, below in properties.items()}
    return {"type": "object", "properties": shown, "required": needed}


def _property(schema: Any, root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Type, description, choices and default of one argument, and nothing else."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return {}
    schema, nullable = _resolved(schema, root)
    shown: dict[str, Any] = {}
    kind = schema.get("type")
    kinds = [one for one in (kind if isinstance(kind, list) else [kind]) if isinstance(one, str)]
    nullable = nullable or "null" in kinds
    known = [one for one in kinds if one in _TYPES]
    if known == ["object"]:
        shown = _object(schema, root, depth)
    elif len(known) == 1:
        shown["type"] = [known[0], "null"] if nullable else known[0]
    if known == ["array"]:
        shown["items"] = _property(schema.get("items"), root, depth + 1)
    if isinstance(described := schema.get("description", schema.get("title")), str):
        shown["description"] = harmless(described, PROPERTY_CAP)
    choices = schema.get("enum")
    if isinstance(choices, list) and len(choices) <= 50 and all(map(_is_shown, choices)):
        shown["enum"] = choices
    if _is_shown(schema.get("default")):
        shown["default"] = schema["default"]
    return shown


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The schema behind a reference into the document, or behind "this or null", and whether null is allowed."""
    options = schema.get("anyOf", schema.get("oneOf"))
    nullable = False
    if isinstance(options, list):
        others = [option for option in options if isinstance(option, Mapping) and option.get("type") != "null"]
        nullable = len(others) < len(options)
        if len(others) == 1:
            schema = {**schema, **others[0]}
    reference = schema.get("$ref")
    if isinstance(reference, str) and (match := re.fullmatch(r"#/(\$defs|definitions)/([\w.-]+)", reference)):
        table = root.get(match[1])
        target = table.get(match[2]) if isinstance(table, Mapping) else None
        if isinstance(target, Mapping):
            schema = {**target, **{key: value for key, value in schema.items() if key == "description"}}
    return schema, nullable


def _is_shown(value: Any) -> bool:
    """Whether a value can be shown as it is."""
    if isinstance(value, str):
        return len(value) <= 100 and harmless(value, 100) == value
    return isinstance(value, bool | int | float)


def _is_plain(letter: str) -> bool:
    return unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _said(error: ValidationError) -> str:
    place = ".".join(str(part) for part in error.absolute_path)
    return harmless(f"{place}: {error.message}" if place else error.message, 300)
