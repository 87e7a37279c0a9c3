"""The token a row writes next: of those that its state allows, the likeliest, or one drawn at random.

A call that takes the place of one that was taken back is always drawn: the likeliest would be the same again.

Inside an action or a rationale a row may write ordinary tokens and the special tokens that close it. It never writes
another added token (padding, end of text, a chat template's marks), so a trace is always well-formed.
"""

# Shapes:  B = rows   V = vocabulary   S = states in which a row writes

import math
from typing import Any

import torch
from torch import Tensor

from themis.inference.engine.row import Row
from themis.inference.judgement import WRITING, State
from themis.traces.segments import SegmentWriter

SECOND_TRY = 0.7
"""The temperature of a call that is written again."""


class GreedyChoice:
    """The likeliest allowed token of each row."""

    def __init__(self, tokenizer: Any, writer: SegmentWriter, vocabulary: int, device: torch.device) -> None:
        special = sorted({*tokenizer.get_added_vocab().values(), *tokenizer.all_special_ids})
        allowed_SV = torch.zeros(len(WRITING), vocabulary, dtype=torch.bool)
        allowed_SV[1:, : len(tokenizer)] = True  # rows of the embedding beyond the tokenizer spell nothing
        allowed_SV[:, [token for token in special if token < vocabulary]] = False
        for state, closing in _closing(writer).items():
            allowed_SV[WRITING.index(state), closing] = True
        allowed_SV[WRITING.index("action"), list(writer.call_ids)] = True
        self._forbidden_SV = ~allowed_SV.to(device)

    def __call__(self, logits_BV: Tensor, rows: list[Row]) -> list[int | None]:
        """A token for each row, None where the model's logits are NaN or infinite."""
        allowed_BV = self._allowed(logits_BV, rows)
        likeliest = allowed_BV.max(-1)
        tokens_B = likeliest.indices
        again = [place for place, row in enumerate(rows) if row.is_second_try and row.state == "action"]
        if again:
            tokens_B[again] = _drawn(allowed_BV[again], [rows[place] for place in again], SECOND_TRY)
        return _where(likeliest.values.isfinite(), tokens_B)

    def _allowed(self, logits_BV: Tensor, rows: list[Row]) -> Tensor:
        """The logits, minus infinity for tokens that a row's state does not allow."""
        state_B = torch.tensor([WRITING.index(row.state) for row in rows], device=logits_BV.device)
        return logits_BV.masked_fill(self._forbidden_SV[state_B], -math.inf)


class SampledChoice(GreedyChoice):
    """A token of each row, drawn from the model's probabilities at a temperature.

    Each row has random numbers of its own, so what it writes does not depend on the rows beside it.
    """

    def __init__(self, greedy: GreedyChoice, temperature: float) -> None:
        self._forbidden_SV = greedy._forbidden_SV
        self.temperature = temperature

    def __call__(self, logits_BV: Tensor, rows: list[Row]) -> list[int | None]:
        """A token for each row, None where the model's logits are NaN or infinite."""
        allowed_BV = self._allowed(logits_BV, rows)
        return _where(allowed_BV.amax(-1).isfinite(), _drawn(allowed_BV, rows, self.temperature))


def _drawn(allowed_BV: Tensor, rows: list[Row], temperature: float) -> Tensor:
    """A token of each row [B], by the row's own next random number."""
    allowed_BV = allowed_BV.double()
    sums_BV = (allowed_BV / temperature).softmax(-1).cumsum(-1)
    draws_B1 = torch.tensor([[row.draw()] for row in rows], dtype=torch.float64, device=allowed_BV.device)
    tokens_B = torch.searchsorted(sums_BV, draws_B1 * sums_BV[:, -1:], right=True).squeeze(-1)
    # Rounding may carry a draw past the last sum.
    return torch.where(tokens_B < allowed_BV.shape[-1], tokens_B, allowed_BV.argmax(-1))


def _where(finite_B: Tensor, tokens_B: Tensor) -> list[int | None]:
    return [token if is_finite else None for token, is_finite in zip(tokens_B.tolist(), finite_B.tolist(), strict=True)]


def _closing(writer: SegmentWriter) -> dict[State, list[int]]:
    return {
        "choice": [writer.tool_id, writer.rationale_id],
        "action": [writer.observation_id, writer.rationale_id],
        "rationale": [writer.reward_id],
    }
