"""One update of PPO: from rollouts to advantages, then some epochs of steps of the policy and of the value model.

Several processes share each minibatch, and add up their gradients: the update is that of one process.
Sources: see `advantages` and `losses`.
"""

# Shapes:  B = answers   T = tokens of the longest answer

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from themis.rlhf.policy import alike, answer_logits, batch_of, mixed, trained
from themis.rlhf.ppo import losses
from themis.rlhf.ppo.advantages import (
    Scale,
    advantages_and_returns,
    end_penalty,
    kl_per_token,
    masked_mean,
    token_rewards,
    whiten,
    with_end_rule,
)
from themis.rlhf.ppo.models import Models
from themis.rlhf.ppo.rollouts import Rollout
from themis.rlhf.processes import Processes
from themis.rlhf.recipe import RlhfRecipe

Numbers = dict[str, float]
PtxBatch = Callable[[int], tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]]]
"""Prompts and answers of the n-th minibatch of ordinary text."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What the update pulls towards. All [B, T]"""

    old: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    mask: Tensor
    """0 at tokens after the end, and at all tokens of an answer without a score."""


def targets_of(rollouts: Sequence[Rollout], scale: Scale, coefficient: float, recipe: RlhfRecipe) -> tuple[Targets, Numbers]:
    """Advantages and returns of a whole batch, and numbers to log. An answer without a score is masked and counted."""
    old_BT, reference_BT, values_BT = (
        pad_sequence([getattr(rollout, name) for rollout in rollouts], batch_first=True)
        for name in ("log_probs_N", "reference_N", "values_N")
    )
    mask_BT = pad_sequence([torch.ones(len(rollout.token_ids)) for rollout in rollouts], batch_first=True)
    ended_B = torch.tensor([rollout.ended for rollout in rollouts])
    judged_B = torch.tensor([rollout.reward is not None for rollout in rollouts])
    reward_B = torch.tensor([0.0 if rollout.reward is None else rollout.reward for rollout in rollouts])
    score_B = scale.apply(reward_B)
    score_B, counts_B = with_end_rule(score_B, ended_B, end_penalty(recipe.reward.no_end, score_B[judged_B & ended_B]))
    counts_B = counts_B & (judged_B | ~ended_B)
    kl_BT = kl_per_token(old_BT, reference_BT) * mask_BT
    kept_BT = mask_BT * counts_B.unsqueeze(1)
    rewards_BT = token_rewards(score_B, kl_BT, coefficient, kept_BT)
    advantages_BT, returns_BT = advantages_and_returns(rewards_BT, values_BT, kept_BT, recipe.ppo.gamma, recipe.ppo.lam)
    told = {
        "reward": _mean(reward_B[judged_B]),
        "reward_deviation": float(reward_B[judged_B].std(correction=0)) if judged_B.any() else float("nan"),
        "score": _mean(score_B[counts_B]),
        "without_reward": _mean((ended_B & ~judged_B).float()),
        "left_out": int((~counts_B).sum()),
        "ended": _mean(ended_B.float()),
        "length": _mean(mask_BT.sum(1)),
        "kl": _mean(kl_BT.sum(1)),
        "explained_variance": float(losses.explained_variance(values_BT, returns_BT, kept_BT)),
    }
    return Targets(old_BT, values_BT, whiten(advantages_BT, kept_BT), returns_BT, kept_BT), told


def update(
    models: Models, rollouts: Sequence[Rollout], targets: Targets, recipe: RlhfRecipe, step: int, processes: Processes, ptx: PtxBatch | None
) -> Numbers:
    """Some epochs over the answers that count. Returns means of what was measured; empty without one."""
    places = [place for place in range(len(rollouts)) if targets.mask[place].any()]
    sums: defaultdict[str, float] = defaultdict(float)
    done = 0
    for epoch in range(recipe.ppo.epochs):
        order = list(places)
        Random(mixed(recipe.seed, step, epoch)).shuffle(order)
        for minibatch in _divided(order, recipe.ppo.minibatches):
            texts = ptx(step * recipe.ppo.epochs * recipe.ppo.minibatches + done) if ptx and recipe.ppo.ptx else None
            for name, value in _minibatch(models, rollouts, targets, minibatch, recipe, processes, texts).items():
                sums[name] += value
            done += 1
    return {name: value / done for name, value in sums.items()}


def _minibatch(
    models: Models,
    rollouts: Sequence[Rollout],
    targets: Targets,
    places: Sequence[int],
    recipe: RlhfRecipe,
    processes: Processes,
    texts: Any,
) -> Numbers:
    """One step of both optimizers, from gradients that are added up over parts."""
    settings, size = recipe.ppo, recipe.ppo.answers_at_once
    count = float(targets.mask[list(places)].sum())
    sums: defaultdict[str, float] = defaultdict(float)
    for group in processes.share(alike([rollouts[place].tokens for place in places], size)):
        some = [places[at] for at in group]
        for name, value in _backward(models, rollouts, targets, some, recipe, count).items():
            sums[name] += value
    if texts is not None:
        prompts, answers = texts
        tokens = sum(map(len, answers))
        for start in processes.share(range(0, len(prompts), size)):
            part = prompts[start : start + size], answers[start : start + size]
            sums["ptx_loss"] += _ptx_backward(models, *part, settings.ptx, tokens)
    names = sorted({"policy_loss", "value_loss", "approx_kl", "ratio", "clip_share", "entropy", *(["ptx_loss"] if texts else [])})
    measured = dict(zip(names, processes.sums([sums[name] for name in names]), strict=True))
    for name, module, optimizer in (
        ("policy_gradient", models.policy.lm, models.policy_optimizer),
        ("value_gradient", models.value, models.value_optimizer),
    ):
        weights = [weight for _, weight in trained(module)]
        processes.sum_gradients(weights)
        measured[name] = float(nn.utils.clip_grad_norm_(weights, settings.gradient_clip))
        optimizer.step()
        optimizer.zero_grad()
    return measured


def _backward(
    models: Models, rollouts: Sequence[Rollout], targets: Targets, places: Sequence[int], recipe: RlhfRecipe, count: float
) -> Numbers:
    """Add the gradients of some answers; returns their shares of the minibatch's numbers."""
    settings, policy = recipe.ppo, models.policy
    device = policy.lm.device
    batch = batch_of(
        [rollouts[place].asked.token_ids for place in places],
        [rollouts[place].token_ids for place in places],
        policy.tokenizer.pad_token_id,
        device,
    )
    longest = batch.answer_BT.shape[1]
    rows = list(places)
    old_BT, values_BT, advantages_BT, returns_BT, mask_BT = (
        each[rows, :longest].to(device) for each in (targets.old, targets.values, targets.advantages, targets.returns, targets.mask)
    )
    with policy.computing():
        logits_BTV = answer_logits(policy.lm, batch)
        new_values_BT = models.value(batch)
    new_BT = losses.log_probs_of(logits_BTV, batch.answer_BT, settings.temperature)
    policy_loss = losses.policy_loss(new_BT, old_BT, advantages_BT, mask_BT, settings.clip, count)
    value_loss = losses.value_loss(new_values_BT, values_BT, returns_BT, mask_BT, settings.value_clip, count)
    (policy_loss + value_loss).backward()  # no weight is in both
    with torch.no_grad():
        share = float(mask_BT.sum()) / count
        entropy_BT = losses.entropy_of(logits_BTV, settings.temperature)
        return {
            "policy_loss": float(policy_loss),
            "value_loss": float(value_loss),
            "approx_kl": share * float(losses.approx_kl(new_BT, old_BT, mask_BT)),
            "ratio": share * float(masked_mean(torch.exp(new_BT - old_BT), mask_BT)),
            "clip_share": share * float(losses.clip_share(new_BT, old_BT, mask_BT, settings.clip)),
            "entropy": share * float(masked_mean(entropy_BT, mask_BT)),
        }


def _ptx_backward(models: Models, prompts: Any, answers: Any, weight: float, tokens: int) -> float:
    """Add the gradients of ordinary text; returns its share of the loss."""
    policy = models.policy
    batch = batch_of(prompts, answers, policy.tokenizer.pad_token_id, policy.lm.device)
    with policy.computing():
        logits_BTV = answer_logits(policy.lm, batch)
    loss = losses.ptx_loss(logits_BTV, batch.answer_BT, batch.mask_BT, tokens)
    (weight * loss).backward()
    return float(loss.detach())


def _divided(places: Sequence[int], parts: int) -> list[Sequence[int]]:
    """Even parts, without empty ones."""
    cuts = [len(places) * part // parts for part in range(parts + 1)]
    return [places[start:end] for start, end in pairwise(cuts) if end > start]


def _mean(values: Tensor) -> float:
    return float(values.float().mean()) if values.numel() else float("nan")
