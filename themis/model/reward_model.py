"""Any Hugging Face causal language model with a scalar head on the same backbone.

The language-model head writes the trace, the scalar head gives the reward; both read the same last
hidden states. Knows nothing of cases, tools or losses.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 3.2.
"""

# Shapes:  B = sequences in the batch   T = tokens in a sequence   H = hidden width   V = vocabulary
#          K = reward indices of a sequence

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


class RewardModel(nn.Module):
    """A causal language model and a float32 linear head without bias."""

    def __init__(self, lm: PreTrainedModel) -> None:
        super().__init__()
        self.lm = lm
        self.score = nn.Linear(hidden_size(lm), 1, bias=False, dtype=torch.float32, device=lm.device)
        nn.init.normal_(self.score.weight, std=1.0 / (hidden_size(lm) + 1) ** 0.5)

    @property
    def config(self) -> Any:
        """The backbone's own configuration."""
        return self.lm.config

    @property
    def context_length(self) -> int:
        """The most tokens one judgement may have."""
        return int(self.config.get_text_config().max_position_embeddings)

    def hidden_states(self, token_ids_BT: Tensor, attention_mask: Tensor | None = None, **kwargs: Any) -> Tensor:
        """Last hidden states [B, T, H], after the final norm; `kwargs` go to the backbone (positions, cache)."""
        output = self.lm.base_model(input_ids=token_ids_BT, attention_mask=attention_mask, **kwargs)
        return cast(Tensor, output.last_hidden_state)

    def lm_logits(self, hidden: Tensor) -> Tensor:
        """Next-token logits [..., V] of hidden states [..., H]."""
        return cast(Tensor, cast(nn.Module, self.lm.get_output_embeddings())(hidden))

    def reward(self, hidden: Tensor) -> Tensor:
        """Rewards [...] of hidden states [..., H], computed in float32 whatever the backbone's type."""
        with torch.autocast(hidden.device.type, enabled=False):
            return cast(Tensor, self.score(hidden.float())).squeeze(-1)

    def rewards_at(self, hidden_BTH: Tensor, index_BK: Tensor) -> Tensor:
        """Rewards [B, K] read at explicit token positions [B, K]."""
        index_BKH = index_BK.unsqueeze(-1).expand(-1, -1, hidden_BTH.shape[-1])
        return self.reward(hidden_BTH.gather(1, index_BKH))

    def forward(self, token_ids_BT: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Last hidden states [B, T, H] of whole sequences. A module's entry point, so that autocast and wrappers apply."""
        return self.hidden_states(token_ids_BT, attention_mask, use_cache=False)


def hidden_size(lm: PreTrainedModel) -> int:
    """Width of the states the scalar head reads."""
    return int(lm.config.get_text_config().hidden_size)
