"""OpenRLHF's remote reward model: `POST /get_reward`, for `--reward.remote_url`.

A query holds prompt and answer in one text. The prompt that comes beside it splits it, or the template that the
operator names. `labels` are not read. Its trainer sends one sample a request, tries again five times on any error, and
then goes on without a reward. `themis.integrations.openrlhf` gives the same numbers in process.

Source: `openrlhf/utils/agent.py` of OpenRLHF 0.11, and its `serve_rm.py` for the form of errors.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from themis.errors import DataError
from themis.files import checked_text, json_kind
from themis.serve.dialects.calls import BODY, add_call, detail_form, split_case, texts_of
from themis.serve.serving import Serving
from themis.traces import Case
from themis.traces.one_text import Marks
from themis.traces.trace import counts_of


def add_routes(app: FastAPI, serving: Serving) -> None:
    """`/get_reward`."""

    async def get_reward(body: dict[str, Any], query: Mapping[str, str]) -> Any:
        verdicts = await serving.judge(_cases(body, serving.options.marks))
        rewards = serving.numbers(verdicts)
        scores = [number if verdict.probability is None else verdict.probability for number, verdict in zip(rewards, verdicts, strict=True)]
        return {"rewards": rewards, "scores": scores, "extra_logs": counts_of(verdicts)}

    add_call(app, serving, ["/get_reward"], get_reward, detail_form)


def _cases(body: dict[str, Any], marks: Marks | None) -> list[Case]:
    queries = texts_of(body, "query")
    prompts = _prompts(body.get("prompts"), len(queries))
    return [split_case(query, prompt, marks, f"query[{place}]") for place, (query, prompt) in enumerate(zip(queries, prompts, strict=True))]


def _prompts(value: Any, queries: int) -> list[str | None]:
    """Each query's prompt. Raises `DataError` that names the field."""
    prompts = [value] * queries if value is None else [value] if isinstance(value, str) else value
    if not isinstance(prompts, list):
        raise DataError(f"{BODY}: field 'prompts' must be a list of texts, found {json_kind(value)}")
    if len(prompts) != queries:
        raise DataError(f"{BODY}: field 'prompts' must hold a text for each query: {queries}, found {len(prompts)}")
    return [None if prompt is None else checked_text(prompt, f"prompts[{place}]", BODY) for place, prompt in enumerate(prompts)]
