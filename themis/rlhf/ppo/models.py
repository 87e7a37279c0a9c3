"""The models of a PPO run: policy, reference and value model, their optimizers, and their state.

Knows nothing of judges or data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from themis.rlhf.policy import Policy, check_same_words, frozen_twin, load_policy, prepare_training, trained
from themis.rlhf.ppo.value import ValueModel
from themis.rlhf.recipe import RlhfRecipe


@dataclass(frozen=True, slots=True)
class Models:
    """What an update reads and changes."""

    policy: Policy
    reference: Any
    value: ValueModel
    policy_optimizer: Optimizer
    value_optimizer: Optimizer

    def size(self) -> str:
        """How many weights learn."""
        counts = [sum(weight.numel() for _, weight in trained(module)) for module in (self.policy.lm, self.value)]
        return f"trains {counts[0]:,} weights of the policy and {counts[1]:,} of its value model"

    def state(self) -> dict[str, Any]:
        """What was learned, and the optimizers."""
        return {
            "policy": {name: weight.detach() for name, weight in trained(self.policy.lm)},
            "value": {name: weight.detach() for name, weight in trained(self.value)},
            "policy_optimizer": self.policy_optimizer.state_dict(),
            "value_optimizer": self.value_optimizer.state_dict(),
        }

    def put_back(self, state: Mapping[str, Any]) -> None:
        """What `state` gave."""
        for module, name in ((self.policy.lm, "policy"), (self.value, "value")):
            put_back(module, state[name])
        self.policy_optimizer.load_state_dict(state["policy_optimizer"])
        self.value_optimizer.load_state_dict(state["value_optimizer"])


def put_back(module: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Put trained weights into a module."""
    with torch.no_grad():
        for name, weight in trained(module):
            weight.copy_(weights[name])


def optimizer_of(module: nn.Module, learning_rate: float) -> AdamW:
    """AdamW without decay, with the epsilon of arXiv:2403.17031."""
    weights = [weight for _, weight in trained(module)]
    return AdamW(weights, lr=learning_rate, betas=(0.9, 0.95), eps=1e-5, weight_decay=0.0, fused=True)


def load_models(recipe: RlhfRecipe, device: str) -> Models:
    """The models of a recipe, at their start. Raises `ConfigError` where the reference does not fit."""
    torch.manual_seed(recipe.seed)
    policy = load_policy(recipe.policy)
    policy.lm.to(device)
    if recipe.ppo.reference:
        other = load_policy(replace(recipe.policy, name=recipe.ppo.reference))
        check_same_words(policy, other, recipe.ppo.reference)
        reference = other.lm.to(device).requires_grad_(False)
    else:
        reference = frozen_twin(policy.lm, shared=recipe.policy.lora is not None)
    value = ValueModel(policy.lm, recipe.policy, recipe.seed)
    prepare_training(policy.lm, recipe.policy)
    return Models(
        policy,
        reference,
        value,
        optimizer_of(policy.lm, recipe.ppo.learning_rate),
        optimizer_of(value, recipe.ppo.value_learning_rate),
    )
