"""Attention over rows that are packed into one sequence: nothing is padded except inside attention itself.

Every other layer of a decoder works token by token, so sequences can simply be joined. Attention gathers the packed
queries, keys and values into rows. Each row attends to itself alone, and the result is packed again. Two rows may
share tokens, such as the prompt of a pair. Those are computed once and both rows read them.
"""

# Shapes:  N = tokens of the packed sequence   S = rows of a group   T = tokens of its longest row
#          A = attention heads   D = width of a head

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from themis.model.dense_attention import attend

PACKED = "themis_packed"
"""The name of this attention in transformers' registry."""

EAGER_UP_TO = 768
"""On the CPU, eager attention trains faster on rows up to this length: the fused kernel has no backward pass."""


class PackedRows(NamedTuple):
    """Which packed tokens make up each row."""

    groups: Sequence[Tensor]
    """[S, T] each: the places of each row's tokens, filled up with any place. Rows of like length form a group."""
    owner_N: Tensor
    """For each packed token its place among the tokens of all groups."""

    def arguments(self, lm: PreTrainedModel) -> dict[str, Any]:
        """What a backbone whose attention is `PACKED` is given to attend so."""
        del lm
        # transformers takes a mask of four dimensions as it is; packed attention does not look at it.
        mask = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=self.owner_N.device)
        return {"attention_mask": mask, "packed_rows": self}


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    packed_rows: PackedRows | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface; without `packed_rows` it is PyTorch's own attention."""
    if packed_rows is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs)
    query_NAD, key_NAD, value_NAD = (part[0].transpose(0, 1) for part in (query, key, value))
    read = [
        _attend(
            _rows(query_NAD, index_ST),
            _rows(key_NAD, index_ST),
            _rows(value_NAD, index_ST),
            query.shape[-1] ** -0.5 if scaling is None else scaling,
            dropout,
            sliding_window,
        ).flatten(0, 1)
        for index_ST in packed_rows.groups
    ]
    return torch.cat(read).index_select(0, packed_rows.owner_N).unsqueeze(0), None


def _rows(part_NAD: Tensor, index_ST: Tensor) -> Tensor:
    """[S, A, T, D]"""
    flat = part_NAD.reshape(part_NAD.shape[0], -1).index_select(0, index_ST.flatten())
    return flat.view(*index_ST.shape, *part_NAD.shape[1:]).transpose(1, 2)


def _attend(query: Tensor, key: Tensor, value: Tensor, scaling: float, dropout: float, window: int | None) -> Tensor:
    """Causal attention [S, T, A, D] of each row; no token sees what fills its row up on the right."""
    length = query.shape[2]
    mask_TT = None
    if window is not None and window < length:
        place_T = torch.arange(length, device=query.device)
        behind_TT = place_T[:, None] - place_T
        mask_TT = (behind_TT >= 0) & (behind_TT < window)
    if query.device.type == "cpu" and length <= EAGER_UP_TO and not dropout and torch.is_grad_enabled():
        if mask_TT is None:
            mask_TT = torch.ones(length, length, dtype=torch.bool, device=query.device).tril()
        unseen_TT = torch.zeros(length, length, dtype=query.dtype, device=query.device).masked_fill_(~mask_TT, float("-inf"))
        return attend(query, key, value, scaling, unseen_TT[None]).transpose(1, 2)
    grouped = query.shape[1] != key.shape[1]
    read = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask_TT, dropout_p=dropout, is_causal=mask_TT is None, scale=scaling, enable_gqa=grouped
    )
    return read.transpose(1, 2)


AttentionInterface.register(PACKED, packed_attention)
AttentionMaskInterface.register(PACKED, sdpa_mask)
