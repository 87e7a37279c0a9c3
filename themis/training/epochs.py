"""The steps of a run in epochs: each pair once an epoch, in an order that depends on the seed alone.

A step is a list of batches, each of about as many tokens as may be read at once. Several processes make the same plan
and each takes its part. So their losses add up to the loss of one process. Pairs that are too long are left out and
counted; no pair is ever cut.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from torch.utils.data import Dataset

from themis.data.mixture import Mixture, PairSource
from themis.errors import DataError
from themis.traces.pair import Pair
from themis.traces.token_row import TokenPair
from themis.training.batches.layouts import Batch, Step, Totals
from themis.training.collators import Collator
from themis.training.recipe import Run


@dataclass(frozen=True, slots=True)
class Share:
    """Which of several processes this is."""

    rank: int = 0
    world: int = 1


class EpochSteps(Dataset[Step]):
    """Item `step` is the batches of that step."""

    def __init__(
        self,
        collator: Collator,
        rows: Sequence[PairSource],
        alterations: Mixture,
        run: Run,
        share: Share | None = None,
    ) -> None:
        self._collator, self._alterations, self._run = collator, alterations, run
        self._share = share or Share()
        self.left_out: Counter[str] = Counter()
        self._rows = [row for row in rows if self._fits(row)]
        if not self._rows:
            raise DataError(f"no pair has at most {self._longest} tokens: raise the last of run.lengths, or look at the data")
        self._steps_per_epoch = -(-len(self._rows) // run.pairs_per_step)

    @property
    def _longest(self) -> int:
        return self._run.lengths[-1]

    def __len__(self) -> int:
        return self._steps_per_epoch * self._run.epochs

    @property
    def pairs(self) -> int:
        """How many pairs an epoch has."""
        return len(self._rows)

    def __getitem__(self, step: int) -> Step:
        pairs = self._pairs(step)
        totals = Totals(len(pairs), max(1, sum(pair.targets for pair in pairs)))
        plan = self._collator.plan(pairs, self._run.tokens_per_step, self._share.world)
        return [self._batch(pairs, members, totals) for members in plan[self._share.rank :: self._share.world]]

    def _batch(self, pairs: Sequence[TokenPair], members: Sequence[int], totals: Totals) -> Batch[Any]:
        # All processes make the same number of passes. One without pairs of its own reads a pair that counts nothing.
        batch = self._collator.batch([pairs[place] for place in members or [0]])
        return replace(batch, totals=totals, scale=float(self._share.world) if members else 0.0)

    def _pairs(self, step: int) -> list[TokenPair]:
        epoch, place = divmod(step, self._steps_per_epoch)
        order = list(range(len(self._rows)))
        Random(f"{self._run.seed}/epoch/{epoch}").shuffle(order)
        chosen = order[place * self._run.pairs_per_step : (place + 1) * self._run.pairs_per_step]
        return [self._encoded(row, Random(f"{self._run.seed}/epoch/{epoch}/row/{row}")) for row in chosen]

    def _encoded(self, row: int, rng: Random) -> TokenPair:
        pair = self._rows[row](rng)
        if pair is not None:
            altered = self._collator.encode(
                self._alterations.altered(rng, pair), swapped=rng.random() < self._alterations.swapped_rationales
            )
            if altered.longest <= self._longest:
                return altered
        first = self._first(self._rows[row])
        assert first is not None
        return self._collator.encode(first)

    def _first(self, row: PairSource) -> Pair | None:
        """The same pair of a row at each call, though the row may make another pair each time."""
        return next((pair for attempt in range(8) if (pair := row(Random(f"{self._run.seed}/first/{attempt}")))), None)

    def _fits(self, row: PairSource) -> bool:
        pair = self._first(row)
        if pair is None:
            self.left_out["row: no worse answer could be made"] += 1
            return False
        if self._collator.encode(pair).longest > self._longest:
            self.left_out[f"row: longer than {self._longest} tokens"] += 1
            return False
        return True
