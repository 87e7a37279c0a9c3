"""Does a judge know when not to trust itself? How often `unfamiliar` marks what it judged wrong, and what right.

An item is judged right here if each verdict is right by itself: a better answer beats a fair rival with a probability
above one half, a worse one below. The order of two rewards does not count: of pairs that were judged on nothing, half
are in the right order by luck.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from themis.evaluation.items import JudgedItem

ONE_IN = 50
"""Of the items that a judge knows, so many are called unfamiliar by the fitted threshold."""


class Familiarity(TypedDict):
    """What `unfamiliar` marks."""

    wrong: int
    """Items with a wrong verdict."""
    wrong_marked: int
    right: int
    right_marked: int


def familiarity(judged: Sequence[JudgedItem]) -> Familiarity | None:
    """Of all items; None for a judge that does not say what is unfamiliar to it."""
    known = [entry for entry in judged if all(verdict.unfamiliar is not None for verdict in entry.verdicts)]
    if not known:
        return None
    counted = Counter((is_right(entry), any(verdict.unfamiliar for verdict in entry.verdicts)) for entry in known)
    return Familiarity(
        wrong=counted[False, True] + counted[False, False],
        wrong_marked=counted[False, True],
        right=counted[True, True] + counted[True, False],
        right_marked=counted[True, True],
    )


def is_right(entry: JudgedItem) -> bool:
    """Is every verdict of the item right by itself?"""
    sides = ((entry.chosen, 1), (entry.rejected, -1))
    return all(
        verdict.probability is not None and sign * (verdict.probability - 0.5) > 0
        for opinions, sign in sides
        for opinion in opinions
        for verdict in opinion.verdicts
    )


def fit_unlikely(judged: Sequence[JudgedItem]) -> float | None:
    """The log-probability below which one in `ONE_IN` of the right items has a token of a call. None without any."""
    found = sorted(
        min(verdict.least_likely for verdict in entry.verdicts if verdict.least_likely is not None)
        for entry in judged
        if is_right(entry) and any(verdict.least_likely is not None for verdict in entry.verdicts)
    )
    return round(found[len(found) // ONE_IN], 4) if found else None
