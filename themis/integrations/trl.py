"""Reward functions for TRL's trainers: GRPO, RLOO, online DPO.

`trl grpo --reward_funcs themis.integrations.trl.reward` takes the one that is ready; THEMIS_MODEL names its judge.
An answer without a reward gets None, which TRL leaves out. Trace and status go to the table of completions, shares to
the metrics. Knows nothing of models: see `judges`.

Source: `GRPOTrainer._calculate_rewards` of TRL 1.16.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from themis.errors import ConfigError
from themis.integrations.judges import case_of, each_once, shared_judge
from themis.traces.case import Case, content_text
from themis.traces.judge import Judge
from themis.traces.text import readable
from themis.traces.trace import Verdict, calls_of

Rewards = list[float | None]
Number = Literal["reward", "probability"]
NUMBERS: tuple[Number, ...] = ("reward", "probability")


def reward_function(
    model: Judge | str | Path | None = "nano",
    *,
    question: str = "prompt",
    context: str = "context",
    tests: str = "tests",
    name: str = "themis",
    asynchronous: bool = False,
    number: Number = "reward",
) -> Callable[..., Any]:
    """A function that TRL calls with a batch; `model` is a judge, a model or the address of a server.

    `question`, `context` and `tests` name columns of the data set. `prompt` means the prompt itself; the data may lack
    the other two. The reward, its columns and its metrics are logged under `name`. A judge is loaded with the first
    batch, None by THEMIS_MODEL. An `asynchronous` function is awaited beside others. With the `number` "probability",
    rewards are the verdict's probability, in 0..1: wrong answers then differ little, however low their rewards.
    """
    if number not in NUMBERS:
        raise ConfigError(f"number: must be one of {', '.join(NUMBERS)}, found '{number}'")
    columns_of = {"question": question, "context": context, "tests": tests}

    def cases(prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Sequence[Any]]) -> list[Case]:
        if question != "prompt" and question not in columns:
            raise ConfigError(f"question: the data set has no column '{question}', it has {', '.join(sorted(columns))}")
        held = {"prompt": prompts, **columns}
        rows = ({ours: held[theirs][place] for ours, theirs in columns_of.items() if theirs in held} for place in range(len(prompts)))
        pairs = enumerate(zip(rows, completions, strict=True))
        return [case_of(f"completion {place}", answer=answer_of(completion), **row) for place, (row, completion) in pairs]

    def function(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Any = None,
        trainer_state: Any = None,
        log_extra: Callable[[str, list[str]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> Rewards:
        distinct, places = each_once(cases(prompts, completions, columns))
        judged = dict(shared_judge(model).judge_all(distinct))
        return _told(name, [judged[place] for place in places], log_extra, log_metric, number)

    async def asynchronous_function(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Any = None,
        trainer_state: Any = None,
        log_extra: Callable[[str, list[str]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> Rewards:
        distinct, places = each_once(cases(prompts, completions, columns))
        judged = {place: verdict async for place, verdict in shared_judge(model).ajudge_all(distinct)}
        return _told(name, [judged[place] for place in places], log_extra, log_metric, number)

    made = asynchronous_function if asynchronous else function
    made.__name__ = name  # TRL logs under it
    return made


def reward(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> Rewards:
    """The reward by the judge that THEMIS_MODEL names: a model, or the address of a server."""
    rewards: Rewards = reward_function(None)(prompts, completions, **columns)
    return rewards


async def reward_async(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> Rewards:
    """`reward`, awaited beside other asynchronous functions."""
    rewards: Rewards = await reward_function(None, asynchronous=True)(prompts, completions, **columns)
    return rewards


def answer_of(completion: str | Sequence[Mapping[str, Any]]) -> str:
    """A text itself; of messages, what the assistant says in its last turn: nothing, where that only calls a tool."""
    if isinstance(completion, str):
        return completion
    said = [turn.get("content") for turn in completion if turn.get("role") == "assistant"]
    return content_text(said[-1], "content", "completion") if said and said[-1] else ""


def _told(name: str, verdicts: list[Verdict], log_extra: Any, log_metric: Any, number: Number) -> Rewards:
    """The rewards, after all that TRL shows beside them."""
    if log_extra is not None:
        log_extra(f"{name}_status", [f"{verdict.status}: {verdict.reason}" if verdict.reason else verdict.status for verdict in verdicts])
        log_extra(f"{name}_trace", [readable(verdict.trace) for verdict in verdicts])
    if log_metric is not None and verdicts:
        for status in ("scored", "degraded", "unscored"):
            log_metric(f"{name}/{status}", sum(verdict.status == status for verdict in verdicts) / len(verdicts))
        calls, answered = map(sum, zip(*map(calls_of, verdicts), strict=True))
        if calls:
            log_metric(f"{name}/valid_calls", answered / calls)
    if number == "probability" and any(verdict.reward is not None and verdict.probability is None for verdict in verdicts):
        raise ConfigError("number: this judge gives rewards without a probability, as its scale was not fitted; take 'reward'")
    return [getattr(verdict, number) for verdict in verdicts]
