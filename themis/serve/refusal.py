"""A request that gets no verdict: why, as its client reads it.

Knows nothing of judging. A dialect says a refusal in its client's own form: `forms` has one for each path.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

KINDS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    421: "wrong_host",
    422: "invalid_request",
    429: "too_many_waiting",
    500: "error_of_the_server",
    503: "unavailable",
}


class Refusal(Exception):
    """One clear sentence, the HTTP status that says whose turn it is, and perhaps when to come again."""

    def __init__(self, status: int, sentence: str, retry_after: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers = {**(headers or {}), **({} if retry_after is None else {"Retry-After": str(retry_after)})}

    def to_json(self) -> dict[str, Any]:
        """The native form."""
        return {"error": {"type": KINDS.get(self.status, "error"), "message": self.sentence}}


Form = Callable[[Refusal], Response]
Forms = dict[str, Form]
"""How refusals are said at each path; at any other, in the native form."""


class JsonAnswer(Response):
    """JSON as we write it into files, too: half a character in what a tool said must not cost the answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def native_form(refusal: Refusal) -> Response:
    """As `/v1/judge` says it."""
    return JsonAnswer(refusal.to_json(), refusal.status, refusal.headers)


def said(refusal: Refusal, path: str, forms: Mapping[str, Form]) -> Response:
    """A refusal as the clients of that path read it."""
    return forms.get(path, native_form)(refusal)
