"""Accuracy of a model on pairs with given traces, while it trains. Live judging is `themis.evaluation`."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from themis.losses import TARGET_KINDS
from themis.model.reward_model import RewardModel
from themis.traces.pair import Pair
from themis.training.batches.encode import PairEncoder
from themis.training.batches.layouts import Padded

_ACTION = TARGET_KINDS.index("action")
SIZE = 16
"""Pairs of a batch."""


def measured_batches(encoder: PairEncoder, pairs: Sequence[Pair], length: int, pad_id: int) -> Iterator[Padded]:
    """The pairs of at most `length` tokens, in batches, the shortest first."""
    encoded = sorted((encoder.encode(pair) for pair in pairs), key=lambda pair: pair.longest)
    fitting = [pair for pair in encoded if pair.longest <= length]
    for start in range(0, len(fitting), SIZE):
        group = fitting[start : start + SIZE]
        yield Padded.of_pairs(group, group[-1].longest, pad_id)


@torch.no_grad()
def pair_accuracy(model: RewardModel, encoder: PairEncoder, pairs: Sequence[Pair], length: int, pad_id: int) -> dict[str, float]:
    """Share of pairs whose chosen reward is higher, early and at the end. A pair that is too long counts as wrong.

    For a model that writes traces, also the share of chosen answers whose calls it would write token for token, given
    the tokens before each.
    """
    right_early = right_final = right_calls = 0
    for batch in measured_batches(encoder, pairs, length, pad_id):
        padded = batch.to(model.score.weight.device)
        early, final, calls = padded.read(model, partial(_right, model, padded, encoder.vanilla))
        right_early, right_final, right_calls = right_early + early, right_final + final, right_calls + calls
    count = max(1, len(pairs))
    written = {} if encoder.vanilla else {"calls": right_calls / count}
    return {"early_accuracy": right_early / count, "accuracy": right_final / count, **written}


def _right(model: RewardModel, padded: Padded, vanilla: bool, hidden_STH: Tensor) -> tuple[int, int, int]:
    """How many pairs are right by the early and by the final reward, and how many calls are right."""
    chosen_PK, rejected_PK = padded.rewards(model, hidden_STH).chunk(2)
    early, final = (chosen_PK > rejected_PK).sum(0).tolist()
    return early, final, 0 if vanilla else _calls_written(model, padded, hidden_STH)


def _calls_written(model: RewardModel, padded: Padded, hidden_STH: Tensor) -> int:
    """How many chosen answers (the first half of the rows) have every token of their thoughts and calls predicted."""
    chosen = len(hidden_STH) // 2
    is_call = padded.kinds_YX[:chosen, 1:] == _ACTION
    rows, _ = is_call.nonzero(as_tuple=True)
    missed = model.lm_logits(hidden_STH[:chosen, :-1][is_call]).argmax(-1) != padded.token_ids_YX[:chosen, 1:][is_call]
    return chosen - len(rows[missed].unique())
