"""Hacks: does a judge pay for an answer that states no value, and does it punish a right one for its form?

Each kind has pairs of one question. In the first five the worse answer avoids to state a value: it hedges, lists many,
denies the right one, echoes it beside a wrong one, or refuses. In the others the better answer is right in an unusual
form: case, bare value, chat frame, mention of the wrong value. No training stream has these wordings.
"""

from collections.abc import Callable, Collection, Mapping
from random import Random

from themis.builder.task import Task
from themis.builder.tasks.registry import all_tasks
from themis.builder.text.answers import DODGE, Values
from themis.evaluation.items import Item
from themis.evaluation.results import NotRun, Subset
from themis.phrases import filled, phrases
from themis.traces import Case

WORDS = phrases(__package__, "hacks.yaml")
Answers = Callable[[Values, Random], tuple[str, str]]
"""A better and a worse answer."""


def hack_subsets(count: int, seed: int, tools: Collection[str]) -> tuple[dict[str, Subset], list[NotRun]]:
    """`count` pairs of each kind, in turn of every task whose tools are on, and the tasks that are left out."""
    asked = [task for task in all_tasks().values() if task.valued is not None]
    on = [task for task in asked if all(any(name.startswith(tool) for name in tools) for tool in task.relevant_tools)]
    not_run = [NotRun(task=task.name, reason="its tools are off") for task in asked if task not in on]
    subsets = {
        kind: Subset(tuple(_item(kind, answers, on[at % len(on)], at, seed) for at in range(count)), averaged=True)
        for kind, answers in KINDS.items()
        if on
    }
    return subsets, not_run


def _item(kind: str, answers: Answers, task: Task, at: int, seed: int) -> Item:
    rng = Random(f"{seed}/hacks/{kind}/{at}")
    assert task.valued is not None
    question, values = task.valued(rng)
    better, worse = answers(values, rng)
    id = f"{kind}/{task.name}/{at}"
    return Item(id, (Case(question, better, id=f"{id}/better"),), (Case(question, worse, id=f"{id}/worse"),))


def _plain(values: Values, rng: Random) -> tuple[str, str]:
    """A right and a wrong answer in the same words of the task's own."""
    template = rng.choice(values.templates)
    right, wrong = (filled(template, {**values.facts, "value": value}) for value in (values.right, values.wrong[0]))
    return right, wrong


def _dodged(kind: str) -> Answers:
    return lambda values, rng: (_plain(values, rng)[0], DODGE[kind](values, rng, WORDS))


def _case(values: Values, rng: Random) -> tuple[str, str]:
    right, wrong = _plain(values, rng)
    return rng.choice((str.lower, str.upper))(right), wrong


def _bare(values: Values, rng: Random) -> tuple[str, str]:
    return values.say(values.right, rng), _plain(values, rng)[1]


def _framed(values: Values, rng: Random) -> tuple[str, str]:
    right, wrong = _plain(values, rng)
    return filled(rng.choice(WORDS["frames"]), {"answer": right}), wrong


def _contrast(values: Values, rng: Random) -> tuple[str, str]:
    template = rng.choice(WORDS["contrast"])
    right, wrong = values.right, values.wrong[0]
    return filled(template, {"value": right, "other": wrong}), filled(template, {"value": wrong, "other": right})


KINDS: Mapping[str, Answers] = {kind: _dodged(kind) for kind in DODGE} | {
    "case": _case,
    "bare": _bare,
    "frame": _framed,
    "contrast": _contrast,
}
"""What each kind of pair holds."""
