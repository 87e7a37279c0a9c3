"""One question of a bench with its better and worse answers, and a judge's opinion of each answer.

An item gives points from 0 to 1 by the rule of its bench:

- `best`: one of the better answers has the highest reward.
- `every`: all better answers have higher rewards than all worse ones.
- `share`: the share of the comparisons that are won.

For a pair all three mean that the better answer's reward is strictly higher. A tie and a missing reward are lost. An
empty answer has no reward, and counts as below every answer with one.

Knows nothing of models. A judge that samples is asked several times, and a reward is then a mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Literal

from themis.evaluation.statistics import mean
from themis.traces import Case, Judge, Pair, Side, Verdict

Rule = Literal["best", "every", "share"]
Progress = Callable[[str, int, int], None]
"""Called with the subset, the number of its answers that are judged, and their total."""


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a bench."""

    id: str
    chosen: tuple[Case, ...]
    """The better answers, at least one."""
    rejected: tuple[Case, ...]
    published: tuple[Side, ...] = ()
    """The same answers with their published traces, where a bench has them; the chosen come first."""
    rule: Rule = "best"

    @property
    def cases(self) -> tuple[Case, ...]:
        return self.chosen + self.rejected


@dataclass(frozen=True, slots=True)
class Opinion:
    """A judge's verdict of one answer, or several sampled ones."""

    verdicts: tuple[Verdict, ...]

    @property
    def rewards(self) -> tuple[float, ...]:
        """The rewards of the verdicts that have one."""
        return tuple(verdict.reward for verdict in self.verdicts if verdict.reward is not None)

    @property
    def reward(self) -> float | None:
        """The mean of the rewards; None without any."""
        return mean(self.rewards)

    @property
    def is_empty(self) -> bool:
        """Is the reward missing because the answer is empty?"""
        return bool(self.verdicts) and all(verdict.reason == "empty_answer" for verdict in self.verdicts)

    @property
    def standing(self) -> float | None:
        """The reward; -inf for an empty answer; None where the reward is missing for another reason."""
        return -inf if self.is_empty else self.reward

    @property
    def height(self) -> float:
        """The reward; -inf without one."""
        return -inf if self.reward is None else self.reward

    @property
    def variance(self) -> float:
        """The variance of the rewards; 0 with fewer than two."""
        if len(self.rewards) < 2:
            return 0.0
        centre = sum(self.rewards) / len(self.rewards)
        return sum((reward - centre) ** 2 for reward in self.rewards) / (len(self.rewards) - 1)


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """An item with a judge's opinion of each answer."""

    item: Item
    chosen: tuple[Opinion, ...]
    rejected: tuple[Opinion, ...]

    @property
    def opinions(self) -> tuple[Opinion, ...]:
        return self.chosen + self.rejected

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(verdict for opinion in self.opinions for verdict in opinion.verdicts)

    @property
    def standings(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """The standings of the chosen and of the rejected answers; None where any is missing."""
        chosen, rejected = (
            tuple(standing for opinion in side if (standing := opinion.standing) is not None) for side in (self.chosen, self.rejected)
        )
        return (chosen, rejected) if len(chosen) == len(self.chosen) and len(rejected) == len(self.rejected) else None

    @property
    def is_decided_by_empty(self) -> bool:
        """Does an empty answer decide it, and so the rule rather than the judge?"""
        return self.gap is not None and not isfinite(self.gap)

    @property
    def points(self) -> float:
        return 0.0 if self.standings is None else points(*self.standings, self.item.rule)

    @property
    def gap(self) -> float | None:
        """The chosen side's standing less the rejected side's: of the best answers, or by `every` of the worst chosen.

        Infinite where one side is empty. -inf where both are, which is lost. None where a standing is missing.
        """
        if self.standings is None:
            return None
        chosen, rejected = self.standings
        height = min(chosen) if self.item.rule == "every" else max(chosen)
        return height if height == -inf else height - max(rejected)

    @property
    def margin(self) -> float | None:
        """The gap, where both standings are rewards."""
        return None if self.gap is None or self.is_decided_by_empty else self.gap

    @property
    def spread(self) -> float:
        """The deviation of the margin over the draws."""
        top_chosen, top_rejected = (max(side, key=lambda opinion: opinion.height) for side in (self.chosen, self.rejected))
        return sqrt(top_chosen.variance + top_rejected.variance)


def item_of(pair: Pair) -> Item:
    """A pair as an item."""
    return Item(pair.id, (pair.chosen_case,), (pair.rejected_case,), (pair.chosen, pair.rejected))


def points(chosen: Sequence[float], rejected: Sequence[float], rule: Rule, tie: float = 0.0) -> float:
    """The points of an item whose answers have these rewards; equal rewards are worth `tie`."""
    if rule == "share":
        return sum(_won(better, worse, tie) for better in chosen for worse in rejected) / (len(chosen) * len(rejected))
    return _won(min(chosen) if rule == "every" else max(chosen), max(rejected), tie)


def length_points(item: Item, *, longer: bool) -> float:
    """The points by length alone. Answers of equal length are worth half a point, as a coin toss is."""
    sign = 1 if longer else -1
    chosen, rejected = ([float(sign * len(case.answer)) for case in side] for side in (item.chosen, item.rejected))
    return points(chosen, rejected, item.rule, tie=0.5)


def judge_items(name: str, items: Sequence[Item], judges: Sequence[Judge], progress: Progress) -> list[JudgedItem]:
    """Judge every answer by itself, once by each judge; there is one judge, or one for each draw."""
    cases = [case for item in items for case in item.cases]
    total, done = len(cases) * len(judges), 0
    verdicts: list[list[Verdict]] = [[] for _ in cases]
    progress(name, 0, total)
    for judge in judges:
        for place, verdict in judge.judge_all(cases):
            verdicts[place].append(verdict)
            done += 1
            progress(name, done, total)
    opinions = iter([Opinion(tuple(each)) for each in verdicts])
    return [_judged(item, [next(opinions) for _ in item.cases]) for item in items]


def _judged(item: Item, opinions: list[Opinion]) -> JudgedItem:
    return JudgedItem(item, tuple(opinions[: len(item.chosen)]), tuple(opinions[len(item.chosen) :]))


def _won(better: float, worse: float, tie: float) -> float:
    return tie if better == worse else float(better > worse)
