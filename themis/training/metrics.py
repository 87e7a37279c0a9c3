"""Accuracy of a model on pairs with given traces, while it trains. Live judging is `themis.evaluation`."""

from collections.abc import Sequence

import torch

from themis.data.batches import Encoder, fixed_batches
from themis.model.reward_model import RewardModel
from themis.traces.pair import Pair


@torch.no_grad()
def pair_accuracy(model: RewardModel, encoder: Encoder, pairs: Sequence[Pair], length: int, pad_id: int) -> dict[str, float]:
    """Share of pairs whose chosen reward is higher, read early and at the end; a pair that is too long counts as wrong."""
    right_early = right_final = 0
    for _, batch in fixed_batches(encoder, pairs, length, pad_id):
        hidden = model(batch["token_ids"].to(model.score.weight.device))
        chosen, rejected = model.rewards_at(hidden, batch["reward_index"].to(hidden.device)).chunk(2)
        early, final = (chosen > rejected).sum(0).tolist()
        right_early, right_final = right_early + early, right_final + final
    return {"early_accuracy": right_early / max(1, len(pairs)), "accuracy": right_final / max(1, len(pairs))}
