"""vLLM's server of a reward model: `/classify`, `/pooling`, `/score` and `/rerank`, with its errors and its counts.

`use_activation` is on unless it is false, as there. With it, a value is the calibrated probability of the verdict: the
sigmoid of the reward on the judge's own scale. Of a judge without a scale it is the plain sigmoid. Without it, a value
is the reward. The model's name is not compared: one judge is served.

`/classify` and `/pooling` take messages, whose last is judged, or a text that the template splits that the operator
names. `/score` and `/rerank` take questions as queries, and answers as documents.

Source: `vllm/entrypoints/pooling` of vLLM 0.33; `verl/experimental/reward_loop` of verl 0.10 for who asks.
"""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from starlette.responses import Response

from themis.errors import DataError
from themis.files import json_kind, text_field
from themis.serve.dialects.calls import BODY, add_call, split_case, texts_of
from themis.serve.refusal import JsonAnswer, Refusal
from themis.serve.serving import Serving, likelihood
from themis.traces import Case, Verdict
from themis.traces.case import messages_of
from themis.traces.one_text import Marks

LABEL = "LABEL_0"
"""Of the one class that a reward model has in transformers."""
SIDES = (("queries", "documents"), ("queries", "items"), ("data_1", "data_2"), ("text_1", "text_2"))
"""The names that vLLM has for what `/score` compares."""


def add_routes(app: FastAPI, serving: Serving) -> None:
    """`/classify`, `/pooling`, `/score` and `/rerank`, the last two below `/v1`, too."""

    async def judged(body: dict[str, Any], cases: Sequence[Case]) -> tuple[list[float], dict[str, Any]]:
        """The values, and the usage."""
        activation = _activation(body)
        verdicts = await serving.judge(cases)
        numbers = serving.numbers(verdicts)
        if activation:
            numbers = [likelihood(verdict, number) for verdict, number in zip(verdicts, numbers, strict=True)]
        return numbers, _usage(verdicts)

    def listed(kind: str, data: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
        head = {"id": f"{kind}-{uuid4().hex}", "object": "list", "created": int(time.time()), "model": serving.options.model}
        return {**head, "data": data, "usage": usage}

    async def classify(body: dict[str, Any], query: Mapping[str, str]) -> Any:
        values, usage = await judged(body, _cases(body, serving.options.marks))
        data = [{"index": place, "label": LABEL, "probs": [value], "num_classes": 1} for place, value in enumerate(values)]
        return listed("classify", data, usage)

    async def pooling(body: dict[str, Any], query: Mapping[str, str]) -> Any:
        for name, only in (("task", "classify"), ("encoding_format", "float")):
            if body.get(name) not in (None, only):
                raise DataError(f"{BODY}: field '{name}' can only be '{only}' here")
        values, usage = await judged(body, _cases(body, serving.options.marks))
        return listed("pool", [{"index": place, "object": "pooling", "data": [value]} for place, value in enumerate(values)], usage)

    async def score(body: dict[str, Any], query: Mapping[str, str]) -> Any:
        values, usage = await judged(body, _pairs(body))
        return listed("score", [{"index": place, "object": "score", "score": value} for place, value in enumerate(values)], usage)

    async def rerank(body: dict[str, Any], query: Mapping[str, str]) -> Any:
        question, documents, most = text_field(body, "query", BODY), texts_of(body, "documents"), _most(body)
        values, usage = await judged(body, [Case(question, document) for document in documents])
        best = sorted(range(len(values)), key=lambda place: -values[place])[: most or None]
        results = [{"index": at, "document": {"text": documents[at]}, "relevance_score": values[at]} for at in best]
        counts = {name: usage[name] for name in ("prompt_tokens", "total_tokens")}
        return {"id": f"rerank-{uuid4().hex}", "model": serving.options.model, "usage": counts, "results": results}

    add_call(app, serving, ["/classify"], classify, vllm_form)
    add_call(app, serving, ["/pooling"], pooling, vllm_form)
    add_call(app, serving, ["/score", "/v1/score"], score, vllm_form)
    add_call(app, serving, ["/rerank", "/v1/rerank"], rerank, vllm_form)


def vllm_form(refusal: Refusal) -> Response:
    """A body of another form is 400 there, and every error has its code."""
    status = 400 if refusal.status == 422 else refusal.status
    kinds = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}
    kind = kinds.get(status, HTTPStatus(status).phrase)
    return JsonAnswer({"error": {"message": refusal.sentence, "type": kind, "param": None, "code": status}}, status, refusal.headers)


def _usage(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """What was read, with the observations, and what was written."""
    read = sum(verdict.usage.read_tokens for verdict in verdicts)
    new = sum(verdict.usage.new_tokens for verdict in verdicts)
    return {"prompt_tokens": read, "total_tokens": read + new, "completion_tokens": new, "prompt_tokens_details": None}


def _activation(body: Mapping[str, Any]) -> bool:
    value = body.get("use_activation")
    if not isinstance(value, bool | None):
        raise DataError(f"{BODY}: field 'use_activation' must be true, false or null, found {json_kind(value)}")
    return value is not False


def _most(body: Mapping[str, Any]) -> int:
    """How many results are wanted; 0 for all."""
    value = body.get("top_n", 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise DataError(f"{BODY}: field 'top_n' must be a whole number, found {json_kind(value)}")
    return max(0, value)


def _cases(body: Mapping[str, Any], marks: Marks | None) -> list[Case]:
    """The cases of `messages` or `input`. Raises `DataError` that names the field."""
    if (body.get("messages") is None) == (body.get("input") is None):
        raise DataError(f"{BODY}: give one of the fields 'messages' and 'input'")
    if body.get("messages") is not None:
        turns = messages_of(body["messages"], "messages", BODY)
        if len(turns) < 2 or turns[-1]["role"] != "assistant":
            raise DataError(f"{BODY}: field 'messages' must hold a question, and at last the assistant's turn, which is judged")
        return [Case(turns[:-1], turns[-1]["content"])]
    first = body["input"][0] if isinstance(body["input"], list) and body["input"] else None
    if isinstance(first, int | list):
        raise DataError(f"{BODY}: field 'input' holds token ids: send text, as a judge has tokens of its own")
    inputs = texts_of(body, "input")
    return [split_case(text, None, marks, f"input[{place}]") for place, text in enumerate(inputs)]


def _pairs(body: Mapping[str, Any]) -> list[Case]:
    """One query for every document, or one for each. Raises `DataError` that names the fields."""
    sides = next((names for names in SIDES if all(name in body for name in names)), SIDES[0])
    queries, documents = (texts_of(body, name) for name in sides)
    for place, query in enumerate(queries):
        if not query.strip():
            raise DataError(f"{BODY}: field '{sides[0]}[{place}]' is empty")
    if len(queries) not in (1, len(documents)):
        counts = f"found {len(queries)} and {len(documents)}"
        raise DataError(f"{BODY}: fields '{sides[0]}' and '{sides[1]}' must hold 1 and N texts, or N and N: {counts}")
    asked = queries * len(documents) if len(queries) == 1 else queries
    return [Case(question, document) for question, document in zip(asked, documents, strict=True)]
