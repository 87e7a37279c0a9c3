"""The value model: a backbone of its own with a small head, which foresees the return at each token of an answer.

Apart from the policy, so that learning one does not pull at the other.
Source: arXiv:2203.02155, appendix C.4; the start of the head: arXiv:2403.17031.
"""

# Shapes:  B = answers   T = tokens of the longest answer   H = hidden width

from typing import Any

import torch
from torch import Tensor, nn

from themis.rlhf.policy import Batch, frozen_twin, prepare_training
from themis.rlhf.recipe import PolicyModel


class ValueModel(nn.Module):
    """Values [B, T]: of the state before each token of an answer, which knows the tokens before it."""

    def __init__(self, lm: Any, settings: PolicyModel, seed: int) -> None:
        """On a copy of the policy's backbone; of a policy with adapters it shares the frozen weights."""
        super().__init__()
        self.lm = frozen_twin(lm, shared=settings.lora is not None)
        prepare_training(self.lm, settings)
        self.lm.get_output_embeddings().requires_grad_(self._is_tied())
        width = int(lm.config.get_text_config().hidden_size)
        self.head = nn.Linear(width, 1)
        with torch.no_grad():
            self.head.weight.normal_(std=(width + 1) ** -0.5, generator=torch.Generator().manual_seed(seed))
            self.head.bias.zero_()
        self.head.to(lm.device)

    def forward(self, batch: Batch) -> Tensor:
        """The values of a batch, in float32."""
        body = self.lm.base_model
        state_BTH = body(**batch.arguments(), use_cache=False).last_hidden_state
        count = batch.answer_BT.shape[1]
        with torch.autocast(state_BTH.device.type, enabled=False):
            value_BT1: Tensor = self.head(state_BTH[:, -count:].float())
        return value_BT1.squeeze(-1)

    def _is_tied(self) -> bool:
        read, written = self.lm.get_input_embeddings().weight, self.lm.get_output_embeddings().weight
        return read is written and read.requires_grad
