"""`POST /v1/decisions`: OpenAI's typed questions about an input, which may be a trace of tool calls.

A question without a reward is a `refusal`; `x_reason` says why. Calls and outputs in the input are text that somebody
sent. The judge reads them as lines of the question or its context. Its own trace holds nothing of them.

Source: `resources/decisions.py` and its types in `openai` 3.57.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from pydantic import Discriminator, Field, PlainValidator, Tag, WithJsonSchema, model_validator
from starlette.responses import Response

from themis.files import json_kind
from themis.phrases import document
from themis.serve.bodies import Form, InvalidBody, described, read_body
from themis.serve.questions import (
    Judged,
    Question,
    Subject,
    choice_confidence,
    expected_level,
    judged,
    labelled,
    options,
    predicate,
    readable,
    score_confidence,
    tokens_of,
)
from themis.serve.refusal import JsonAnswer, Refusal
from themis.serve.serving import Serving
from themis.traces import Case, Message

PATH = "/v1/decisions"
TAGS = frozenset(("a text", "a list", "a message", "a call", "an output", "predicate", "choice", "score"))
ERROR_TYPES = {401: "authentication_error", 429: "rate_limit_error"}
CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def _content(value: Any) -> str:
    """The text of a content: text, or parts of which each has text or JSON."""
    if not isinstance(value, str | list):
        raise ValueError(f"must be text or a list of parts, found {json_kind(value)}")
    return value if isinstance(value, str) else "\n".join(_part(place, part) for place, part in enumerate(value))


def _part(place: int, part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "input_image":
        raise ValueError(f"part {place} is an image: only text is judged")
    if kind == "input_json" and isinstance(part.get("data"), dict | list):
        return readable(part["data"])
    text = part.get("refusal" if kind == "refusal" else "text") if isinstance(part, dict) else None
    if kind not in ("input_text", "output_text", "refusal") or not isinstance(text, str):
        raise ValueError(f"part {place} must be of type input_text, output_text, refusal or input_json, with what it holds")
    return text


_PARTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]}
Content = Annotated[str, PlainValidator(_content), WithJsonSchema(_PARTS)]
Words = Annotated[str, Field(min_length=1)]


class Turn(Form):
    """What somebody said."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class ToolCall(Form):
    """A call of a tool by whoever is judged. It is text for the judge."""

    type: Literal["function_call", "custom_tool_call"]
    call_id: str
    name: str
    arguments: str = ""
    input: str = ""


class ToolOutput(Form):
    """What came back."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: str
    output: Content


_KINDS = {
    "function_call": "a call",
    "custom_tool_call": "a call",
    "function_call_output": "an output",
    "custom_tool_call_output": "an output",
}


def _tag(value: Any) -> str | None:
    kind = value.get("type", "message") if isinstance(value, dict) else None
    return "a message" if kind == "message" else _KINDS.get(str(kind))


Item = Annotated[
    Annotated[Turn, Tag("a message")] | Annotated[ToolCall, Tag("a call")] | Annotated[ToolOutput, Tag("an output")],
    Discriminator(
        _tag,
        custom_error_type="item",
        custom_error_message="must be a message, or a call of a tool or its output, as its 'type' says",
    ),
]


class Predicate(Form):
    """A statement about the input."""

    type: Literal["predicate"]
    name: str | None = None
    instructions: Content

    @model_validator(mode="after")
    def _asks(self) -> "Predicate":
        if not self.instructions.strip():
            raise ValueError("'instructions' must say what may be true")
        return self


class Option(Form):
    """One of the choices."""

    value: str | bool
    description: str | None = None


class Choice(Form):
    """Which of the choices?"""

    type: Literal["choice"]
    name: str | None = None
    instructions: Content
    choices: Annotated[list[Option], Field(min_length=2, max_length=255)]

    @model_validator(mode="after")
    def _differ(self) -> "Choice":
        if len({(type(each.value), each.value) for each in self.choices}) < len(self.choices):
            raise ValueError("each of 'choices' must have another 'value'")
        return self


class Level(Form):
    """One of the levels."""

    label: str
    description: str | None = None


class Score(Form):
    """Which of the levels? The lowest comes first."""

    type: Literal["score"]
    name: str | None = None
    instructions: Content
    levels: Annotated[list[Level], Field(min_length=2, max_length=255)]


class Body(Form):
    """What is sent."""

    model: Annotated[str, Field(description="Not compared: one judge is served. The answer names it.")]
    input: Annotated[
        Annotated[Words, Tag("a text")] | Annotated[list[Item], Field(min_length=1), Tag("a list")],
        Discriminator(lambda value: "a list" if isinstance(value, list) else "a text"),
    ]
    questions: Annotated[
        list[Annotated[Predicate | Choice | Score, Field(discriminator="type")]],
        Field(min_length=1, max_length=400),
    ]

    @model_validator(mode="after")
    def _outputs_have_calls(self) -> "Body":
        called: set[str] = set()
        for place, item in enumerate(self.input if isinstance(self.input, list) else ()):
            if isinstance(item, ToolCall):
                called.add(item.call_id)
            elif isinstance(item, ToolOutput) and item.call_id not in called:
                raise ValueError(f"input[{place}]: no call before it has this 'call_id'")
        return self


def add_routes(app: FastAPI, serving: Serving) -> None:
    """The route, and how it says refusals."""
    serving.forms[PATH] = refused

    @app.post(PATH, **described("OpenAI's typed questions about an input", Body, document(__package__, "decisions.yaml")["decisions"]))
    async def decisions(request: Request) -> Response:
        body = await read_body(request, Body, TAGS)
        subject = subject_of(body.input)
        told = await judged(serving, [_question(subject, asked) for asked in body.questions])
        answers = [_answer(serving, asked, judgement) for asked, judgement in zip(body.questions, told, strict=True)]
        return JsonAnswer({"model": serving.options.model, "answers": answers, "usage": _usage(told)})


def refused(refusal: Refusal) -> Response:
    """A refusal in OpenAI's form. A body of another form is 400 there."""
    status = 400 if refusal.status == 422 else refusal.status
    kind = ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    field = refusal.problems[0].field if isinstance(refusal, InvalidBody) else None
    error = {"message": refusal.sentence, "type": kind, "param": field or None, "code": CODES.get(status)}
    return JsonAnswer({"error": error}, status, refusal.headers)


# --- from the body to cases --------------------------------------------------------------------------


def subject_of(sent: str | Sequence[Turn | ToolCall | ToolOutput]) -> Subject:
    """What the input says. Items of which the last is the assistant's message hold a question and its answer."""
    if isinstance(sent, str):
        return Subject(sent)
    turns = tuple(_messages(sent))
    whole = Case(turns, "").question_text
    last = sent[-1]
    if len(turns) < 2 or not isinstance(last, Turn) or last.role != "assistant":
        return Subject(whole)
    asked = turns[:-1]
    return Subject(whole, asked[0]["content"] if len(asked) == 1 else asked, turns[-1]["content"])


def _messages(items: Sequence[Turn | ToolCall | ToolOutput]) -> Iterator[Message]:
    names: dict[str, str] = {}
    for item in items:
        if isinstance(item, Turn):
            yield Message(role="system" if item.role == "developer" else item.role, content=item.content)
        elif isinstance(item, ToolCall):
            names[item.call_id] = item.name
            yield Message(role="assistant", content=f"calls {item.name}({item.arguments or item.input})")
        else:
            yield Message(role="tool", content=f"{names[item.call_id]} returned {item.output}")


def _question(subject: Subject, asked: Predicate | Choice | Score) -> Question:
    name = asked.name or ""
    if isinstance(asked, Predicate):
        return predicate(subject, asked.instructions, name=name)
    if isinstance(asked, Choice):
        answers = [labelled(_value(each.value), each.description or "") for each in asked.choices]
    else:
        answers = [labelled(each.label, each.description or "") for each in asked.levels]
    return options(subject, asked.instructions, answers, name)


def _value(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


# --- from verdicts to the answer ---------------------------------------------------------------------


def _answer(serving: Serving, asked: Predicate | Choice | Score, told: Judged) -> Mapping[str, Any]:
    rewards = [verdict.reward for verdict in told.verdicts if verdict.reward is not None]
    if told.missing is not None:
        return {"type": "refusal", "name": asked.name, **told.extras()}
    shares = told.question.probabilities(rewards, serving.service.scale)
    answer: dict[str, Any] = {"type": asked.type, "name": asked.name}
    if isinstance(asked, Predicate):
        answer["probability"] = shares[0]
    elif isinstance(asked, Choice):
        answer["choice"] = asked.choices[shares.index(max(shares))].value
        answer["confidence"] = choice_confidence(shares)
        answer["probabilities"] = [{"value": each.value, "probability": share} for each, share in zip(asked.choices, shares, strict=True)]
    else:
        answer["score"], answer["confidence"] = expected_level(shares), score_confidence(shares)
        told_levels = enumerate(zip(asked.levels, shares, strict=True))
        answer["probabilities"] = [{"value": place, "label": each.label, "probability": share} for place, (each, share) in told_levels]
    return answer | told.extras()


def _usage(told: Sequence[Judged]) -> dict[str, Any]:
    read, written = tokens_of(told)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": written},
        "total_tokens": read + written,
    }
