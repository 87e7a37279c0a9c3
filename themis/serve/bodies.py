"""The body of a request as a pydantic model: read, described for OpenAPI, and refused with each field that is wrong.

Knows nothing of judging. A protocol says an `InvalidBody` in its own form.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from themis.files import json_kind
from themis.serve.native import json_body
from themis.serve.openapi import described_post
from themis.serve.refusal import Refusal

MOST_PROBLEMS = 8
"""So many are named; a hostile body has thousands."""
MOST_LEVELS = 64
"""Of lists and objects inside each other."""


class Form(BaseModel):
    """A part of a body. Nothing is converted: the text "2" is not a number. Fields of other names are left alone."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field."""

    path: tuple[str | int, ...]
    message: str
    kind: str = "value_error"

    @property
    def field(self) -> str:
        """As `questions[0].choices`."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).lstrip(".")


class InvalidBody(Refusal):
    """A body of another form."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(422, f"{first.field}: {first.message}" if first.path else first.message)
        self.problems = list(problems)


Read = TypeVar("Read", bound=Form)


async def read_body(request: Request, form: type[Read], tags: frozenset[str] = frozenset()) -> Read:
    """The body. `tags` name alternatives of a form, not fields: no path has them. Raises `Refusal`."""
    coding = request.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise Refusal(415, f"the body is compressed ({coding}): send it without compression")
    body = json_body(await request.body())
    if not isinstance(body, dict):
        raise InvalidBody([Problem((), f"the body: expected a JSON object, found {json_kind(body)}")])
    _check_values(body)
    try:
        return form.model_validate(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[:MOST_PROBLEMS]
        raise InvalidBody([Problem(_path(each["loc"], tags), _sentence(each["msg"]), each["type"]) for each in found]) from error


def _check_values(body: Any) -> None:
    """Refuse what Python reads as JSON, and no client could read in an answer."""
    level, depth = [body], 0
    while level := [inner for value in level for inner in _inside(value)]:
        depth += 1
        if depth > MOST_LEVELS:
            raise InvalidBody([Problem((), f"the body: lists and objects may be {MOST_LEVELS} levels deep")])
    try:
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidBody([Problem((), "the body holds half a character (a lone surrogate)")]) from error
    except ValueError as error:
        raise InvalidBody([Problem((), "the body holds NaN or Infinity, which is not JSON")]) from error


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _path(found: Sequence[str | int], tags: frozenset[str]) -> tuple[str | int, ...]:
    return tuple(part for part in found if part not in tags)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def described(summary: str, form: type[Form], call: Mapping[str, Any]) -> dict[str, Any]:
    """A route for OpenAPI. `call` has `examples` of the body and an `example` of the answer."""
    request = {"schema": _inlined(form.model_json_schema()), "examples": call["examples"]}
    return described_post(summary, request, {"example": call["example"]}, call["refused"])


def _inlined(schema: Any, definitions: Mapping[str, Any] | None = None) -> Any:
    """Without references: they would count from the root of the whole description. No form contains itself."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    known = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        return _inlined(known[schema["$ref"].rpartition("/")[2]], known)
    return {name: _inlined(part, known) for name, part in schema.items() if name not in ("$defs", "discriminator")}
