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
from urllib.parse import unquote

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
"""References followed while one set of arguments is checked."""
MAX_NESTING, MAX_PARTS = 8, 2_000
"""References and combinations that are followed one in another, and in all, while a schema is laid out."""

_TOOL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,63}")
_PROPERTY_NAME = re.compile(r"[\w.$-]{1,64}")
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
    layout = _Layout(schema)
    flat = layout.flat(schema)
    if (kinds := _kinds(flat)) and "object" not in kinds:
        raise UnusableToolError(f"its schema takes no object, but {harmless(', '.join(kinds), 60)}")
    shown = layout.table(flat, 0)
    is_hidden = set(_properties(flat)) != set(shown["properties"]) & set(_properties(flat))
    without_table = "properties" not in flat and flat.get("additionalProperties") is not False
    return {**shown, "additionalProperties": is_hidden or without_table or _is_open(flat)}


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


class _Layout:
    """Lays the arguments of a schema out as one table: references followed, `allOf` merged, alternatives side by side.

    What it cannot lay out leaves the table open: a JSON object is passed on then, and checked by the full schema.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = MAX_PARTS

    def flat(self, schema: Any, nesting: int = 0) -> dict[str, Any]:
        """A schema with its parts merged into it, its own words first."""
        self._left -= 1
        if not isinstance(schema, Mapping) or nesting > MAX_NESTING or self._left < 0:
            return {} if isinstance(schema, bool) else dict(_OPEN)

        def below(name: str) -> list[dict[str, Any]]:
            parts = schema.get(name)
            return [self.flat(part, nesting + 1) for part in (parts if isinstance(parts, list) else [] if parts is None else [parts])]

        flat = {key: value for key, value in schema.items() if key not in _COMBINING}
        references = [schema[name] for name in ("$ref", "$dynamicRef", "$recursiveRef") if isinstance(schema.get(name), str)]
        for part in (*(self.flat(self._at(reference), nesting + 1) for reference in references), *below("allOf")):
            flat = _merged(flat, part)
        for options in (below("anyOf"), below("oneOf")):
            if options:
                flat = _merged(flat, _either(options))
        dependent = schema.get("dependentSchemas")
        there = [self.flat(part, nesting + 1) for part in dependent.values()] if isinstance(dependent, Mapping) else []
        for part in (*below("then"), *below("else"), *there):
            flat = _merged(flat, {key: value for key, value in part.items() if key in ("properties", "additionalProperties")})
        return flat

    def table(self, flat: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """The arguments that have plain names, as an object."""
        required = flat.get("required")
        needed = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        named = _properties(flat) | {name: {} for name in needed if name not in _properties(flat)}
        names = [name for name in named if _PROPERTY_NAME.fullmatch(name)][:MAX_PROPERTIES]
        shown = {name: self.property(named[name], depth + 1) for name in names}
        return {"type": "object", "properties": shown, "required": [name for name in names if name in needed]}

    def property(self, schema: Any, depth: int) -> dict[str, Any]:
        """Type, description, choices and default of one argument: nothing else is told of it."""
        if depth > MAX_DEPTH:
            return {}
        flat = self.flat(schema)
        shown: dict[str, Any] = {}
        known = [kind for kind in _kinds(flat) if kind in _TYPES]
        if known == ["object"]:
            shown = self.table(flat, depth)
        elif len(known) == 1:
            shown["type"] = [known[0], "null"] if "null" in _kinds(flat) else known[0]
        if known == ["array"]:
            shown["items"] = self.property(flat.get("items"), depth + 1)
        if isinstance(described := flat.get("description", flat.get("title")), str):
            shown["description"] = harmless(described, PROPERTY_CAP)
        choices = _choices(flat)
        if choices and len(choices) <= 50 and all(map(_is_shown, choices)):
            shown["enum"] = choices
        if _is_shown(flat.get("default")):
            shown["default"] = flat["default"]
        return shown

    def _at(self, reference: str) -> Any:
        """What a reference into the document points to; None where it leads elsewhere."""
        if reference != "#" and not reference.startswith("#/"):
            return None
        place: Any = self._root
        for step in unquote(reference).split("/")[1:]:
            place = place.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(place, Mapping) else None
        return place


_COMBINING = ("$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas")
_OPEN: Mapping[str, Any] = {"additionalProperties": True}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What must hold together; where both say something, the first is shown."""
    both = {**other, **one}
    if "properties" in both:
        ours, theirs = _properties(one), _properties(other)
        joined = {name: {"allOf": [ours[name], theirs[name]]} for name in ours if name in theirs}
        both["properties"] = {**ours, **theirs, **joined}
    if "required" in both:
        both["required"] = [name for part in (one, other) if isinstance(part.get("required"), list) for name in part["required"]]
    return {**both, **_OPEN} if _is_open(one) or _is_open(other) else both


def _either(options: list[dict[str, Any]]) -> dict[str, Any]:
    """What alternatives have in common: all their arguments, but needed are only those that each needs."""
    others = [option for option in options if _kinds(option) != ["null"]] or options
    kinds = [_kinds(option) for option in others]
    found: dict[str, Any] = dict(others[0]) if len(others) == 1 else {}
    if len(others) > 1:
        names = list(dict.fromkeys(name for option in others for name in _properties(option)))
        if names:
            found["properties"] = {
                name: {"anyOf": [_properties(each)[name] for each in others if name in _properties(each)]} for name in names
            }
        lists = [each["required"] if isinstance(each.get("required"), list) else [] for each in others]
        found["required"] = [name for name in lists[0] if all(name in each for each in lists)]
        choices = [_choices(option) for option in others]
        found |= {"enum": [value for each in choices for value in each]} if all(choices) else {}
        found |= {"type": kinds[0]} if all(each == kinds[0] for each in kinds) else {}
        found |= _OPEN if any(map(_is_open, others)) else {}
    return {**found, "type": [*kinds[0], "null"]} if len(others) < len(options) and "type" in found else found


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return choices if isinstance(choices, list) else []


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type")
    return [one for one in (kind if isinstance(kind, list) else [kind]) if isinstance(one, str)]


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    return dict(properties) if isinstance(properties, Mapping) else {}


def _is_open(schema: Mapping[str, Any]) -> bool:
    """Does it say that there may be arguments which it does not name?"""
    return schema.get("additionalProperties", False) is not False or "patternProperties" in schema


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
