"""Call agreement: does a judge make the tool calls of the published traces?

Calls are only compared here, never run.
"""

import re
from collections.abc import Iterable

from themis.evaluation.items import JudgedItem
from themis.evaluation.statistics import share
from themis.tools.calculator import calculator, steps_argument
from themis.traces import Action, Side, Trace

_PERIOD_AFTER_STEP = re.compile(r"(>>[^,]*\d)\.(?=,|$)")


def needed_tools(sides: Iterable[Side]) -> frozenset[str]:
    """The tools that the published traces call."""
    return frozenset(action.tool for side in sides for action in _calls(side.trace) if action is not None)


def call_agreement(judged: Iterable[JudgedItem]) -> float | None:
    """Share of the judgements that made exactly the published calls.

    None without published traces, or if the judge wrote no token. Judgements of empty answers, which never call a
    tool, are left out.
    """
    made = [
        (side, verdict)
        for entry in judged
        for side, opinion in zip(entry.item.published, entry.opinions, strict=False)
        for verdict in opinion.verdicts
        if side.trace is not None and verdict.reason != "empty_answer"
    ]
    if not any(verdict.usage.new_tokens for _, verdict in made):
        return None
    return share(sum(makes_published_calls(side, verdict.trace) for side, verdict in made), len(made))


def makes_published_calls(side: Side, trace: Trace) -> bool:
    """Does a trace make exactly the published calls: same tools, same order, same arguments, nothing malformed?

    White space may differ. The calculator may also be given the answer's own marked steps, from which two rows of the
    published dev file deviate.
    """
    published, made = _calls(side.trace), _calls(trace)
    return len(published) == len(made) and all(
        ours is not None and theirs is not None and _same_call(ours, theirs, side.answer)
        for ours, theirs in zip(made, published, strict=True)
    )


def _calls(trace: Trace | None) -> list[Action | None]:
    """The calls of a trace in order; None for a malformed one, which an observation answered all the same."""
    return [step.action for step in trace.steps if step.action or step.observation] if trace else []


def _same_call(ours: Action, theirs: Action, answer: str) -> bool:
    if ours.tool != theirs.tool:
        return False
    if ours.tool != calculator.name:
        return _spaced(ours.argument) == _spaced(theirs.argument)
    return _steps(ours.argument) in (_steps(theirs.argument), _steps(steps_argument(answer)))


def _spaced(argument: str) -> str:
    return " ".join(argument.split())


def _steps(argument: str) -> str:
    """Published steps at the end of a sentence include its period."""
    return _PERIOD_AFTER_STEP.sub(r"\1", _spaced(argument))
