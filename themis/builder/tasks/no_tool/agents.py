"""The agents of requests that no tool helps with: the source's own wrong answers, no call, no evidence."""

from collections.abc import Sequence
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.traces import Step
from themis.traces.text import NO_TOOL_THOUGHT


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    """The source's wrong answers alone: no tool could refute one made by rule."""
    del rng, observe
    return draft.rejected


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """One thought without a call."""
    del view, rng, observe
    return (Step(NO_TOOL_THOUGHT),)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """Always unsettled: the answer is judged by its content alone."""
    del view, steps
    return Evidence("unsettled")


RULE = ByRule(negatives, steps, evidence)
