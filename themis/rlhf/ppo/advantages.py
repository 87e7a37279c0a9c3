"""From the scores of answers to advantages: pure functions of tensors.

Knows nothing of models, tokenizers or judges. A mask is 1 where a token of an answer counts, else 0. Tokens after the
end of an answer, and all tokens of an answer without a reward, have 0.

Sources: InstructGPT, arXiv:2203.02155; The N+ Implementation Details of RLHF with PPO, arXiv:2403.17031;
High-Dimensional Continuous Control Using Generalized Advantage Estimation, arXiv:1506.02438; Fine-Tuning Language
Models from Human Preferences, arXiv:1909.08593.
"""

# Shapes:  B = answers in the batch   T = tokens of the longest answer, its end included

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values where the mask is 1; 0 where there are none."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def masked_variance(values: Tensor, mask: Tensor) -> Tensor:
    """Variance of the values where the mask is 1, divided by their number less one."""
    mean = masked_mean(values, mask)
    return ((values - mean).square() * mask).sum() / (mask.sum() - 1).clamp(min=1)


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Values with mean 0 and variance 1 over the unmasked tokens; masked ones become 0.

    Source: arXiv:2403.17031. Theirs also whitens padding, which changes mean and variance.
    """
    spread = torch.rsqrt(masked_variance(values, mask) + 1e-8)
    return (values - masked_mean(values, mask)) * spread * mask


def kl_per_token(log_probs_BT: Tensor, reference_BT: Tensor) -> Tensor:
    """The estimate log p(token) - log p_reference(token) of the divergence, one a token. It may be negative.

    Source: arXiv:2203.02155, eq. 2, and arXiv:2403.17031: the estimator k1.
    """
    return log_probs_BT - reference_BT


def token_rewards(score_B: Tensor, kl_BT: Tensor, coefficient: float, mask_BT: Tensor) -> Tensor:
    """-coefficient * KL at each token, and the score of the whole answer at its last one. [B, T]

    An answer without any unmasked token gets 0 everywhere.
    Source: arXiv:2403.17031.
    """
    rewards_BT = -coefficient * kl_BT * mask_BT
    last_B = mask_BT.sum(1).long() - 1
    has_token = last_B >= 0
    rewards_BT[has_token, last_B[has_token]] += score_B[has_token]
    return rewards_BT


def with_end_rule(score_B: Tensor, ended_B: Tensor, penalty: float | None) -> tuple[Tensor, Tensor]:
    """The scores after the EOS trick, and which of them exist.

    An answer that did not end by itself gets the fixed score `penalty`, whatever the judge said of its beginning. With
    None it gets no reward and leaves the update.
    Source: arXiv:2403.17031, the EOS trick.
    """
    if penalty is None:
        return score_B, ended_B
    return torch.where(ended_B, score_B, torch.full_like(score_B, penalty)), torch.ones_like(ended_B)


def end_penalty(penalty: float | None, judged: Tensor) -> float | None:
    """The score of an answer that does not end: `penalty`, or the lowest of the `judged` scores if that is lower.

    arXiv:2403.17031 has -1, with rewards whose spread on samples is about 1. A judge that is sure puts a wrong answer
    five deviations below the reference answers. Then -1 would be a prize for not ending.
    """
    return min(penalty, float(judged.min())) if penalty is not None and judged.numel() else penalty


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of a judge's rewards on reference answers."""

    mean: float = 0.0
    deviation: float = 1.0

    def apply(self, reward: Tensor) -> Tensor:
        """The reward with the mean of the reference answers at 0, and their deviation as its unit."""
        return (reward - self.mean) / self.deviation


def scale_of(rewards: Sequence[float]) -> Scale | None:
    """The scale by these rewards of reference answers; None where they are fewer than two, or all equal.

    Source: arXiv:2203.02155, section 3.5 (mean 0 on the demonstrations), and arXiv:2403.17031.
    """
    deviation = pstdev(rewards) if len(rewards) > 1 else 0.0
    return Scale(fmean(rewards), deviation) if deviation > 1e-8 else None


def advantages_and_returns(
    rewards_BT: Tensor, values_BT: Tensor, mask_BT: Tensor, gamma: float = 1.0, lam: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation, and the returns (advantage + value) that the value model learns. Both [B, T]

    delta_t = r_t + gamma V_{t+1} - V_t and A_t = delta_t + gamma lam A_{t+1}. After an answer's last token the value
    is 0.
    Source: arXiv:1506.02438, eq. 16; arXiv:2403.17031 has gamma 1 and lam 0.95.
    """
    values_BT = values_BT * mask_BT
    advantages_BT = torch.zeros_like(rewards_BT)
    following_B = next_value_B = torch.zeros_like(rewards_BT[:, 0])
    for place in reversed(range(rewards_BT.shape[1])):
        delta_B = rewards_BT[:, place] + gamma * next_value_B - values_BT[:, place]
        following_B = (delta_B + gamma * lam * following_B) * mask_BT[:, place]
        advantages_BT[:, place] = following_B
        next_value_B = values_BT[:, place]
    return advantages_BT, advantages_BT + values_BT


def next_coefficient(coefficient: float, kl: float, target: float | None, horizon: float, answers: int) -> float:
    """The KL coefficient after a step over so many answers; without a target it stays.

    `kl` is the mean over answers of the summed KL. The step is cut to 20 % of the error.
    Source: arXiv:1909.08593, section 2.2.
    """
    if target is None:
        return coefficient
    error = min(0.2, max(-0.2, kl / target - 1))
    return coefficient * (1 + error * answers / horizon)
