"""A set that cannot be won by looks: which wrong answer is taken for a row, and which rows of many.

A wrong answer is chosen so that, over many rows, it is longer as often as shorter than the right one, and so for marks,
capitals and words of the question. Of the rows that came through the filters, those are left out first whose looks or words
give the right answer away.
Knows nothing of how the result is measured for people (`audit`).
Source: adversarial filtering as in AFLite, arXiv:2002.04108, with what is balanced named one by one.
"""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from themis.builder.draft import Draft
from themis.builder.quality.bag_of_words import margins
from themis.builder.quality.filters import Row
from themis.builder.quality.surface_cues import READINGS, signs

if TYPE_CHECKING:
    import numpy as np

ROUNDS = 6
"""How often the words are learnt anew: what is left out changes what the rest can be known by."""
LEARNS_FROM = 60
"""Rows; of fewer, no classifier learns what would be worth leaving out."""
WORDS_WEIGH = 2.0
"""What the words give away, against one of the looks."""


def choose_negative(draft: Draft, candidates: Sequence[str], rng: Random) -> str | None:
    """One of several wrong answers, or None where there is none.

    For each of the looks a coin says whether the wrong answer should have more or less of it than the right one; the candidate
    that follows the coins best is taken. So no look tells the answers apart wherever the candidates leave a choice.
    """
    found = list(dict.fromkeys(candidates))
    if not found:
        return None
    coins = _coins(rng)
    rng.shuffle(found)

    def follows(candidate: str) -> float:
        compared = signs(draft.question, draft.chosen, candidate)
        # To be the same is next best: it tells nothing, and costs the others no row.
        return sum(1.0 if sign == coin else 0.6 if sign == 0 else 0.0 for sign, coin in zip(compared, coins, strict=True))

    return max(found, key=follows)


def _coins(rng: Random) -> list[int]:
    """One side for each reading; the two readings of a rule are mostly of one mind, as in real answers."""
    coins: list[int] = []
    for place, (rule, _) in enumerate(READINGS):
        again = place > 0 and READINGS[place - 1][0] == rule
        coins.append(coins[-1] if again else rng.choice((-1, 1)))
    return coins


def balanced(rows: Sequence[Row], count: int, rng: Random) -> list[Row]:
    """`count` of the rows, in their order, that give away as little as can be; all rows where there are no more."""
    import numpy as np

    order = list(range(len(rows)))
    if len(rows) <= count:
        return list(rows)
    rng.shuffle(order)  # of rows that are as good as each other, chance decides
    looked = np.array([signs(row.pair.question, row.pair.chosen.answer, row.pair.rejected.answer) for row in rows], dtype=np.float64)
    kept = np.array(order)
    rounds = ROUNDS if len(rows) >= LEARNS_FROM else 1
    for number in range(rounds):
        left = len(kept) - count
        away = left - left * (rounds - 1 - number) // rounds
        told = _told_by_words([rows[place] for place in kept]) if len(kept) >= LEARNS_FROM else np.zeros(len(kept))
        kept = kept[_without(looked[kept], told, away)]
    return [rows[place] for place in sorted(kept.tolist())]


def _told_by_words(rows: Sequence[Row]) -> "np.ndarray[Any, Any]":
    """For each row, how surely its words give away the right answer, between -1 (the wrong one seems right) and 1."""
    import numpy as np

    found = margins([row.pair.chosen.answer for row in rows], [row.pair.rejected.answer for row in rows])
    told: np.ndarray[Any, Any] = np.tanh(found)
    return told


def _without(looked: "np.ndarray[Any, Any]", told: "np.ndarray[Any, Any]", away: int) -> "np.ndarray[Any, Any]":
    """The places that stay when `away` rows go, one after the other: each time the one that all looks together would miss least."""
    import numpy as np

    stays = np.ones(len(looked), dtype=bool)
    total, words, number = looked.sum(axis=0), told.sum(), len(looked)
    for _ in range(away):
        # Squares, so that the look that tells most is mended first.
        gain = looked @ (total * np.abs(total)) / number**2 + WORDS_WEIGH * told * max(words, 0.0) / number
        gain[~stays] = -np.inf
        worst = int(np.argmax(gain))
        stays[worst] = False
        total = total - looked[worst]
        words -= told[worst]
        number -= 1
    return np.flatnonzero(stays)
