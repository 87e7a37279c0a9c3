"""Which token a row writes next: the likeliest of those that its state allows.

Inside an action or a rationale a row may write ordinary tokens and the special tokens that close it,
never another added token (padding, end of text, a chat template's marks): so a trace is always well-formed.
"""

# Shapes:  B = rows   V = vocabulary   S = states in which a row writes

import math
from typing import Any

import torch
from torch import Tensor

from themis.inference.row import WRITING, Row, State
from themis.traces.segments import SegmentWriter


class GreedyChoice:
    """The likeliest allowed token of each row."""

    def __init__(self, tokenizer: Any, writer: SegmentWriter, vocabulary: int, device: torch.device) -> None:
        special = sorted({*tokenizer.get_added_vocab().values(), *tokenizer.all_special_ids})
        allowed_SV = torch.zeros(len(WRITING), vocabulary, dtype=torch.bool)
        allowed_SV[1:, : len(tokenizer)] = True  # rows of the embedding beyond the tokenizer spell nothing
        allowed_SV[:, [token for token in special if token < vocabulary]] = False
        for state, closing in _closing(writer).items():
            allowed_SV[WRITING.index(state), closing] = True
        self._forbidden_SV = ~allowed_SV.to(device)

    def __call__(self, logits_BV: Tensor, rows: list[Row]) -> list[int | None]:
        """A token for each row, None where the model's numbers are none."""
        state_B = torch.tensor([WRITING.index(row.state) for row in rows], device=logits_BV.device)
        likeliest = logits_BV.masked_fill(self._forbidden_SV[state_B], -math.inf).max(-1)
        finite = likeliest.values.isfinite().tolist()
        return [token if is_finite else None for token, is_finite in zip(likeliest.indices.tolist(), finite, strict=True)]


def _closing(writer: SegmentWriter) -> dict[State, list[int]]:
    return {
        "choice": [writer.tool_id, writer.rationale_id],
        "action": [writer.observation_id, writer.rationale_id],
        "rationale": [writer.reward_id],
    }
