"""Balance against surface cues: which wrong answer a row takes, and which rows are kept.

Over many rows, a wrong answer is longer as often as shorter than the right one. The same holds for marks, capitals
and words of the question. Of the rows that pass the filters, those are dropped first whose surface cues or words give
the right answer away.

Knows nothing of how the result is reported (`audit`).

Source: adversarial filtering as in AFLite, arXiv:2002.04108, with each balanced cue named.
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
"""How often the classifier is retrained: dropping rows changes what words tell."""
LEARNS_FROM = 60
"""Rows; with fewer, no classifier learns enough."""
WORDS_WEIGH = 2.0
"""The weight of words against one surface cue."""


def choose_negative(draft: Draft, candidates: Sequence[str], rng: Random) -> str | None:
    """One of several wrong answers; None without candidates.

    For each cue a coin decides whether the wrong answer should have more or less of it than the right one. The
    candidate that follows the coins best is taken. So no cue separates the answers, as far as the candidates allow.
    """
    found = list(dict.fromkeys(candidates))
    if not found:
        return None
    coins = _coins(rng)
    rng.shuffle(found)

    def follows(candidate: str) -> float:
        compared = signs(draft.question, draft.chosen, candidate)
        # Equality is next best: it tells nothing, and needs no other row to balance it.
        return sum(1.0 if sign == coin else 0.6 if sign == 0 else 0.0 for sign, coin in zip(compared, coins, strict=True))

    return max(found, key=follows)


def _coins(rng: Random) -> list[int]:
    """One coin for each reading; the two readings of a rule mostly agree, as in real answers."""
    coins: list[int] = []
    for place, (rule, _) in enumerate(READINGS):
        again = place > 0 and READINGS[place - 1][0] == rule
        coins.append(coins[-1] if again else rng.choice((-1, 1)))
    return coins


def balanced(rows: Sequence[Row], count: int, rng: Random) -> list[Row]:
    """`count` of the rows in their order, with the weakest surface cues; all rows if there are no more."""
    import numpy as np

    order = list(range(len(rows)))
    if len(rows) <= count:
        return list(rows)
    rng.shuffle(order)  # Chance decides between equally good rows.
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
    """How surely a row's words tell the right answer, between -1 (the wrong answer seems right) and 1."""
    import numpy as np

    found = margins([row.pair.chosen.answer for row in rows], [row.pair.rejected.answer for row in rows])
    told: np.ndarray[Any, Any] = np.tanh(found)
    return told


def _without(looked: "np.ndarray[Any, Any]", told: "np.ndarray[Any, Any]", away: int) -> "np.ndarray[Any, Any]":
    """The rows that stay when `away` rows go, one at a time: each time the row that reduces the cues most."""
    import numpy as np

    stays = np.ones(len(looked), dtype=bool)
    total, words, number = looked.sum(axis=0), told.sum(), len(looked)
    for _ in range(away):
        # Squared, so that the strongest cue is reduced first.
        gain = looked @ (total * np.abs(total)) / number**2 + WORDS_WEIGH * told * max(words, 0.0) / number
        gain[~stays] = -np.inf
        worst = int(np.argmax(gain))
        stays[worst] = False
        total = total - looked[worst]
        words -= told[worst]
        number -= 1
    return np.flatnonzero(stays)
