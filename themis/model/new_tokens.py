"""The rows of added tokens: trained in float32, while the rest of the embeddings is frozen.

Training the whole table for four tokens would train and store millions of weights, and the gradient of a large table
costs as much as a layer. Here a hook puts the rows into what the frozen table gives.
Stored as peft stores `trainable_token_indices`, so peft can read them.
"""

# Shapes:  K = added tokens   H = hidden width   V = vocabulary   T = tokens

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from themis.traces.text import OBSERVATION, RATIONALE, REWARD, TOOL

NAME = "new_tokens"
STORED = ".token_adapter.trainable_tokens_delta"
"""peft's name of the rows, behind that of the table."""
WORDS = {
    TOOL: "Thought I need a tool Action call",
    OBSERVATION: "Observation result found returned says",
    RATIONALE: "Rationale reason because therefore answer",
    REWARD: "Reward score value rating",
}
"""The words whose mean a new token begins as."""


class NewTokens(nn.Module):
    """The rows of some tokens over a model's tables of embeddings."""

    token_ids: Tensor

    def __init__(self, lm: PreTrainedModel, token_ids: Sequence[int]) -> None:
        super().__init__()
        read, written = tables(lm)
        self.register_buffer("token_ids", torch.tensor(token_ids, dtype=torch.long, device=read.weight.device), persistent=False)
        self.read_KH = nn.Parameter(read.weight[list(token_ids)].detach().float().clone())
        self.written_KH = None
        if written is not None and written.weight is not read.weight:
            self.written_KH = nn.Parameter(written.weight[list(token_ids)].detach().float().clone())
        self._read_frozen = False
        self._hooks = [read.register_forward_hook(self._read)]
        if written is not None:
            self._hooks.append(written.register_forward_hook(self._write))

    def _read(self, table: nn.Module, args: tuple[Tensor, ...], output_TH: Tensor) -> Tensor:
        is_own_TK = args[0].unsqueeze(-1) == self.token_ids
        rows_KH = self.read_KH.detach() if self._read_frozen else self.read_KH
        rows_TH = is_own_TK.to(output_TH.dtype) @ rows_KH.to(output_TH.dtype)
        return torch.where(is_own_TK.any(-1, keepdim=True), rows_TH, output_TH)

    def _write(self, table: nn.Module, args: tuple[Tensor, ...], logits_TV: Tensor) -> Tensor:
        rows_KH = self.read_KH if self.written_KH is None else self.written_KH
        # In place: a copy of the logits of a large vocabulary would cost more than all else here.
        logits_TV[..., self.token_ids] = (args[0] @ rows_KH.to(args[0].dtype).T).to(logits_TV.dtype)
        return logits_TV

    def freeze_read(self) -> None:
        """No longer train the rows as they are read. Tied rows are still trained as they are written."""
        self._read_frozen = True
        self.read_KH.requires_grad_(self.written_KH is None)

    def rows(self, lm: PreTrainedModel) -> dict[str, Tensor]:
        """The trained rows by the name of their table."""
        read, written = table_names(lm)
        found: dict[str, Tensor] = {read: self.read_KH}
        return found if self.written_KH is None else found | {written: self.written_KH}

    @torch.no_grad()
    def put(self, lm: PreTrainedModel, rows: dict[str, Tensor]) -> None:
        """Set the trained rows to stored ones."""
        for name, own_KH in self.rows(lm).items():
            own_KH.copy_(rows[name])

    @torch.no_grad()
    def merge(self, lm: PreTrainedModel) -> None:
        """Write the rows into the tables, and let go of them."""
        for name, rows_KH in self.rows(lm).items():
            cast(nn.Embedding, lm.get_submodule(name)).weight[self.token_ids] = rows_KH.to(lm.dtype)
        for hook in self._hooks:
            hook.remove()


def tables(lm: PreTrainedModel) -> tuple[nn.Embedding, Any]:
    """The input embeddings, and the output ones, which may share their weights."""
    return cast(nn.Embedding, lm.get_input_embeddings()), lm.get_output_embeddings()


def table_names(lm: PreTrainedModel) -> tuple[str, str]:
    """The names of both tables in the model."""
    names = {id(module): name for name, module in lm.named_modules()}
    read, written = tables(lm)
    return names[id(read)], names.get(id(written), "")


@torch.no_grad()
def begin_rows(lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> None:
    """Set the rows of added tokens to the mean of fitting words, in both tables."""
    read, written = tables(lm)
    for token_id in token_ids:
        words = tokenizer(WORDS[str(tokenizer.convert_ids_to_tokens(token_id))], add_special_tokens=False)["input_ids"]
        for weight in {id(table.weight): table.weight for table in (read, written) if table is not None}.values():
            weight[token_id] = weight[words].float().mean(0).to(weight.dtype)
