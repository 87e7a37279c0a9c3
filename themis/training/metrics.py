"""Accuracy of a model on pairs with given traces, while it trains. Live judging is `themis.evaluation`."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from themis.losses import TARGET_KINDS
from themis.model.reward_model import RewardModel
from themis.traces.pair import Pair
from themis.training.batches.steps import Batch, Encoder, fixed_batches

_ACTION = TARGET_KINDS.index("action")


@torch.no_grad()
def pair_accuracy(model: RewardModel, encoder: Encoder, pairs: Sequence[Pair], length: int, pad_id: int) -> dict[str, float]:
    """Share of pairs whose chosen reward is higher, read early and at the end; and, of a model that writes traces, the share
    of chosen answers whose calls it would write token for token, each given those before. A pair that is too long counts as wrong.
    """
    right_early = right_final = right_calls = 0
    for _, batch in fixed_batches(encoder, pairs, length, pad_id):
        placed = {name: tensor.to(model.score.weight.device) for name, tensor in batch.items()}
        early, final, calls = model(placed["token_ids"], then=partial(_right, model, placed, encoder.vanilla))
        right_early, right_final, right_calls = right_early + early, right_final + final, right_calls + calls
    count = max(1, len(pairs))
    written = {} if encoder.vanilla else {"calls": right_calls / count}
    return {"early_accuracy": right_early / count, "accuracy": right_final / count, **written}


def _right(model: RewardModel, batch: Batch, vanilla: bool, hidden_STH: Tensor) -> tuple[int, int, int]:
    """How many pairs are right by the early and by the final reward, and how many calls are."""
    chosen, rejected = model.rewards_at(hidden_STH, batch["reward_index"]).chunk(2)
    early, final = (chosen > rejected).sum(0).tolist()
    return early, final, 0 if vanilla else _calls_written(model, hidden_STH, batch)


def _calls_written(model: RewardModel, hidden_STH: Tensor, batch: Batch) -> int:
    """How many of the chosen answers, the first half of the sequences, have every token of their thoughts and calls foreseen."""
    chosen = len(hidden_STH) // 2
    is_call = batch["kinds"][:chosen, 1:] == _ACTION
    rows, _ = is_call.nonzero(as_tuple=True)
    missed = model.lm_logits(hidden_STH[:chosen, :-1][is_call]).argmax(-1) != batch["token_ids"][:chosen, 1:][is_call]
    return chosen - len(rows[missed].unique())
