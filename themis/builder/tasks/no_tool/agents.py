"""The agents where no tool would help: the source's own worse answers, no call, nothing settled."""

from collections.abc import Sequence
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.traces import Step
from themis.traces.text import NO_TOOL_THOUGHT


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    """What the source holds: an answer that nothing can refute is not made worse by rule."""
    del rng, observe
    return draft.rejected


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """One thought, and no call."""
    del view, rng, observe
    return (Step(NO_TOOL_THOUGHT),)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """There is none: the answer is judged by its content alone."""
    del view, steps
    return Evidence("unsettled")


RULE = ByRule("no_tool", negatives, steps, evidence)
