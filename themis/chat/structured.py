"""Finds the JSON value in a model's answer, decodes it, and checks it against the schema.

Supports only the part of JSON schema that this package's prompts use. A schema with anything else is a bug.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_KNOWN = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "minItems", "maxItems", "minLength", "maxLength"}
)
_KNOWN_TOO = frozenset({"description", "title"})
"""Keywords without effect on the form."""


class NotOfTheForm(ValueError):
    """The message says what is wrong, for the model to read."""


def decoded(text: str, schema: Mapping[str, Any]) -> Any:
    """The value in a reply. Raises `NotOfTheForm`."""
    value = _found(_THINKING.sub("", text).strip())
    if complaint := misfit(value, schema):
        raise NotOfTheForm(complaint)
    return value


def misfit(value: Any, schema: Mapping[str, Any], where: str = "the answer") -> str:
    """What is wrong with a value; empty if it fits."""
    assert not (unknown := set(schema) - _KNOWN - _KNOWN_TOO), f"no check for {unknown}"
    kind: str = schema["type"]
    if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return f"{where} must be of the type {kind}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} must be one of {', '.join(map(str, schema['enum']))}"
    if kind == "object":
        return _misfit_object(value, schema, where)
    if kind == "array":
        return _misfit_size(value, schema, where, "Items", "entries") or next(
            (wrong for at, item in enumerate(value) if (wrong := misfit(item, schema["items"], f"{where}[{at}]"))), ""
        )
    return _misfit_size(value, schema, where, "Length", "characters") if kind == "string" else ""


def _misfit_object(value: dict[str, Any], schema: Mapping[str, Any], where: str) -> str:
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f"{where} lacks the field '{name}'"
    if schema.get("additionalProperties") is False and (odd := set(value) - set(properties)):
        return f"{where} has the unknown field '{min(odd)[:40]}'"
    fields = ((name, schema) for name, schema in properties.items() if name in value)
    return next((wrong for name, schema in fields if (wrong := misfit(value[name], schema, f"field '{name}'"))), "")


def _misfit_size(value: Any, schema: Mapping[str, Any], where: str, key: str, what: str) -> str:
    least, most = schema.get(f"min{key}", 0), schema.get(f"max{key}")
    if len(value) < least:
        return f"{where} must have {least} {what} or more"
    return f"{where} must have {most} {what} at most" if most is not None and len(value) > most else ""


def _found(text: str) -> Any:
    """The JSON object in a reply, which may be in a code fence or between other words."""
    for candidate in (text, *(match[1] for match in _FENCED.finditer(text))):
        try:
            return _loads(candidate)
        except (ValueError, RecursionError):
            continue
    opening = text.find("{")
    if opening < 0:
        raise NotOfTheForm("the answer holds no JSON object")
    try:
        value, _ = json.JSONDecoder(parse_constant=_no_number).raw_decode(text, opening)
    except (ValueError, RecursionError) as error:
        raise NotOfTheForm(f"the answer is not valid JSON ({str(error)[:100]})") from error
    return _whole(value)


def _loads(text: str) -> Any:
    return _whole(json.loads(text, parse_constant=_no_number))


def _whole(value: Any) -> Any:
    """The value without lone surrogates, which JSON can escape but no UTF-8 file can hold."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(item) for name, item in value.items()}
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not valid JSON")
