"""Attention in rows that hold both judgements of a pair and the prefix that they share once.

A token attends to the tokens before it in the prefix and in its own branch.
"""

# Shapes:  P = rows   T = tokens of a row

from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from themis.model.dense_attention import DENSE

PREFIX, CHOSEN, REJECTED, PADDING = range(4)
"""The branch of a token; all branches see the prefix."""


class Branches(NamedTuple):
    """Which branch each token belongs to."""

    branch_PT: Tensor

    def arguments(self, lm: PreTrainedModel) -> dict[str, Any]:
        """What a backbone is given to attend so."""
        dtype = torch.bfloat16 if torch.is_autocast_enabled(self.branch_PT.device.type) else lm.dtype
        return {"attention_mask": prefix_mask(self.branch_PT, lm.config._attn_implementation in ("eager", DENSE), dtype)}


def prefix_mask(branch_PT: Tensor, additive: bool, dtype: torch.dtype = torch.float32) -> Tensor:
    """The mask [P, 1, T, T], true where a token is seen.

    With `additive`, as attention by plain products needs it: 0 where a token is seen, elsewhere the lowest number.
    """
    length = branch_PT.shape[1]
    before_TT = torch.ones(length, length, dtype=torch.bool, device=branch_PT.device).tril()
    seen_PTT = before_TT & ((branch_PT[:, None, :] == PREFIX) | (branch_PT[:, None, :] == branch_PT[:, :, None]))
    if not additive:
        return seen_PTT[:, None]
    lowest = torch.finfo(dtype).min
    return torch.zeros(seen_PTT.shape, dtype=dtype, device=branch_PT.device).masked_fill_(~seen_PTT, lowest)[:, None]
