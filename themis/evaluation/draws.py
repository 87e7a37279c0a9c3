"""Sampled judgements: how much rewards vary over the draws, and the accuracy when uncertain items are left out.

How sure a judge is of an item depends on its rewards alone, never on who was right. It is the distance between the two
sides, divided by the deviation over the draws. With one draw it is the distance alone.
"""

from collections.abc import Sequence
from math import ceil, inf, sqrt
from typing import TypedDict

from themis.evaluation.items import JudgedItem, Opinion
from themis.evaluation.statistics import wilson_interval

SHARES = tuple(tenth / 10 for tenth in range(10, 0, -1))


class Coverage(TypedDict):
    """The accuracy on that share of the items of which the judge is surest."""

    coverage: float
    n: int
    accuracy: float
    ci95: tuple[float, float]


class Draws(TypedDict):
    """How the draws of one run differ."""

    samples: int
    accuracy_each: list[float]
    """The accuracy of each draw alone; the accuracy of the run is that of the mean rewards."""
    accuracy_mean: float
    accuracy_deviation: float
    reward_deviation: float
    """The root of the mean variance of an answer's rewards over the draws."""


def draws_of(judged: Sequence[JudgedItem]) -> Draws | None:
    """How draws differ; None where there was only one."""
    samples = min((len(opinion.verdicts) for entry in judged for opinion in entry.opinions), default=0)
    if samples < 2:
        return None
    each = [sum(_at(entry, draw).points for entry in judged) / len(judged) for draw in range(samples)]
    average = sum(each) / samples
    variances = [opinion.variance for entry in judged for opinion in entry.opinions]
    return Draws(
        samples=samples,
        accuracy_each=each,
        accuracy_mean=average,
        accuracy_deviation=sqrt(sum((accuracy - average) ** 2 for accuracy in each) / (samples - 1)),
        reward_deviation=sqrt(sum(variances) / len(variances)),
    )


def coverage(judged: Sequence[JudgedItem]) -> list[Coverage]:
    """Accuracy from all items down to the surest tenth.

    An item without a reward is the least sure. Items of equal sureness keep their order.
    """
    surest = sorted(judged, key=sureness, reverse=True)
    curve: list[Coverage] = []
    for part in SHARES if surest else ():
        left = surest[: ceil(round(part * len(surest), 9))]
        right = sum(entry.points for entry in left)
        curve.append(Coverage(coverage=part, n=len(left), accuracy=right / len(left), ci95=wilson_interval(right, len(left))))
    return curve


def sureness(entry: JudgedItem) -> tuple[float, float]:
    """How sure the judge is of its preference: the distance between the sides in deviations, then in rewards."""
    if entry.margin is None:
        return -1.0, -1.0
    distance = abs(entry.margin)
    return (distance / entry.spread if entry.spread else inf), distance


def _at(entry: JudgedItem, draw: int) -> JudgedItem:
    """The item as one draw judged it."""
    chosen, rejected = (tuple(Opinion((opinion.verdicts[draw],)) for opinion in side) for side in (entry.chosen, entry.rejected))
    return JudgedItem(entry.item, chosen, rejected)
