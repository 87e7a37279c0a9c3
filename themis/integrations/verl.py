"""verl's custom reward function, for `custom_reward_function.path=pkg://themis.integrations.verl`.

verl gives a reward function no prompt: the data must hold the question in `extra_info`. It cannot leave a sample out
either, and its rate-limited manager makes a 0 of every error. So the user has to choose the number that an answer
without a reward counts as, and that is checked with the first call.

Source: `verl/experimental/reward_loop` of verl 0.10.
"""

from collections.abc import Mapping
from typing import Any

from themis.errors import ConfigError, DataError
from themis.integrations.judges import case_of, chosen_missing, number_of, shared_judge
from themis.traces.judge import Judge
from themis.traces.text import readable
from themis.traces.trace import calls_of

NEEDS_MISSING = (
    "verl cannot leave an answer without a reward out: set THEMIS_MISSING, or reward_kwargs.missing, to the number that it shall count as"
)


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any = None,
    extra_info: Mapping[str, Any] | None = None,
    *,
    model: Judge | str | None = None,
    missing: float | str | None = None,
    **others: Any,
) -> dict[str, Any]:
    """The score with what explains it, always under the same keys. What is asked at the same time is judged together.

    `extra_info` must hold `question` (text or messages), and may hold `context` and `tests`. `model` and `missing`
    come from verl's `reward_kwargs`, else from THEMIS_MODEL and THEMIS_MISSING.
    """
    number = chosen_missing(missing)
    if number is None:
        raise ConfigError(NEEDS_MISSING)
    told = extra_info or {}
    if told.get("question") is None:
        raise DataError(
            f"a row of {data_source}: extra_info has no 'question', and verl gives the prompt to no reward function; "
            "put the question into extra_info['question'] where the data are made"
        )
    case = case_of(f"a row of {data_source}", told["question"], solution_str, told.get("context"), told.get("tests"))
    verdict = await shared_judge(model).ajudge(case)
    calls, answered = calls_of(verdict)
    return {
        "score": number_of(verdict, number),
        "themis_scored": float(verdict.reward is not None),
        "themis_degraded": float(verdict.status == "degraded"),
        "themis_calls": calls,
        "themis_valid_calls": answered,
        "themis_status": verdict.status,
        "themis_reason": verdict.reason or "",
        "themis_trace": readable(verdict.trace),
    }
