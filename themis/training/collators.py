"""Pairs to batches, for each kind of reward model.

A collator encodes pairs as token rows, plans which pairs are read together, and lays them out as tensors. It holds no
weights, so that another process can do the work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from themis.model.encoder import CaseWriter, Written
from themis.traces.pair import Pair
from themis.traces.token_row import NO_TARGET, TokenPair, TokenRow
from themis.training.batches.encode import PairEncoder
from themis.training.batches.layouts import Batch, Layout, Masked, Packed, Padded
from themis.training.packing import bins, like_lengths


class Collator(Protocol):
    """From pairs to batches."""

    def encode(self, pair: Pair, swapped: bool = False) -> TokenPair:
        """The token rows of a pair; `swapped` exchanges its rationales."""

    def plan(self, pairs: Sequence[TokenPair], most: int, multiple: int) -> list[list[int]]:
        """The places of the pairs of each batch: about `most` tokens a batch, a multiple of `multiple` batches."""

    def batch(self, pairs: Sequence[TokenPair]) -> Batch[Any]:
        """The tensors of several pairs."""


@dataclass(frozen=True, slots=True)
class CausalCollator:
    """For a causal language model: packed if the backbone supports it, else padded on the right."""

    encoder: PairEncoder
    pad_id: int
    packed: bool = True
    margin: bool = False

    def encode(self, pair: Pair, swapped: bool = False) -> TokenPair:
        return self.encoder.encode(pair, swapped, _margin(pair) if self.margin else 0.0)

    def plan(self, pairs: Sequence[TokenPair], most: int, multiple: int) -> list[list[int]]:
        if self.packed:
            return bins([pair.cost(share=True) for pair in pairs], most, multiple)
        return like_lengths([pair.longest for pair in pairs], most, multiple)

    def batch(self, pairs: Sequence[TokenPair]) -> Batch[Layout]:
        layout = Packed.of_pairs(pairs) if self.packed else Padded.of_pairs(pairs, max(pair.longest for pair in pairs), self.pad_id)
        return Batch(layout, _margins(pairs))


@dataclass(frozen=True, slots=True)
class EncoderCollator:
    """For a sequence classifier. The early index of a row is where the answer begins; no token is a target."""

    writer: CaseWriter
    margin: bool = False

    def encode(self, pair: Pair, swapped: bool = False) -> TokenPair:
        del swapped
        chosen, rejected = (_classified(self.writer(case)) for case in (pair.chosen_case, pair.rejected_case))
        return TokenPair(chosen, rejected, _margin(pair) if self.margin else 0.0)

    def plan(self, pairs: Sequence[TokenPair], most: int, multiple: int) -> list[list[int]]:
        return like_lengths([pair.longest for pair in pairs], most, multiple)

    def batch(self, pairs: Sequence[TokenPair]) -> Batch[Masked]:
        return Batch(Masked.of_pairs(pairs, self.writer), _margins(pairs))


def _classified(written: Written) -> TokenRow:
    length = len(written.token_ids)
    return TokenRow(written.token_ids, [NO_TARGET] * length, written.answer_at, length - 1)


def _margin(pair: Pair) -> float:
    return pair.chosen.score - pair.rejected.score


def _margins(pairs: Sequence[TokenPair]) -> Tensor:
    return torch.tensor([pair.margin for pair in pairs])
