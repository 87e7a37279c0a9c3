"""`POST /v1/systemone`: typed questions about a state, as TypeSafe's clients, DeepEval and rewardkit ask them.

The protocol has no failure for a single question. Where one has no reward, the whole request is refused: no client
must take a made-up number for a judgement. It gets 413 `max_tokens_exceeded` where the state is too long, 422 where an
answer is empty, and else 503 `no_reward`. With `--missing VALUE` the operator's number is the reward instead.

Source: the conformance kit `jevcompat` 0.1.1, and the schemas of `typesafe-sdk` 0.7.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from pydantic import Field, PlainValidator, WithJsonSchema, model_validator
from starlette.responses import Response

from themis.errors import DataError
from themis.files import json_kind
from themis.phrases import document
from themis.serve.bodies import Form, InvalidBody, Problem, described, read_body
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
from themis.serve.refusal import KINDS, JsonAnswer, Refusal
from themis.serve.serving import Serving
from themis.traces.case import messages_of

PATH = "/v1/systemone"
PAIRS = (("question", "answer"), ("input", "actual_output"))
"""The fields of a state that hold a question and its answer; the second pair is DeepEval's."""
CHATS = ("messages", "turns")
ERROR_TYPES = {401: "authentication_error", 429: "rate_limit_error"}


def _content(value: Any) -> Any:
    if not isinstance(value, str | dict | list):
        raise ValueError(f"must be text, an object or a list, found {json_kind(value)}")
    return value


_ANY_TEXT = {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array"}]}
Content = Annotated[Any, PlainValidator(_content), WithJsonSchema(_ANY_TEXT)]
"""Text, or an object or a list that is read as text."""


class Criteria(Form):
    """What yes and no mean."""

    true: Content | None = None
    false: Content | None = None


class Noul(Form):
    """A yes/no question, or a statement."""

    type: Literal["noul"]
    instructions: Content | None = None
    criteria: Criteria | None = None

    @model_validator(mode="after")
    def _asks(self) -> "Noul":
        criteria = self.criteria or Criteria()
        if not any(readable(each).strip() for each in (self.instructions, criteria.true, criteria.false)):
            raise ValueError("a noul needs 'instructions' or 'criteria'")
        return self


class Choice(Form):
    """Options by their names, each with a description or null."""

    type: Literal["choice"]
    instructions: Content | None = None
    criteria: Annotated[dict[str, Content | None], Field(min_length=2, max_length=255)]


class Score(Form):
    """Descriptions of levels, the lowest first."""

    type: Literal["score"]
    instructions: Content | None = None
    criteria: Annotated[list[Content], Field(min_length=2, max_length=10)]


class Body(Form):
    """What is sent."""

    model: Annotated[str, Field(description="Not compared: one judge is served. The answer names it.")]
    state: Content
    questions: Annotated[dict[str, Annotated[Noul | Choice | Score, Field(discriminator="type")]], Field(min_length=1)]
    assets: Any = Field(None, description="Refused: only text is judged.")

    @model_validator(mode="after")
    def _onlyreadable(self) -> "Body":
        if self.assets:
            raise ValueError("only text is judged: leave 'assets' out")
        return self


def add_routes(app: FastAPI, serving: Serving) -> None:
    """The route, and how it says refusals."""
    serving.forms[PATH] = refused

    @app.post(PATH, **described("Typed questions about a state", Body, document(__package__, "decisions.yaml")["systemone"]))
    async def systemone(request: Request) -> Response:
        body = await read_body(request, Body)
        subject = subject_of(body.state)
        told = await judged(serving, [_question(subject, name, asked) for name, asked in body.questions.items()])
        answers = {
            name: _answer(serving, name, asked, judgement) for (name, asked), judgement in zip(body.questions.items(), told, strict=True)
        }
        read, written = tokens_of(told)
        return JsonAnswer({"model": serving.options.model, "answers": answers, "usage": {"input_tokens": read, "output_tokens": written}})


def refused(refusal: Refusal) -> Response:
    """A refusal in this protocol's form: a list of fields for a body of another form, else a type and a sentence."""
    detail: Any
    if refusal.status == 422:
        problems = refusal.problems if isinstance(refusal, InvalidBody) else [Problem((), refusal.sentence)]
        detail = [{"loc": ["body", *each.path], "msg": each.message, "type": each.kind} for each in problems]
    else:
        kind = refusal.kind if isinstance(refusal, Unanswered) else ERROR_TYPES.get(refusal.status, KINDS.get(refusal.status, "error"))
        detail = {"error_type": kind, "message": refusal.sentence}
    return JsonAnswer({"detail": detail}, refusal.status, refusal.headers)


class Unanswered(Refusal):
    """A question without a reward."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(status, sentence)
        self.kind = kind


# --- from the body to cases --------------------------------------------------------------------------


def subject_of(state: Any) -> Subject:
    """What the state says, and the question and answer that it holds: in the fields of `PAIRS`, or as a chat."""
    whole = readable(state)
    inner = state.get("test_case", state) if isinstance(state, Mapping) else state
    if isinstance(inner, Mapping):
        for question, answer in PAIRS:
            if isinstance(inner.get(question), str) and isinstance(inner.get(answer), str):
                rest = {name: value for name, value in inner.items() if name not in (question, answer)}
                return Subject(whole, inner[question], inner[answer], readable(rest))
    return _chat(whole, state)


def _chat(whole: str, state: Any) -> Subject:
    """Messages of which the last is the assistant's hold an answer."""
    rest: Any = ""
    if isinstance(state, Mapping):
        name = next((name for name in CHATS if name in state), None)
        if name is None:
            return Subject(whole)
        rest, state = {other: value for other, value in state.items() if other != name}, state[name]
    try:
        turns = messages_of(state, "state", "the body")
    except DataError:
        return Subject(whole)
    if len(turns) < 2 or turns[-1]["role"] != "assistant":
        return Subject(whole)
    return Subject(whole, turns[:-1], turns[-1]["content"], readable(rest))


def _question(subject: Subject, name: str, asked: Noul | Choice | Score) -> Question:
    instructions = readable(asked.instructions)
    if isinstance(asked, Noul):
        criteria = asked.criteria or Criteria()
        return predicate(subject, instructions, readable(criteria.true), readable(criteria.false), name)
    if isinstance(asked, Choice):
        return options(subject, instructions, [labelled(option, readable(told)) for option, told in asked.criteria.items()], name)
    return options(subject, instructions, [readable(level) for level in asked.criteria], name)


# --- from verdicts to the answer ---------------------------------------------------------------------


def _answer(serving: Serving, name: str, asked: Noul | Choice | Score, told: Judged) -> dict[str, Any]:
    rewards = _rewards(serving, name, told)
    probabilities = told.question.probabilities(rewards, serving.service.scale)
    answer: dict[str, Any] = {"type": asked.type}
    if isinstance(asked, Noul):
        answer["noul"] = probabilities[0]
    elif isinstance(asked, Choice):
        by_name = dict(zip(asked.criteria, probabilities, strict=True))
        best = max(by_name, key=lambda option: by_name[option])
        answer |= {"choice": best, "confidence": choice_confidence(probabilities), "probabilities": by_name}
    else:
        answer |= {
            "score": expected_level(probabilities),
            "confidence": score_confidence(probabilities),
            "legend": {str(level): readable(described) for level, described in enumerate(asked.criteria)},
            "probabilities": {str(level): share for level, share in enumerate(probabilities)},
        }
    return answer | told.extras()


def _rewards(serving: Serving, name: str, told: Judged) -> Sequence[float]:
    lacking = told.missing
    if lacking is not None and serving.options.missing is None:
        sentence = f"question '{name}' has no reward, for the reason '{lacking.reason}'"
        if lacking.reason == "empty_answer":
            raise InvalidBody([Problem(("questions", name), f"{sentence}: an answer or an option is blank")])
        if lacking.reason == "too_long":
            raise Unanswered(413, "max_tokens_exceeded", f"{sentence}: send a shorter state")
        raise Unanswered(503, "no_reward", sentence)
    return [serving.number(verdict) for verdict in told.verdicts]
