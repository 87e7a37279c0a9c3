"""The steps of a run on an infinite stream of pairs.

A step is a function of the seed and its number alone, so a resumed run reads the same batches. Rows are padded on the
right to one of a few lengths, which keeps compiled kernels few.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Protocol

from torch.utils.data import Dataset

from themis.data.mixture import Mixture
from themis.traces.segments import SegmentWriter
from themis.traces.token_row import TokenPair, TokenRow
from themis.training.batches.encode import PairEncoder
from themis.training.batches.layouts import Batch, Padded, RowLayout, Step
from themis.training.recipe import Run

POOL_STEPS = 64
"""Batches that are made together, so that each can hold pairs of like length."""

CALL_ROWS = 96
"""Cases from which those of like length are taken for a step of calls alone."""


class Drills(Protocol):
    """Short exercises, each of tokens drawn from a vocabulary."""

    def copy(self, rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> TokenRow:
        """Something to copy."""

    def match(self, rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> TokenPair:
        """A claim that agrees with a finding, and one that does not."""


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """Which steps are drills."""

    drills: Drills
    vocabulary: Sequence[int]
    """The tokens that drills are made of."""
    steps: int = 0
    """Steps at the start that are drills."""
    share: float = 0.0
    """Share of drills among the later steps."""


class StepBatches(Dataset[Step]):
    """Steps of one batch each: first drills, then pairs, and shares of drills and of calls alone among the pairs."""

    def __init__(
        self,
        encoder: PairEncoder,
        mixture: Mixture,
        run: Run,
        *,
        pad_id: int,
        layout: type[RowLayout] = Padded,
        drills: DrillPlan | None = None,
        call_share: float = 0.0,
        pool_steps: int = POOL_STEPS,
    ) -> None:
        self._encoder, self._mixture, self._run, self._pad_id, self._layout = encoder, mixture, run, pad_id, layout
        self._drills, self._call_share, self._pool_steps = drills, call_share, pool_steps
        self._row_lengths = layout.lengths(run.lengths)
        self._pool = lru_cache(maxsize=2)(self._make_pool)

    def __len__(self) -> int:
        return self._run.steps

    def __getitem__(self, step: int) -> Step:
        return [Batch(self._rows(step))]

    def _rows(self, step: int) -> RowLayout:
        rng = Random(f"{self._run.seed}/step/{step}")
        drills = self._drills
        if drills and (step < drills.steps or rng.random() < drills.share):
            make = rng.choice((self._copy_drills, self._copy_drills, self._copy_drills, self._match_drills))
            return make(rng, drills)
        if self._call_share and rng.random() < self._call_share:
            return self._calls(rng)
        # Worker w makes the steps w, w + workers, ...: each has pools of its own, so that no pool is made twice.
        workers, before = self._run.workers, drills.steps if drills else 0
        pool, place = divmod((step - before) // workers, self._pool_steps)
        return self._pool(pool * workers + step % workers)[place]

    def _make_pool(self, number: int) -> list[RowLayout]:
        """Batches of pairs of like length, in random order. Pairs that do not fill a batch are left out."""
        rng = Random(f"{self._run.seed}/pool/{number}")
        waiting: dict[int, list[TokenPair]] = {length: [] for length in self._row_lengths}
        batches: list[RowLayout] = []
        while len(batches) < self._pool_steps:
            _, pair = self._mixture.draw(rng)
            encoded = self._encoder.encode(pair, swapped=rng.random() < self._mixture.swapped_rationales)
            if encoded.longest > self._run.lengths[-1]:
                continue
            length = self._row_length([encoded])
            waiting[length].append(encoded)
            if len(waiting[length]) == self._layout.pairs_in(self._run.tokens_per_step, length):
                batches.append(self._layout.of_pairs(waiting.pop(length), length, self._pad_id))
                waiting[length] = []
        rng.shuffle(batches)
        return batches

    def _calls(self, rng: Random) -> RowLayout:
        """Judgements of many questions, each up to its last call: cases of like length, as many as a batch holds."""
        rows: list[TokenRow] = []
        while len(rows) < CALL_ROWS:
            row = self._encoder.calls(self._mixture.draw(rng)[1], chosen=rng.random() < 0.5)
            if row is not None and len(row) <= self._run.lengths[-1]:
                rows.append(row)
        rows.sort(key=len)
        last = rng.randrange(len(rows))
        length = -(-len(rows[last]) // 64) * 64
        first = max(0, last + 1 - max(1, self._run.tokens_per_step // length))
        return self._layout.of_rows(rows[first : last + 1], length, self._pad_id)

    def _row_length(self, pairs: Sequence[TokenPair]) -> int:
        """The first of the lengths that holds the rows of all pairs."""
        longest = max(self._layout.length(pair) for pair in pairs)
        return next(length for length in self._row_lengths if length >= longest)

    def _copy_drills(self, rng: Random, plan: DrillPlan) -> RowLayout:
        length = rng.choice(self._run.lengths[1:4] or self._run.lengths)
        drills: list[TokenRow] = []
        while len(drills) < max(1, self._run.tokens_per_step // length):
            drill = plan.drills.copy(rng, self._encoder.writer, plan.vocabulary)
            # Short ones beside long ones would be mostly padding.
            if length // 3 < len(drill) <= length:
                drills.append(drill)
        return self._layout.of_rows(drills, length, self._pad_id)

    def _match_drills(self, rng: Random, plan: DrillPlan) -> RowLayout:
        length = self._run.lengths[0]
        drills: list[TokenPair] = []
        while len(drills) < max(1, self._run.tokens_per_step // (2 * length)):
            drill = plan.drills.match(rng, self._encoder.writer, plan.vocabulary)
            if drill.longest <= length:
                drills.append(drill)
        return self._layout.of_pairs(drills, self._row_length(drills), self._pad_id)
