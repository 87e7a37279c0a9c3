"""Attention as plain matrix products, for training on a CPU: PyTorch's fused kernel has a slow backward pass there.

It holds the weights of all tokens for all others, so it takes the square of a row's length in memory.
"""

# Shapes:  S = rows   T = tokens of a row   A = attention heads   D = width of a head

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

DENSE = "themis_dense"
"""The name of this attention in transformers' registry."""


def attend(query_SATD: Tensor, key_SATD: Tensor, value_SATD: Tensor, scaling: float, mask: Tensor) -> Tensor:
    """Attention [S, A, T, D]. `mask` [S or 1, T, K] is added to the scores of K keys, which may have fewer heads."""
    rows, heads, length, width = query_SATD.shape
    groups, keys = key_SATD.shape[1:3]
    # Heads that share keys and values are neighbours.
    query = (query_SATD * scaling).reshape(rows, groups, -1, width)
    scores = (query @ key_SATD.transpose(2, 3)).view(rows, heads, length, keys)
    # In place: the backward pass needs the weights alone, not the scores.
    weights = scores.add_(mask[:, None]).softmax(-1).view(rows, groups, -1, keys)
    return (weights @ value_SATD).view(rows, heads, length, width)


def dense_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface. Without a mask of numbers it is PyTorch's own attention."""
    if attention_mask is None or attention_mask.dtype == torch.bool or dropout:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs)
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    return attend(query, key, value, scaling, attention_mask[:, 0]).transpose(1, 2), None


AttentionInterface.register(DENSE, dense_attention)
AttentionMaskInterface.register(DENSE, sdpa_mask)
