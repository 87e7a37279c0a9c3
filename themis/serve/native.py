"""`POST /v1/judge`: cases in, whole verdicts out, at once or as their traces grow. And what says how the server is.

A body is read as a row of `themis score --cases` is. Its forms, with an example each, stand in `native.yaml`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from time import time
from typing import Any

from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from themis.errors import DataError
from themis.files import decoded_json, json_kind
from themis.phrases import document
from themis.serve.refusal import JsonAnswer, Refusal
from themis.serve.serving import Asked, Serving
from themis.traces import Case, Step, Verdict, case_from_json

State = Callable[[], str]
"""`ready`, or what the server does instead: `loading`, `ending`."""

_FORMS: Mapping[str, Any] = document(__package__, "native.yaml")
_WHOLE_CASE = ("question", "messages", "answer", "answers", "context", "tests", "id")


def add_routes(app: FastAPI, serving: Serving, state: State) -> None:
    """The native routes."""
    started = int(time())
    name = serving.options.model
    model = {"id": name, "object": "model", "created": started, "owned_by": "themis"}
    since = {"description": "A judge that calls tools.", "release_date": f"{date.fromtimestamp(started)}"}

    def listed(known: Mapping[str, Any]) -> dict[str, Any]:
        """In OpenAI's form and in TypeSafe's."""
        return {"object": "list", "data": [{**model, **known}], "models": [{"name": each, **since} for each in (name, "jev-latest")]}

    @app.post("/v1/judge", summary="Judge one case, several, or several answers to one question", **_described_judge())
    async def judge(request: Request) -> Response:
        stream = flag(request.query_params, "stream")
        cases, deadline = read_cases(json_body(await request.body()))
        if stream:
            return Events(serving.ask(cases, deadline), serving.options.model, len(cases))
        verdicts = await serving.judge(cases, deadline)
        return JsonAnswer({"model": serving.options.model, "verdicts": [verdict.to_json() for verdict in verdicts]})

    @app.get("/v1/models", summary="The model that judges", **_described(listed({"judge": "5c1f0e9a7b3d2468", "tools": ["calculator"]})))
    async def models() -> Response:
        return JsonAnswer(listed(serving.known))

    @app.get("/health", summary="Is the server alive?", **_described({"status": "alive"}))
    async def health() -> Response:
        return JsonAnswer({"status": "alive"})

    @app.get("/ready", summary="Is the model loaded? 503 where not", **_described({"status": "ready"}))
    async def ready() -> Response:
        is_ready = state() == "ready"
        return JsonAnswer({"status": state()}, 200 if is_ready else 503, None if is_ready else {"Retry-After": "1"})

    text = '# TYPE themis_verdicts_total counter\nthemis_verdicts_total{reason="",status="scored"} 1.0\n'
    counters = {"content": {"text/plain": {"example": text}}, "description": "In Prometheus's text form."}

    @app.get("/metrics", summary="Counters for Prometheus", responses={200: counters}, response_class=Response)
    async def metrics() -> Response:
        return Response(serving.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def json_body(raw: bytes) -> Any:
    """What a body holds. Raises `Refusal`."""
    try:
        return decoded_json(raw, "the body")
    except DataError as error:
        raise Refusal(422, str(error)) from error


def read_cases(body: Any) -> tuple[list[Case], float | None]:
    """The cases of a body of any of the three forms, and its deadline. Raises `Refusal` that names the field."""
    try:
        if not isinstance(body, dict):
            raise DataError(f"the body: expected a JSON object, found {json_kind(body)}")
        return [case_from_json(row, where) for where, row in _rows(body)], _deadline(body.get("deadline"))
    except DataError as error:
        raise Refusal(422, str(error)) from error


def _rows(body: dict[str, Any]) -> list[tuple[str, Any]]:
    """Each case as a row, with its place for errors."""
    if "cases" in body:
        if both := next((name for name in _WHOLE_CASE if name in body), None):
            raise DataError(f"the body: field '{both}' stands beside 'cases': give it in each case")
        return [(f"cases[{place}]", row) for place, row in enumerate(_list(body, "cases"))]
    if "answers" in body:
        if "answer" in body:
            raise DataError("the body: field 'answer' stands beside 'answers': give one of the two")
        return [(f"answers[{place}]", {**body, "answer": answer}) for place, answer in enumerate(_list(body, "answers"))]
    return [("the body", body)]


def _list(body: dict[str, Any], name: str) -> list[Any]:
    value = body[name]
    if not isinstance(value, list) or not value:
        raise DataError(f"the body: field '{name}' must be a list, found {'an empty one' if value == [] else json_kind(value)}")
    return value


def _deadline(value: Any) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise DataError(f"the body: field 'deadline' must be a number of seconds, found {json_kind(value)}")
    return None if value is None else float(min(value, 1e9))  # a whole number may be too large for a float


def flag(query: Mapping[str, str], name: str) -> bool:
    """What the query says of `name`: false where it says nothing. Raises `Refusal`."""
    value = query.get(name, "0")
    if value not in ("0", "1", "false", "true"):
        raise Refusal(422, f"the query's '{name}' must be 1 or 0")
    return value in ("1", "true")


class Events(Response):
    """Server-sent events: `step` and `verdict` as they come, at last `done`, or `error` if the log refuses."""

    media_type = "text/event-stream"

    def __init__(self, asked: Asked, model: str, cases: int) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._asked = asked
        self._done = {"model": model, "verdicts": cases}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def write(text: str, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": text.encode("utf-8", "replace"), "more_body": more})

        with self._asked:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                async for place, told in self._asked.told():
                    await write(_event_of(place, told))
            except Refusal as refusal:
                await write(_event("error", refusal.to_json()), more=False)
                return
            await write(_event("done", self._done), more=False)


def _event_of(place: int, told: Step | Verdict | None) -> str:
    if told is None:
        return ": still judging\n\n"
    if isinstance(told, Step):
        return _event("step", {"case": place, "step": asdict(told)})
    return _event("verdict", {"case": place, "verdict": told.to_json()})


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


# --- how the routes are described --------------------------------------------------------------------


def _described(example: Any) -> dict[str, Any]:
    return {"responses": {200: {"content": {"application/json": {"example": example}}}}, "response_class": JsonAnswer}


def _described_judge() -> dict[str, Any]:
    question, fields = _FORMS["question"], _FORMS["fields"]
    shared = {name: fields[name] for name in ("context", "tests", "id")}
    deadline = {"deadline": fields["deadline"]}
    case = _object({"question": question, "answer": fields["answer"]}, shared)
    one = _object(case["properties"], deadline, required=case["required"], title="one case")
    answers = _object({"question": question, "answers": fields["answers"]}, {**shared, **deadline}, title="several answers")
    cases = _object({"cases": {"type": "array", "minItems": 1, "items": case}}, deadline, title="several cases")
    body = {"schema": {"anyOf": [one, answers, cases]}, "examples": _FORMS["requests"]}
    stream = {"name": "stream", "in": "query", "schema": {"enum": [0, 1], "default": 0}, "description": "1: server-sent events."}
    reply = {"schema": _FORMS["reply"], "example": {"model": "nano", "verdicts": [_FORMS["verdict"]]}}
    refused = {"content": {"application/json": {"schema": _FORMS["refusal"]}}}
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": {"application/json": body}}, "parameters": [stream]},
        "response_class": JsonAnswer,
        "responses": {
            200: {"content": {"application/json": reply, "text/event-stream": {"example": _FORMS["stream"]}}},
            **{code: {"description": text, **refused} for code, text in _FORMS["refused"].items()},
        },
    }


def _object(needed: dict[str, Any], optional: dict[str, Any], *, required: list[str] | None = None, title: str = "") -> dict[str, Any]:
    """The schema of an object; all that is `needed` is required."""
    schema = {"type": "object", "required": required or list(needed), "properties": {**needed, **optional}}
    return {"title": title, **schema} if title else schema
