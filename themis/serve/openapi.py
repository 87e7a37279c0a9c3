"""How a call with a JSON body is described for OpenAPI."""

from collections.abc import Mapping, Sequence
from typing import Any

from themis.serve.refusal import JsonAnswer


def described_post(
    summary: str, request: Mapping[str, Any], reply: Mapping[str, Any], refused: Mapping[int, str], parameters: Sequence[Any] = ()
) -> dict[str, Any]:
    """The keywords of a route. `request` and `reply` have a schema and examples; `refused` explains each status."""
    extra: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": request}}}
    if parameters:
        extra["parameters"] = parameters
    return {
        "summary": summary,
        "openapi_extra": extra,
        "response_class": JsonAnswer,
        "responses": {200: {"content": {"application/json": reply}}, **{code: {"description": text} for code, text in refused.items()}},
    }
