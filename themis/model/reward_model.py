"""Any Hugging Face causal language model with a scalar head on the same backbone.

The language-model head writes the trace, the scalar head gives the reward; both read the same last
hidden states. Knows nothing of cases, tools or losses.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 3.2.
"""

# Shapes:  B = sequences in the batch   T = tokens in a sequence   H = hidden width   V = vocabulary
#          K = reward indices of a sequence

from collections.abc import Callable
from inspect import signature
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from themis.model.packed import PACKED, Rows
from themis.model.shared_prefix import fork_mask


class RewardHead(nn.Linear):
    """Computes in float32, also where whatever spreads the weights over processes hands them out in bf16."""

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input.float(), self.weight.float())


class RewardModel(nn.Module):
    """A causal language model and a float32 linear head without bias."""

    def __init__(self, lm: PreTrainedModel) -> None:
        super().__init__()
        self.lm = lm
        self.score = RewardHead(hidden_size(lm), 1, bias=False, dtype=torch.float32, device=lm.device)
        nn.init.normal_(self.score.weight, std=1.0 / (hidden_size(lm) + 1) ** 0.5)

    @property
    def config(self) -> Any:
        """The backbone's own configuration."""
        return self.lm.config

    @property
    def context_length(self) -> int:
        """The most tokens one judgement may have."""
        return int(self.config.get_text_config().max_position_embeddings)

    @property
    def cache_name(self) -> str:
        """What the backbone calls its keys and values: `cache` in newer versions of transformers, `past_key_values` before."""
        names = signature(self.lm.base_model.forward).parameters
        return "cache" if "cache" in names else "past_key_values"

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
            return cast(Tensor, self.score(hidden)).squeeze(-1)

    def rewards_at(self, hidden_BTH: Tensor, index_BK: Tensor) -> Tensor:
        """Rewards [B, K] read at explicit token positions [B, K]."""
        index_BKH = index_BK.unsqueeze(-1).expand(-1, -1, hidden_BTH.shape[-1])
        return self.reward(hidden_BTH.gather(1, index_BKH))

    def forward(
        self,
        token_ids_BT: Tensor,
        attention_mask: Tensor | None = None,
        *,
        rows: Rows | None = None,
        branch: Tensor | None = None,
        position_ids: Tensor | None = None,
        then: Callable[[Tensor], Any] | None = None,
    ) -> Any:
        """Last hidden states [B, T, H] of whole sequences. A module's entry point, so that autocast and wrappers apply.

        With `rows` the one sequence [1, N] holds several, each with positions of its own (`enable_packing` first).
        With `branch` [B, T] each sequence forks: a token sees the trunk (0) and its own branch (`reads_forks` first).
        With `then` it returns what that makes of the states: wrappers that spread weights over machines have the heads' together here.
        """
        kwargs: dict[str, Any] = {}
        if rows is not None:
            # A mask of four dimensions is taken as it is; the rows say who sees whom.
            attention_mask = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=token_ids_BT.device)
            kwargs = {"rows": rows, "position_ids": position_ids}
        if branch is not None:
            written_out = self.config._attn_implementation == "eager"
            dtype = torch.bfloat16 if torch.is_autocast_enabled(branch.device.type) else self.lm.dtype
            attention_mask = fork_mask(branch, written_out, dtype)
            kwargs = {"position_ids": position_ids}
        hidden = self.hidden_states(token_ids_BT, attention_mask, use_cache=False, **kwargs)
        return hidden if then is None else then(hidden)

    @torch.no_grad()
    def is_causal(self) -> bool:
        """Is a token read by those before it alone? BERT, say, loads as a causal language model and is none."""
        ids_1T = torch.arange(1, 9, device=self.score.weight.device)[None] % int(self.config.get_text_config().vocab_size)
        training = self.training
        self.eval()
        whole_TH, part_TH = self(ids_1T)[0, :4].float(), self(ids_1T[:, :4])[0].float()
        self.train(training)
        tolerance = 1e-3 if self.lm.dtype == torch.float32 else 0.1
        return bool(torch.allclose(whole_TH, part_TH, atol=tolerance * float(part_TH.abs().max())))

    def freeze_writing(self) -> None:
        """Leave the language-model head as it is, where it has weights of its own: for a run that never asks what it would write.

        What is trained and gets no gradient has no optimizer state, and weights that are spread over processes must all have one.
        """
        written = cast(nn.Embedding, self.lm.get_output_embeddings())
        if written.weight is not cast(nn.Embedding, self.lm.get_input_embeddings()).weight:
            written.requires_grad_(False)

    def enable_packing(self) -> bool:
        """Make it read several sequences joined into one, where the backbone can: tried out on two short ones."""
        before = self.config._attn_implementation
        if not getattr(self.lm, "_supports_attention_backend", False):
            return False
        self.lm.set_attn_implementation(PACKED)
        if self._packs():
            return True
        self.lm.set_attn_implementation(before)
        return False

    @torch.no_grad()
    def reads_forks(self) -> bool:
        """Is a row that forks read as its two sequences would be alone? Tried out on two short ones that share two tokens."""
        if getattr(self.config.get_text_config(), "sliding_window", None):
            return False  # the mask would take the place of the window's
        device = self.score.weight.device
        row = torch.arange(1, 8, device=device)[None] % int(self.config.get_text_config().vocab_size)
        branch, places = torch.tensor([[0, 0, 1, 1, 2, 2, 2]], device=device), torch.tensor([[0, 1, 2, 3, 2, 3, 4]], device=device)
        training = self.training
        self.eval()
        try:
            together = self(row, branch=branch, position_ids=places)[0].float()
            alone = [self(row[:, index])[0].float() for index in ([0, 1, 2, 3], [0, 1, 4, 5, 6])]
        except (TypeError, RuntimeError, ValueError, AttributeError):
            return False
        finally:
            self.train(training)
        atol = 1e-3 if self.lm.dtype == torch.float32 else 0.1
        return bool(torch.allclose(together, torch.cat([alone[0], alone[1][2:]]), atol=atol, rtol=1e-2))

    @torch.no_grad()
    def _packs(self) -> bool:
        """Are two rows that share two tokens, joined, read as each would be alone?"""
        device = self.score.weight.device
        joined = torch.arange(1, 8, device=device) % int(self.config.get_text_config().vocab_size)
        index_ST = torch.tensor([[0, 1, 2, 3], [0, 1, 4, 5]], device=device), torch.tensor([[0, 1, 6]], device=device)
        rows = Rows(index_ST, torch.tensor([0, 1, 2, 3, 6, 7, 10], device=device))
        training = self.training
        self.eval()
        try:
            together = self(joined[None], rows=rows, position_ids=torch.tensor([[0, 1, 2, 3, 2, 3, 2]], device=device))[0]
            alone = [self(joined[row][None])[0] for group in index_ST for row in group]
        except (TypeError, RuntimeError, AttributeError):
            return False
        finally:
            self.train(training)
        found = torch.cat([together[:4], together[4:6], together[6:]]).float()
        expected = torch.cat([alone[0], alone[1][2:], alone[2][2:]]).float()
        return bool(torch.allclose(found, expected, atol=1e-3 if together.dtype == torch.float32 else 0.1, rtol=1e-2))


def hidden_size(lm: PreTrainedModel) -> int:
    """Width of the states the scalar head reads."""
    return int(lm.config.get_text_config().hidden_size)
