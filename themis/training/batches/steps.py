"""Pairs to tensors: what the trainer is given at each step.

A step's batch is a function of the seed and the step alone, so a run that was killed goes on with
the same batches. Sequences are padded on the right to one of a few lengths, which keeps compiled
kernels few and needs no attention mask: causal attention never looks at what comes after.
"""

# Shapes:  S = sequences (the chosen answers first, then the rejected ones)   T = tokens, padded
#          K = 2 reward indices: the early one, at `<|rationale|>`, and the final one, at `<|reward|>`

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset

from themis.data.mixture import Mixture
from themis.losses import TARGET_KINDS
from themis.traces import Case, Trace
from themis.traces.pair import Pair
from themis.traces.segments import Segment, SegmentWriter, loss_kinds, token_ids
from themis.traces.token_row import NO_TARGET, Numbered
from themis.training.batches.shared_prefix import fork, forked_length, single

Batch = dict[str, Tensor]


class Drills(Protocol):
    """Short exercises, each of tokens drawn from a vocabulary."""

    def copy(self, rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> Numbered:
        """Something to copy."""

    def match(self, rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[Numbered, Numbered]:
        """A claim that agrees with a finding, and one that does not."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns pairs into sequences for one kind of model."""

    writer: SegmentWriter
    vanilla: bool = False
    """A vanilla reward model reads its reward right after the case."""

    def pair(self, pair: Pair, swapped: bool = False) -> tuple[Numbered, Numbered]:
        """The chosen and the rejected judgement; only the chosen answer's own tokens are targets.

        With `swapped` each has the other's rationale, which then is no target: so the final reward learns to weigh
        what a rationale says against what was observed, and a slip while writing does not decide.
        """
        traces = pair.chosen.trace, pair.rejected.trace
        if swapped and traces[0] is not None and traces[1] is not None:
            traces = replace(traces[0], rationale=traces[1].rationale), replace(traces[1], rationale=traces[0].rationale)
        chosen = self._sequence(pair.chosen_case, traces[0], chosen=True)
        both = chosen, self._sequence(pair.rejected_case, traces[1], chosen=False)
        return (_rationale_given(both[0]), _rationale_given(both[1])) if swapped else both

    def _sequence(self, case: Case, trace: Trace | None, chosen: bool) -> Numbered:
        writer = self.writer
        if self.vanilla or trace is None:
            segments = [*writer.prompt(case), writer.reward()]
            early = len(token_ids(segments)) - 1
        else:
            segments = writer.judgement(case, trace)
            early = sum(len(segment.token_ids) for segment in segments[:-2])
        return _numbers(segments, early, chosen)


def _numbers(segments: list[Segment], early: int, chosen: bool) -> Numbered:
    ids = token_ids(segments)
    kinds = [
        TARGET_KINDS.index(kind) if kind in TARGET_KINDS and (chosen or kind != "answer") else NO_TARGET for kind in loss_kinds(segments)
    ]
    return Numbered(ids, kinds, early, len(ids) - 1)


def _rationale_given(sequence: Numbered) -> Numbered:
    untouched = sequence.early_index + 1
    return replace(sequence, kinds=[*sequence.kinds[:untouched], *[NO_TARGET] * (len(sequence.kinds) - untouched)])


def collate(sequences: Sequence[Numbered], length: int, pad_id: int, pairs: bool = True) -> Batch:
    """Tensors of sequences padded on the right to `length`; without `pairs` no reward is read."""
    width = range(len(sequences))
    ids_ST = torch.full((len(sequences), length), pad_id, dtype=torch.long)
    kinds_ST = torch.full((len(sequences), length), NO_TARGET, dtype=torch.long)
    for row, sequence in zip(width, sequences, strict=True):
        ids_ST[row, : len(sequence.token_ids)] = torch.tensor(sequence.token_ids)
        kinds_ST[row, : len(sequence.kinds)] = torch.tensor(sequence.kinds)
    index_SK = torch.tensor([[sequence.early_index, sequence.reward_index] for sequence in sequences] if pairs else [], dtype=torch.long)
    return {"token_ids": ids_ST, "kinds": kinds_ST, "reward_index": index_SK.view(-1, 2)}


POOL_STEPS = 64
"""Batches that are made together, so that each can hold pairs of like length."""


class StepBatches(Dataset[Batch]):
    """Item `step` is the batch of that step: copy drills first, then pairs, and among them drills of copying and matching."""

    def __init__(
        self,
        encoder: Encoder,
        mixture: Mixture,
        *,
        seed: int,
        steps: int,
        drill_steps: int,
        drill_share: float,
        tokens: int,
        lengths: Sequence[int],
        pad_id: int,
        vocabulary: Sequence[int],
        drills: Drills | None = None,
        forked: bool = False,
        workers: int = 1,
        pool_steps: int = POOL_STEPS,
    ) -> None:
        self._encoder, self._mixture, self._seed = encoder, mixture, seed
        self._steps, self._drill_steps, self._drill_share = steps, drill_steps, drill_share
        self._tokens, self._lengths, self._pad_id, self._pool_steps = tokens, tuple(lengths), pad_id, pool_steps
        self._vocabulary = vocabulary
        self._drills = drills
        self._forked, self._workers = forked, workers
        # A row that forks holds both judgements of a pair, each of which may be as long as the last of the lengths.
        self._row_lengths = (*self._lengths, 3 * self._lengths[-1] // 2, 2 * self._lengths[-1]) if forked else self._lengths
        self._pool = lru_cache(maxsize=2)(self._make_pool)

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        rng = Random(f"{self._seed}/step/{step}")
        if step < self._drill_steps or rng.random() < self._drill_share:
            assert self._drills is not None
            make = rng.choice((self._copy_drills, self._copy_drills, self._copy_drills, self._match_drills))
            return make(rng, self._drills)
        # Worker w makes the steps w, w + workers, ...: each has pools of its own, so that none is made twice.
        pool, place = divmod((step - self._drill_steps) // self._workers, self._pool_steps)
        return self._pool(pool * self._workers + step % self._workers)[place]

    def _make_pool(self, number: int) -> list[Batch]:
        """Batches of pairs of like length, in random order: what does not fill a batch is left out."""
        rng = Random(f"{self._seed}/pool/{number}")
        waiting: dict[int, list[tuple[Numbered, Numbered]]] = {length: [] for length in self._row_lengths}
        batches: list[Batch] = []
        while len(batches) < self._pool_steps:
            _, pair = self._mixture.draw(rng)
            both = self._encoder.pair(pair, swapped=rng.random() < self._mixture.swapped_rationales)
            if max(len(side.token_ids) for side in both) > self._lengths[-1]:
                continue
            length = self._row_length([both])
            waiting[length].append(both)
            if len(waiting[length]) == self._pairs_in(length):
                batches.append(self._of_pairs(waiting.pop(length), length))
                waiting[length] = []
        rng.shuffle(batches)
        return batches

    def _row_length(self, pairs: Sequence[tuple[Numbered, Numbered]]) -> int:
        """What pairs are padded to: the next length that holds each one's row where rows fork, else its longer judgement."""
        longest = max(forked_length(*pair) if self._forked else max(len(side.token_ids) for side in pair) for pair in pairs)
        return next(length for length in self._row_lengths if length >= longest)

    def _pairs_in(self, length: int) -> int:
        return max(1, self._tokens // (length if self._forked else 2 * length))

    def _of_pairs(self, pairs: Sequence[tuple[Numbered, Numbered]], length: int) -> Batch:
        if self._forked:
            return fork(pairs, length, self._pad_id)
        return collate([pair[0] for pair in pairs] + [pair[1] for pair in pairs], length, self._pad_id)

    def _of_sequences(self, sequences: Sequence[Numbered], length: int) -> Batch:
        return single(sequences, length, self._pad_id) if self._forked else collate(sequences, length, self._pad_id, pairs=False)

    def _copy_drills(self, rng: Random, make: Drills) -> Batch:
        length = rng.choice(self._lengths[1:4] or self._lengths)
        drills: list[Numbered] = []
        while len(drills) < max(1, self._tokens // length):
            drill = make.copy(rng, self._encoder.writer, self._vocabulary)
            # Short ones beside long ones would be padding for the most part.
            if length // 3 < len(drill.token_ids) <= length:
                drills.append(drill)
        return self._of_sequences(drills, length)

    def _match_drills(self, rng: Random, make: Drills) -> Batch:
        length = self._lengths[0]
        drills: list[tuple[Numbered, Numbered]] = []
        while len(drills) < max(1, self._tokens // (2 * length)):
            drill = make.match(rng, self._encoder.writer, self._vocabulary)
            if max(len(side.token_ids) for side in drill) <= length:
                drills.append(drill)
        return self._of_pairs(drills, self._row_length(drills))


def fixed_batches(encoder: Encoder, pairs: Sequence[Pair], length: int, pad_id: int, size: int = 16) -> Iterator[tuple[list[int], Batch]]:
    """Batches over given pairs, for measuring: the places of the pairs, shortest first, and their tensors."""
    encoded = [(place, *encoder.pair(pair)) for place, pair in enumerate(pairs)]
    fitting = [row for row in encoded if max(len(row[1].token_ids), len(row[2].token_ids)) <= length]
    fitting.sort(key=lambda row: max(len(row[1].token_ids), len(row[2].token_ids)))
    for start in range(0, len(fitting), size):
        rows = fitting[start : start + size]
        longest = max(max(len(row[1].token_ids), len(row[2].token_ids)) for row in rows)
        yield [row[0] for row in rows], collate([row[1] for row in rows] + [row[2] for row in rows], longest, pad_id)
