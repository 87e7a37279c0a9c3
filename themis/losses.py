"""The loss of Tool-Augmented Reward Modeling as pure functions of tensors.

Knows nothing of models, tokenizers or trainers.
Source: arXiv:2310.01045, eq. 2:  L = L_RM + alpha * ( sum_t (L_tool + beta * L_observation) + omega * L_rationale ).
"""

# Shapes:  B = pairs in the batch   N = target tokens in the batch   V = vocabulary

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

TARGET_KINDS = ("answer", "action", "observation", "rationale")
"""The kinds of token a language-model loss can be taken over; a target's kind is its index here."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each term counts. The paper's main setting is alpha = beta = omega = 1."""

    alpha: float = 1.0
    """All language-model terms; 0 gives the vanilla reward model."""
    beta: float = 1.0
    """Observation tokens."""
    omega: float = 1.0
    """Rationale tokens."""
    answer: float = 1.0
    """The preferred answer's own tokens."""
    early: float = 1.0
    """The ranking loss of the early reward, read before the rationale is written.

    Without alpha there is no trace, and this counts nothing.
    """


def ranking_loss(chosen_B: Tensor, rejected_B: Tensor) -> Tensor:
    """Mean of -log sigmoid(chosen - rejected), in float32.

    Source: InstructGPT, arXiv:2203.02155, eq. 1, for one pair per prompt.
    """
    return -F.logsigmoid(chosen_B.float() - rejected_B.float()).mean()


def language_model_losses(logits_NV: Tensor, target_N: Tensor, kind_N: Tensor) -> dict[str, Tensor]:
    """Cross-entropy summed over the tokens of each kind and divided by N, the targets of all kinds together.

    The paper writes plain sums. Dividing by the one common N keeps the balance between kinds that sums
    give, and makes alpha mean the same for short traces as for long ones.
    """
    per_token_N = F.cross_entropy(logits_NV.float(), target_N, reduction="none")
    count = max(1, target_N.numel())
    return {kind: per_token_N[kind_N == index].sum() / count for index, kind in enumerate(TARGET_KINDS)}


def tara_loss(ranking: Tensor, early: Tensor, language: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """Equation 2 of the paper, with the ranking loss of the early reward and the preferred answer's tokens added.

    alpha = 0 gives `ranking` itself, to the bit: the vanilla reward model.
    """
    if weights.alpha == 0:
        return ranking
    factors = {"answer": weights.answer, "action": 1.0, "observation": weights.beta, "rationale": weights.omega}
    written = torch.stack([factors[kind] * language[kind] for kind in TARGET_KINDS]).sum()
    return ranking + weights.early * early + weights.alpha * written
