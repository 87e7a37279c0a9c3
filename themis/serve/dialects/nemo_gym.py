"""NeMo-Gym's comparison of several answers: `POST /compare`, as its resources server `genrm_compare` has it.

Its judge scores an answer from 1 to 5, and ranks two from 1 (the first is much better) to 6. Ours come from calibrated
probabilities, and are not rounded, so that two answers are seldom equal:

- `score` = 1 + 4 p, where p is the probability that the answer beats a fair rival;
- `ranking` = 6 - 5 q, where q is that of the first to beat the second: sigmoid(logit p1 - logit p2).

A judge that scores one answer at a time gives it the same score in every comparison, so that is its reward. Answers
are paired in a circle, as there by default. `principle` is not read, as there by default.

Source: `resources_servers/genrm_compare` of NeMo-Gym.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev
from typing import Any

from fastapi import FastAPI

from themis.files import checked_text, objects_field
from themis.serve.dialects.calls import BODY, add_call, detail_form
from themis.serve.serving import Serving, likelihood
from themis.traces import Case
from themis.traces.case import messages_of

SUREST = 1 - 1e-12
"""A probability that is rounded to 1 has no logit."""


def add_routes(app: FastAPI, serving: Serving) -> None:
    """`/compare`."""

    async def compare(body: dict[str, Any], query: Mapping[str, str]) -> Any:
        verdicts = await serving.judge(_cases(body))
        numbers = serving.numbers(verdicts)
        return comparison([likelihood(verdict, number) for verdict, number in zip(verdicts, numbers, strict=True)])

    add_call(app, serving, ["/compare"], compare, detail_form)


def comparison(probabilities: Sequence[float]) -> dict[str, Any]:
    """Rewards, comparisons and metrics of answers that have these probabilities."""
    scores = [1 + 4 * probability for probability in probabilities]
    count = len(scores)
    pairs = [(first, (first + 1) % count) for first in range(count)] if count > 1 else []
    results = [
        {
            "response_i": first,
            "response_j": second,
            "judge_idx": 0,
            "score_1": scores[first],
            "score_2": scores[second],
            "ranking": ranking(probabilities[first], probabilities[second]),
        }
        for first, second in pairs
    ]
    ties = sum(result["score_1"] == result["score_2"] for result in results)
    if not results:
        return {"rewards": scores, "comparison_results": [], "metrics": {}}
    metrics = {"mean_individual_score": fmean(scores), "std_individual_score": pstdev(scores), "tiebreak_usage_rate": ties / count}
    return {"rewards": scores, "comparison_results": results, "metrics": metrics}


def ranking(first: float, second: float) -> float:
    """From 1, the first is much better, to 6; two probabilities against the same rival."""
    first, second = (min(max(probability, 1 - SUREST), SUREST) for probability in (first, second))
    odds = first / (1 - first) * (1 - second) / second
    return 6 - 5 * odds / (1 + odds)


def _cases(body: dict[str, Any]) -> list[Case]:
    history = messages_of(body.get("conversation_history"), "conversation_history", BODY)
    return [Case(history, _answer(response, where)) for where, response in objects_field(body, "response_objs", BODY)]


def _answer(response: dict[str, Any], where: str) -> str:
    """What the messages of a response say, without its thoughts and calls."""
    said = []
    for place, item in objects_field(response, "output", where):
        if item.get("type", "message") != "message":
            continue
        content = item.get("content")
        parts = [{"text": content}] if isinstance(content, str) else [part for _, part in objects_field(item, "content", place)]
        said += [checked_text(part.get("text"), "text", place) for part in parts if part.get("type", "output_text") == "output_text"]
    return "".join(said)
