"""A trained model with fewer layers, for a smaller one to begin with, or with more, for a larger one.

Fewer: the first layers alone. More: each new layer is a copy of the one before it that adds nothing at first, as what its attention
and its feed-forward part give back is multiplied by zeros; so the model computes what it did, and learns on from there.
Source of the second: Net2Net, arXiv:1511.05641 (growth that keeps the function); LLaMA Pro, arXiv:2401.02415 (zeroed copies).
"""

from copy import deepcopy
from typing import Any, cast

import torch
from torch import nn

from themis.errors import ConfigError
from themis.model.reward_model import RewardModel

_GIVES_BACK = ("self_attn.o_proj", "mlp.down_proj")
"""The matrices that write into the stream between layers, as Llama, Qwen and Mistral name them."""


def set_depth(model: RewardModel, count: int) -> None:
    """Make it a model of `count` layers; raises `ConfigError` where the backbone's layers are of another make."""
    layers = cast(nn.ModuleList, model.lm.base_model.layers)
    if count == len(layers):
        return
    config: Any = model.lm.config
    if count < len(layers):
        model.lm.base_model.layers = layers[:count]
    else:
        model.lm.base_model.layers = nn.ModuleList(_grown(list(layers), count, config.model_type))
    for place, layer in enumerate(model.lm.base_model.layers):
        attention = getattr(layer, "self_attn", None)
        if attention is not None and hasattr(attention, "layer_idx"):
            cast(Any, attention).layer_idx = place  # its place in the cache
    set_depth_of(config, count)


def set_depth_of(config: Any, count: int) -> None:
    """The configuration of a model of so many layers."""
    config.num_hidden_layers = count
    if getattr(config, "layer_types", None):
        config.layer_types = (config.layer_types + [config.layer_types[-1]] * count)[:count]


def _grown(layers: list[nn.Module], count: int, model_type: str) -> list[nn.Module]:
    """The new ones stand as evenly as can be among the old, none before the first."""
    grown: list[nn.Module] = []
    for place, layer in enumerate(layers):
        grown.append(layer)
        while len(grown) - place - 1 < (count - len(layers)) * (place + 1) // len(layers):
            grown.append(_adding_nothing(layer, model_type))
    return grown


@torch.no_grad()
def _adding_nothing(layer: nn.Module, model_type: str) -> nn.Module:
    copied = deepcopy(layer)
    for name in _GIVES_BACK:
        try:
            part = copied.get_submodule(name)
        except AttributeError:
            raise ConfigError(f"backbone.layers: a layer of a '{model_type}' has no {name}, so none can be added to it") from None
        for parameter in part.parameters():
            parameter.zero_()
    return copied
