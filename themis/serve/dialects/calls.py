"""A call of a dialect: how its body is read, its answer sent, its failure said, and all of it described in OpenAPI.

What the dialects share. `calls.yaml` has a summary, a schema and an example for each path; tests hold both together.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from themis.errors import DataError
from themis.files import checked_text, json_kind, texts_field
from themis.phrases import document
from themis.serve.native import json_body
from themis.serve.openapi import described_post
from themis.serve.refusal import Form, JsonAnswer, Refusal
from themis.serve.serving import Serving
from themis.traces import Case, case_from_json
from themis.traces.one_text import Marks, split

BODY = "the body"
Answer = Callable[[dict[str, Any], Mapping[str, str]], Awaitable[Any]]
"""Gets the body and the query, and gives what is sent as JSON. `DataError` is a body of another form."""

_CALLS: Mapping[str, Any] = document(__package__, "calls.yaml")


def add_call(app: FastAPI, serving: Serving, paths: Sequence[str], answer: Answer, form: Form) -> None:
    """Answer the same call at each path; refusals are said in `form`. `calls.yaml` describes the first path."""

    async def call(request: Request) -> Response:
        try:
            body = json_body(await request.body())
            if not isinstance(body, dict):
                raise DataError(f"{BODY}: expected a JSON object, found {json_kind(body)}")
            return JsonAnswer(await answer(body, request.query_params))
        except DataError as error:
            raise Refusal(422, str(error)) from error

    for path in paths:
        serving.forms[path] = form
        app.post(path, **_described(_CALLS[paths[0]]))(call)


def detail_form(refusal: Refusal) -> Response:
    """FastAPI's own form, which OpenRLHF's, LLaMA-Factory's and NeMo-Gym's servers have."""
    return JsonAnswer({"detail": refusal.sentence}, refusal.status, refusal.headers)


def _described(call: Mapping[str, Any]) -> dict[str, Any]:
    request = {"schema": call["request"], "examples": call["examples"]}
    reply = {"schema": call["reply"], "example": call["example"]}
    return described_post(call["summary"], request, reply, _CALLS["refused"], call.get("query", ()))


# --- what bodies hold --------------------------------------------------------------------------------


def texts_of(body: Mapping[str, Any], name: str) -> list[str]:
    """The texts of a field that holds one text, or a list of them. Raises `DataError` that names the field."""
    value = body.get(name)
    if value == []:
        raise DataError(f"{BODY}: field '{name}' must be text or a list of texts, found an empty list")
    return list(texts_field(body, name, BODY)) if isinstance(value, list) else [checked_text(value, name, BODY)]


def split_case(text: str, prompt: str | None, marks: Marks | None, where: str) -> Case:
    """The case in one text of question and answer. Raises `DataError` where they cannot be told apart."""
    try:
        question, answer = split(text, prompt, marks, where)
    except DataError as error:
        raise DataError(str(error) if marks else f"{error}; the server's option --template names one") from error
    return case_from_json({"question": list(question) if isinstance(question, tuple) else question, "answer": answer}, where)
