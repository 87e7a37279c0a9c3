"""Runs the model over what rows have not read yet, and gives each row's last hidden state.

`CachedReader` caches keys and values, so it reads a token once. `WholeReader` re-reads everything at every step:
it is slow, and the reference that the other must agree with. Neither knows what a row does with the state.
"""

# Shapes:  B = rows   Q = tokens read in the pass, padded on the right   H = hidden width

from typing import Any, Protocol

import torch
from torch import Tensor

from themis.inference.engine.cache import RowCache, attention_mask
from themis.inference.engine.row import Row
from themis.model.reward_model import RewardModel

PASS_TOKENS = 4096
"""The most tokens of one pass, padding included."""


class Reader(Protocol):
    """The rows in the batch, read together."""

    rows: list[Row]

    def read(self, newcomers: list[Row]) -> Tensor:
        """Let rows join, and read all unread tokens; returns last hidden states [B, H], in the order of `rows`."""
        ...

    def leave(self, row: Row) -> None:
        """Take a row out of the batch. One that is not done takes its cache along."""
        ...


class CachedReader:
    """A pass reads one token of each row. Newcomers first read their prompt or observation, among themselves."""

    def __init__(self, model: RewardModel, pass_tokens: int = PASS_TOKENS) -> None:
        self.rows: list[Row] = []
        self._model = model
        self._pass_tokens = pass_tokens
        self._cache_name = model.cache_name
        self._device = next(model.lm.parameters()).device
        self._batch = self._new_cache()

    def read(self, newcomers: list[Row]) -> Tensor:
        states = [self._read_pass(self._batch, self.rows)] if self.rows else []
        for group in reading_groups(newcomers, self._pass_tokens):
            cache = self._new_cache()
            for row in group:
                cache.join(row.cache)
            states.append(self._read_all(cache, group))
            for slot, row in enumerate(group):
                self._batch.join(cache.view(slot, row.read))
                self.rows.append(row)
                row.cache = None
        return torch.cat(states)

    def leave(self, row: Row) -> None:
        slot = self.rows.index(row)
        if row.state != "done":
            row.cache = [(keys.clone(), values.clone()) for keys, values in self._batch.view(slot, row.read)]
        last = self.rows.pop()
        self._batch.leave(slot, last.read)
        if last is not row:
            self.rows[slot] = last

    def _read_all(self, cache: RowCache, rows: list[Row]) -> Tensor:
        """As many passes as it takes: a prompt longer than a pass is read in pieces."""
        while True:
            state_BH = self._read_pass(cache, rows)
            if not any(row.unread for row in rows):
                return state_BH

    def _read_pass(self, cache: RowCache, rows: list[Row]) -> Tensor:
        counts = [min(row.unread, self._pass_tokens) for row in rows]
        width = max(counts)
        starts = [row.read for row in rows]
        pieces = [row.token_ids[row.read : row.read + count] for row, count in zip(rows, counts, strict=True)]
        tokens_BQ = torch.tensor([piece + [0] * (width - len(piece)) for piece in pieces], device=self._device)
        positions_BQ = torch.tensor(starts, device=self._device)[:, None] + torch.arange(width, device=self._device)
        length = max(starts) + width
        cache.place(positions_BQ, length)
        mask: Any = attention_mask(self._model.config, positions_BQ, length, self._model.lm.dtype)
        in_range_BQ = positions_BQ.clamp(max=self._model.context_length - 1)  # padding may lie past the last position
        cached: dict[str, Any] = {self._cache_name: cache, "use_cache": True}
        hidden_BQH = self._model.hidden_states(tokens_BQ, mask, position_ids=in_range_BQ, **cached)
        for row, count in zip(rows, counts, strict=True):
            row.read += count
        return last_states(hidden_BQH, counts)

    def _new_cache(self) -> RowCache:
        return RowCache(self._model.config.get_text_config().num_hidden_layers, self._model.context_length)


class WholeReader:
    """Every row is read from its first token, every time, and the backbone draws its own masks."""

    def __init__(self, model: RewardModel) -> None:
        self.rows: list[Row] = []
        self._model = model
        self._device = next(model.lm.parameters()).device

    def read(self, newcomers: list[Row]) -> Tensor:
        self.rows += newcomers
        counts = [len(row.token_ids) for row in self.rows]
        width = max(counts)
        tokens_BQ = torch.tensor([row.token_ids + [0] * (width - len(row.token_ids)) for row in self.rows], device=self._device)
        mask_BQ = torch.arange(width, device=self._device) < torch.tensor(counts, device=self._device)[:, None]
        hidden_BQH = self._model.hidden_states(tokens_BQ, mask_BQ.long(), use_cache=False)
        for row in self.rows:
            row.read = len(row.token_ids)
        return last_states(hidden_BQH, counts)

    def leave(self, row: Row) -> None:
        self.rows.remove(row)


def reading_groups(rows: list[Row], pass_tokens: int) -> list[list[Row]]:
    """Rows of similar length together: a group's tokens, padded to its longest, fit in one pass."""
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: row.unread):
        group = groups[-1] if groups else []
        if group and row.unread * (len(group) + 1) <= pass_tokens and row.unread <= 2 * group[0].unread:
            group.append(row)
        else:
            groups.append([row])
    return groups


def last_states(hidden_BQH: Tensor, counts: list[int]) -> Tensor:
    """Each row's hidden state at its last token [B, H]."""
    last_B = torch.tensor(counts, device=hidden_BQH.device) - 1
    return hidden_BQH[torch.arange(len(counts), device=hidden_BQH.device), last_B]
