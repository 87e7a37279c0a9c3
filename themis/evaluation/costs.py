"""The cost of judging, and how tools were called: counts over verdicts. Knows nothing of who was right."""

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from themis.evaluation.statistics import share
from themis.traces import Observation, Verdict


class Calls(TypedDict):
    """Calls of one tool, by their outcome."""

    calls: int
    ok: int
    error: int
    """The tool rejected the call, for a wrong argument for example."""
    failed: int
    """The tool was unavailable, or ran out of time."""


class Cost(TypedDict):
    """The cost of some judgements."""

    judgements: int
    with_call: float
    """Share of the judgements with at least one call, malformed calls included."""
    calls: float
    """Per judgement, malformed ones included."""
    malformed: int
    """Steps that neither named a tool and an argument nor finished."""
    valid: float | None
    """Share of all calls that were well-formed and accepted by the tool, even if it failed; None without calls."""
    answered: float | None
    """Share of all calls with status ok; None without calls."""
    tools: dict[str, Calls]
    read_tokens: float
    """Per judgement, like `new_tokens` and `seconds`."""
    new_tokens: float
    seconds: float
    """From the start of the case to its verdict, with the rest of its batch judged at the same time."""
    seconds_p95: float
    reasons: dict[str, int]
    """Why rewards are missing or degraded, with counts."""


def cost_of(verdicts: Sequence[Verdict]) -> Cost | None:
    """The cost of these judgements; None without any."""
    if not verdicts:
        return None
    tools: dict[str, Calls] = {}
    malformed = 0
    for step in (step for verdict in verdicts for step in verdict.trace.steps):
        if step.action is not None:
            calls = tools.setdefault(step.action.tool, Calls(calls=0, ok=0, error=0, failed=0))
            _count(calls, step.observation)
        elif step.observation is not None:
            malformed += 1
    made = malformed + sum(tool["calls"] for tool in tools.values())
    seconds = sorted(verdict.usage.seconds for verdict in verdicts)
    n = len(verdicts)
    return Cost(
        judgements=n,
        with_call=sum(verdict.usage.tool_calls > 0 for verdict in verdicts) / n,
        calls=made / n,
        malformed=malformed,
        valid=share(sum(tool["calls"] - tool["error"] for tool in tools.values()), made),
        answered=share(sum(tool["ok"] for tool in tools.values()), made),
        tools=dict(sorted(tools.items())),
        read_tokens=sum(verdict.usage.read_tokens for verdict in verdicts) / n,
        new_tokens=sum(verdict.usage.new_tokens for verdict in verdicts) / n,
        seconds=sum(seconds) / n,
        seconds_p95=seconds[min(n - 1, int(0.95 * n))],
        reasons=dict(sorted(Counter(verdict.reason for verdict in verdicts if verdict.reason).items())),
    )


def _count(calls: Calls, observation: Observation | None) -> None:
    calls["calls"] += 1
    if observation is None:
        return
    if observation.is_refusal:
        calls["error"] += 1
    elif observation.status == "ok":
        calls["ok"] += 1
    else:
        calls["failed"] += 1
