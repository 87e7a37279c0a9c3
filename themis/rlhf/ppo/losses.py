"""The losses of PPO and the numbers that people watch: pure functions of tensors.

Knows nothing of models. Masks are as in `advantages`.

Sources: Proximal Policy Optimization, arXiv:1707.06347; InstructGPT, arXiv:2203.02155; The N+ Implementation Details
of RLHF with PPO, arXiv:2403.17031; http://joschu.net/blog/kl-approx.html for the KL estimators.
"""

# Shapes:  B = answers   T = tokens of the longest answer   V = vocabulary

import torch
from torch import Tensor

from themis.rlhf.ppo.advantages import masked_mean, masked_variance


def log_probs_of(logits_BTV: Tensor, token_BT: Tensor, temperature: float = 1.0) -> Tensor:
    """The log-probability of each token, in float32, under the tempered distribution that it was drawn from. [B, T]

    Source: arXiv:2403.17031.
    """
    logits_BTV = logits_BTV.float() / temperature
    chosen_BT = logits_BTV.gather(-1, token_BT.unsqueeze(-1)).squeeze(-1)
    return chosen_BT - logits_BTV.logsumexp(-1)


def entropy_of(logits_BTV: Tensor, temperature: float = 1.0) -> Tensor:
    """The entropy of each token's distribution in nats. [B, T]"""
    logits_BTV = logits_BTV.float() / temperature
    total_BT = logits_BTV.logsumexp(-1)
    return total_BT - (logits_BTV.softmax(-1) * logits_BTV).sum(-1)


def policy_loss(new_BT: Tensor, old_BT: Tensor, advantage_BT: Tensor, mask_BT: Tensor, clip: float, count: Tensor | float) -> Tensor:
    """Sum of max(-A r, -A clip(r, 1 - clip, 1 + clip)) over the unmasked tokens, divided by `count`.

    r is the ratio of the new probability of a token to the old one. `count` is the number of tokens of the whole
    minibatch, so that the gradients of its parts add up to its own.
    Source: arXiv:1707.06347, eq. 7.
    """
    ratio_BT = torch.exp((new_BT - old_BT) * mask_BT)
    plain_BT = -advantage_BT * ratio_BT
    clipped_BT = -advantage_BT * ratio_BT.clamp(1 - clip, 1 + clip)
    return (torch.maximum(plain_BT, clipped_BT) * mask_BT).sum() / count


def value_loss(new_BT: Tensor, old_BT: Tensor, return_BT: Tensor, mask_BT: Tensor, clip: float | None, count: Tensor | float) -> Tensor:
    """Half the squared error of the values, and where it is larger, that of values clipped to old +- clip.

    Source: arXiv:2403.17031, after OpenAI's baselines. With `clip` None there is no clipping.
    """
    error_BT = (new_BT - return_BT).square()
    if clip is not None:
        near_BT = torch.minimum(torch.maximum(new_BT, old_BT - clip), old_BT + clip)
        error_BT = torch.maximum(error_BT, (near_BT - return_BT).square())
    return 0.5 * (error_BT * mask_BT).sum() / count


def ptx_loss(logits_BTV: Tensor, token_BT: Tensor, mask_BT: Tensor, count: Tensor | float) -> Tensor:
    """Cross-entropy of the unmasked tokens of ordinary text, summed and divided by `count`. [B, T, V] and [B, T]

    `logits_BTV` are those that each token is predicted from. InstructGPT adds this loss with the coefficient 27.8, so
    that the policy keeps what it could. It is also the loss of the supervised start.
    Source: arXiv:2203.02155, eq. 2.
    """
    return -(log_probs_of(logits_BTV, token_BT) * mask_BT).sum() / count


def clip_share(new_BT: Tensor, old_BT: Tensor, mask_BT: Tensor, clip: float) -> Tensor:
    """The share of unmasked tokens whose ratio is outside 1 +- clip."""
    return masked_mean(((torch.exp(new_BT - old_BT) - 1).abs() > clip).float(), mask_BT)


def approx_kl(new_BT: Tensor, old_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """How far the update moved: the mean of (r - 1) - log r, which is never negative: Schulman's k3."""
    log_ratio_BT = (new_BT - old_BT) * mask_BT
    return masked_mean(torch.expm1(log_ratio_BT) - log_ratio_BT, mask_BT)


def explained_variance(value_BT: Tensor, return_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """1 - var(return - value) / var(return): 1 for a perfect value model, 0 for a constant, NaN for equal returns."""
    spread = masked_variance(return_BT, mask_BT)
    left = masked_variance(return_BT - value_BT, mask_BT)
    return torch.where(spread > 0, 1 - left / spread, torch.full_like(spread, torch.nan))
