"""LLaMA-Factory's reward model behind an address: `POST /v1/score/evaluation`, for `--reward_model_type api`.

Each message is one text of prompt and answer, which the template splits that the operator names. A case is judged
whole: `max_length` is checked, and cuts nothing. Its trainer neither tries again nor reads the status of an answer:
without `scores` it stops.

Source: `src/llamafactory/train/ppo/ppo_utils.py` and `api/app.py` of LLaMA-Factory 0.9.5.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from themis.errors import DataError
from themis.files import json_kind, texts_field
from themis.serve.dialects.calls import BODY, add_call, detail_form, split_case
from themis.serve.serving import Serving


def add_routes(app: FastAPI, serving: Serving) -> None:
    """`/v1/score/evaluation`."""

    async def evaluate(body: dict[str, Any], query: Mapping[str, str]) -> Any:
        messages, longest = texts_field(body, "messages", BODY), body.get("max_length")
        if not messages:
            raise DataError(f"{BODY}: field 'messages' must be a list of texts, found an empty one")
        if longest is not None and (isinstance(longest, bool) or not isinstance(longest, int)):
            raise DataError(f"{BODY}: field 'max_length' must be a whole number or null, found {json_kind(longest)}")
        cases = [split_case(text, None, serving.options.marks, f"messages[{place}]") for place, text in enumerate(messages)]
        scores = serving.numbers(await serving.judge(cases))
        return {"id": f"scoreval-{uuid4().hex}", "object": "score.evaluation", "model": serving.options.model, "scores": scores}

    add_call(app, serving, ["/v1/score/evaluation"], evaluate, detail_form)
