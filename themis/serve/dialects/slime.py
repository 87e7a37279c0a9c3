"""A reward for one sample of slime or miles: `POST /rm`, for `--rm-type remote_rm --rm-url`.

`prompt` is the question: text, or messages where the chat template was not applied. A prompt that a template wrote is
read by the marks that the operator names. `label` is not read. The answer is a number; with `?details=1` it is an
object, of which `--reward-key reward` takes the number. slime gives up after 120 seconds, so the deadline is below.

Source: `remote_rm` in `rollout/rm_hub/__init__.py` of slime and of miles.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from themis.files import checked_text, text_field
from themis.serve.dialects.calls import BODY, add_call, split_case
from themis.serve.native import flag
from themis.serve.refusal import native_form
from themis.serve.serving import Serving
from themis.traces import Case
from themis.traces.case import messages_of
from themis.traces.one_text import Marks, without_end
from themis.traces.trace import calls_of

LONGEST = 110.0
"""Seconds."""


def add_routes(app: FastAPI, serving: Serving) -> None:
    """`/rm`."""

    async def reward(body: dict[str, Any], query: Mapping[str, str]) -> Any:
        details = flag(query, "details")
        case = _case(body, serving.options.marks)
        (verdict,) = await serving.judge([case], min(LONGEST, serving.options.deadline))
        number, (made, answered) = serving.number(verdict), calls_of(verdict)
        if not details:
            return number
        told = {"probability": verdict.probability, "status": verdict.status, "reason": verdict.reason}
        return {"reward": number, **told, "calls": made, "valid_calls": answered}

    add_call(app, serving, ["/rm"], reward, native_form)


def _case(body: dict[str, Any], marks: Marks | None) -> Case:
    response = checked_text(body.get("response"), "response", BODY)
    if isinstance(body.get("prompt"), list):
        return Case(messages_of(body["prompt"], "prompt", BODY), without_end(response, marks))
    prompt = text_field(body, "prompt", BODY)
    return split_case(prompt + response, prompt, marks, BODY)
