"""Any Hugging Face causal language model with a scalar head on the same backbone.

The language-model head writes the trace, the scalar head gives the reward. Both read the same last hidden states.
Knows nothing of cases, tools or losses.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 3.2.
"""

# Shapes:  B = sequences in the batch   T = tokens in a sequence   H = hidden width   V = vocabulary

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from themis.model.dense_attention import DENSE
from themis.model.packed import PACKED, PackedRows
from themis.model.shared_prefix import CHOSEN, PREFIX, REJECTED, Branches

Attention = PackedRows | Branches


class RewardHead(nn.Linear):
    """Computes in float32, also on shards that arrive in bf16."""

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
        """See `cache_name_of`."""
        return cache_name_of(self.lm)

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

    def forward(
        self,
        token_ids_BT: Tensor,
        position_ids_BT: Tensor | None = None,
        attention: Attention | None = None,
        *,
        then: Callable[[Tensor], Any] | None = None,
    ) -> Any:
        """Last hidden states [B, T, H] of whole sequences.

        This is the entry point of the module, so that autocast and wrappers apply. `attention` says who attends to
        whom in rows that hold several sequences; by default each row is one causal sequence. With `then`, returns what
        `then` makes of the states. It runs while a wrapper that shards weights has gathered those of the heads.
        """
        arguments = {} if attention is None else attention.arguments(self.lm)
        if position_ids_BT is not None:
            arguments["position_ids"] = position_ids_BT
        hidden = self.hidden_states(token_ids_BT, use_cache=False, **arguments)
        return hidden if then is None else then(hidden)

    @torch.no_grad()
    def is_causal(self) -> bool:
        """True if attention is causal. BERT loads as a causal LM but is not."""
        ids_1T = self._probe(8)
        with self._evaluating():
            whole_TH, part_TH = self(ids_1T)[0, :4].float(), self(ids_1T[:, :4])[0].float()
        tolerance = 1e-3 if self.lm.dtype == torch.float32 else 0.1
        return bool(torch.allclose(whole_TH, part_TH, atol=tolerance * float(part_TH.abs().max())))

    def freeze_lm_head(self) -> None:
        """Stop training the language-model head, unless it is tied to the embeddings: for runs without its loss.

        A trained weight that gets no gradient has no optimizer state, but all sharded weights must have one.
        """
        written = cast(nn.Embedding, self.lm.get_output_embeddings())
        if written.weight is not cast(nn.Embedding, self.lm.get_input_embeddings()).weight:
            written.requires_grad_(False)

    def enable_packing(self) -> bool:
        """Make the backbone read several sequences packed into one. False if it fails to on three short ones."""
        before = self.config._attn_implementation
        if not getattr(self.lm, "_supports_attention_backend", False):
            return False
        self.lm.set_attn_implementation(PACKED)
        device = self.score.weight.device
        groups = torch.tensor([[0, 1, 2, 3], [0, 1, 4, 5]], device=device), torch.tensor([[0, 1, 6]], device=device)
        owner_N = torch.tensor([0, 1, 2, 3, 6, 7, 10], device=device)
        if self._reads_as_alone([[0, 1, 2, 3], [0, 1, 4, 5], [0, 1, 6]], PackedRows(groups, owner_N)):
            return True
        self.lm.set_attn_implementation(before)
        return False

    @property
    def is_packing(self) -> bool:
        """Does the backbone read packed sequences?"""
        return bool(self.config._attn_implementation == PACKED)

    def train_by_products(self) -> None:
        """On a CPU, attend by plain matrix products where rows have a mask, if the backbone can."""
        if self.score.weight.device.type == "cpu" and getattr(self.lm, "_supports_attention_backend", False):
            self.lm.set_attn_implementation(DENSE)

    def supports_shared_prefix(self) -> bool:
        """True if two short branches of a row are read as two sequences would be."""
        if getattr(self.config.get_text_config(), "sliding_window", None):
            return False  # the mask would replace that of the window
        branch_1T = torch.tensor([[PREFIX, PREFIX, CHOSEN, CHOSEN, REJECTED, REJECTED, REJECTED]], device=self.score.weight.device)
        return self._reads_as_alone([[0, 1, 2, 3], [0, 1, 4, 5, 6]], Branches(branch_1T))

    @torch.no_grad()
    def _reads_as_alone(self, rows: Sequence[Sequence[int]], attention: Attention) -> bool:
        """True if short sequences are read together as each is alone.

        `rows` are the places of their tokens; all sequences share the first two.
        """
        ids_1T = self._probe(7)
        position_ids_1T = torch.zeros_like(ids_1T)
        for row in rows:
            position_ids_1T[0, row] = torch.arange(len(row), device=ids_1T.device)
        with self._evaluating():
            try:
                together_TH = self(ids_1T, position_ids_1T, attention)[0].float()
                alone = [self(ids_1T[:, row])[0].float() for row in rows]
            except (TypeError, RuntimeError, ValueError, AttributeError):
                return False
        expected_TH = torch.cat([alone[0], *(states[2:] for states in alone[1:])])
        return bool(torch.allclose(together_TH, expected_TH, atol=1e-3 if self.lm.dtype == torch.float32 else 0.1, rtol=1e-2))

    def _probe(self, length: int) -> Tensor:
        """Some token ids [1, length]."""
        return torch.arange(1, length + 1, device=self.score.weight.device)[None] % int(self.config.get_text_config().vocab_size)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(training)


def hidden_size(lm: PreTrainedModel) -> int:
    """Width of the states the scalar head reads."""
    return int(lm.config.get_text_config().hidden_size)


def cache_name_of(lm: Any) -> str:
    """The argument for keys and values: `cache` in newer versions of transformers, else `past_key_values`."""
    return "cache" if "cache" in signature(lm.base_model.forward).parameters else "past_key_values"
