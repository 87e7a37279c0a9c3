"""Who sees whom in a row that forks: every token what stands before it in the trunk and in its own branch."""

# Shapes:  P = rows   T = tokens of a row

import torch
from torch import Tensor


def fork_mask(branch_PT: Tensor, additive: bool, dtype: torch.dtype = torch.float32) -> Tensor:
    """The mask [P, 1, T, T] of rows whose tokens are of the trunk (0) or of a branch: true where a token is seen.

    `additive`: 0 there and the lowest number elsewhere, as attention written out by transformers wants it.
    """
    length = branch_PT.shape[1]
    before_TT = torch.ones(length, length, dtype=torch.bool, device=branch_PT.device).tril()
    seen_PTT = before_TT & ((branch_PT[:, None, :] == 0) | (branch_PT[:, None, :] == branch_PT[:, :, None]))
    if not additive:
        return seen_PTT[:, None]
    lowest = torch.finfo(dtype).min
    return torch.zeros(seen_PTT.shape, dtype=dtype, device=branch_PT.device).masked_fill_(~seen_PTT, lowest)[:, None]
