"""The loss of Tool-Augmented Reward Modeling as pure functions of tensors.

Knows nothing of models, tokenizers or trainers.
Source: arXiv:2310.01045, eq. 2:  L = L_RM + alpha * ( sum_t (L_tool + beta * L_observation) + omega * L_rationale ).
"""

# Shapes:  B = pairs in the batch   N = target tokens in the batch   V = vocabulary   H = hidden width

from collections.abc import Callable, Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from themis.hyperparameters import LossWeights

TARGET_KINDS = ("answer", "action", "observation", "rationale")
"""The kinds of token a language-model loss can be taken over; a target's kind is its index here."""
LOGITS_AT_ONCE = 2**26
"""Logits of more targets than make up this many numbers (256 MiB in float32) are computed in chunks."""


def ranking_loss(chosen_B: Tensor, rejected_B: Tensor, margin_B: Tensor | None = None) -> Tensor:
    """Mean of -log sigmoid(chosen - rejected - margin), in float32.

    Source: InstructGPT, arXiv:2203.02155, eq. 1, for one pair per prompt. Margin: Llama 2, arXiv:2307.09288, eq. 2.
    """
    difference_B = chosen_B.float() - rejected_B.float()
    return -F.logsigmoid(difference_B if margin_B is None else difference_B - margin_B).mean()


def centring_loss(chosen_B: Tensor, rejected_B: Tensor) -> Tensor:
    """Mean square of the sum of a pair's rewards.

    Source: Helping or Herding?, arXiv:2312.09244, eq. 2, as TRL has it.
    """
    return (chosen_B.float() + rejected_B.float()).square().mean()


def language_model_losses(
    read: Callable[[Tensor], Tensor], state_NH: Tensor, target_N: Tensor, kind_N: Tensor, count: Tensor | int | None = None
) -> dict[str, Tensor]:
    """Cross-entropy summed over the tokens of each kind and divided by `count`, by default the number of all targets.

    The paper writes plain sums. Dividing by one common count keeps the balance between kinds that sums give, and makes
    alpha mean the same for short traces as for long ones.

    `read` gives the logits [n, V] of states [n, H]. Large logits are computed in chunks, and again in the backward
    pass, so that memory holds one chunk at a time.
    """
    per_token_N = _cross_entropy(read, state_NH, target_N)
    divisor = max(1, target_N.numel()) if count is None else count
    return {kind: per_token_N[kind_N == index].sum() / divisor for index, kind in enumerate(TARGET_KINDS)}


def _cross_entropy(read: Callable[[Tensor], Tensor], state_NH: Tensor, target_N: Tensor) -> Tensor:
    def chunk(state_nH: Tensor, target_n: Tensor) -> Tensor:
        return F.cross_entropy(read(state_nH).float(), target_n, reduction="none")

    with torch.no_grad():
        vocabulary = read(state_NH[:1]).shape[-1] if len(state_NH) else 0
    size = max(1, LOGITS_AT_ONCE // max(1, vocabulary))
    if len(state_NH) <= size:
        return chunk(state_NH, target_N)
    chunks = zip(state_NH.split(size), target_N.split(size), strict=True)
    return torch.cat([cast(Tensor, checkpoint(chunk, *part, use_reentrant=False)) for part in chunks])


def tara_loss(ranking: Tensor, early: Tensor, language: Mapping[str, Tensor], weights: LossWeights) -> Tensor:
    """Equation 2 of the paper, with the ranking loss of the early reward and the preferred answer's tokens added.

    alpha = 0 gives `ranking` itself, to the bit: the vanilla reward model.
    """
    if weights.alpha == 0:
        return ranking
    factors = {"answer": weights.answer, "action": 1.0, "observation": weights.beta, "rationale": weights.omega}
    written = torch.stack([factors[kind] * language[kind] for kind in TARGET_KINDS]).sum()
    return ranking + weights.early * early + weights.alpha * written
