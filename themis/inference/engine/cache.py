"""A cache of keys and values for rows of different lengths, a slot each, for any decoder of transformers.

Each row's new keys and values go to that row's own positions, and a mask per row says which of them
a token may see. So one pass reads rows of different lengths, and no row is ever shifted.

Knows nothing of judgements: a row is a slot number and a count of tokens.
"""

# Shapes:  B = rows in the pass   Q = tokens read in the pass, padded on the right   K = positions in the cache
#          S = slots   N = key/value heads   D = width of a head

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

from themis.errors import ConfigError

KeysAndValues = list[tuple[Tensor, Tensor]]
"""The cache of one row outside a batch: a pair [N, length, D] a layer."""


class RowLayer(CacheLayerMixin):
    """One layer's keys and values [S, N, K, D]. Both axes S and K grow by doubling, so short cases are cheap."""

    is_sliding = False

    def __init__(self, most_positions: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most_positions = most_positions
        self.keys: Tensor | None = None
        self.values: Tensor | None = None
        self.positions_BQ: Tensor = torch.empty(0, 0, dtype=torch.long)
        self.length = 0

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Store the new states at their rows' positions; returns all states of these rows."""
        rows = len(key_states)
        # Under autocast the rotation leaves keys in float32, which attention would cast again at every step.
        key_states = key_states.to(value_states.dtype)
        keys, values = self.reserve(rows, self.length, key_states, value_states)
        slots_B1 = torch.arange(rows, device=key_states.device)[:, None]
        keys[slots_B1, :, self.positions_BQ] = key_states.transpose(1, 2)
        values[slots_B1, :, self.positions_BQ] = value_states.transpose(1, 2)
        return keys[:rows, :, : self.length], values[:rows, :, : self.length]

    def reserve(self, slots: int, length: int, keys_like: Tensor, values_like: Tensor) -> tuple[Tensor, Tensor]:
        """The cached tensors with room for that many slots and positions."""
        self.keys = _grown(self.keys, slots, length, self.most_positions, keys_like)
        self.values = _grown(self.values, slots, length, self.most_positions, values_like)
        self.is_initialized = True
        return self.keys, self.values

    def filled(self) -> tuple[Tensor, Tensor]:
        """The cached tensors, once a pass has filled them."""
        assert self.keys is not None
        assert self.values is not None
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self.length

    def get_max_length(self) -> int:
        return -1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length, 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.reserve(len(key_states), self.length, key_states, value_states)


class RowCache(Cache):
    """All layers' keys and values of the rows in slots 0, 1, 2, …"""

    layers: list[RowLayer]  # type: ignore[assignment]

    def __init__(self, layers: int, most_positions: int) -> None:
        super().__init__(layers=[RowLayer(most_positions) for _ in range(layers)])
        self.rows = 0

    def place(self, positions_BQ: Tensor, length: int) -> None:
        """Say where the next pass's tokens stand; `length` is one more than the last of these positions."""
        for layer in self.layers:
            layer.positions_BQ, layer.length = positions_BQ, length

    def join(self, cache: KeysAndValues | None) -> None:
        """Give the next slot to a row, with its cache; None for a row that has read nothing.

        Zeros follow a row's own positions. The mask hides what another row left there, but no NaN.
        """
        slot, self.rows = self.rows, self.rows + 1
        for layer, (row_keys, row_values) in zip(self.layers if cache else [], cache or [], strict=True):
            length = row_keys.shape[-2]
            keys, values = layer.reserve(self.rows, length, row_keys[None], row_values[None])
            for into, row in ((keys, row_keys), (values, row_values)):
                into[slot, :, :length] = row
                into[slot, :, length:] = 0

    def view(self, slot: int, length: int) -> KeysAndValues:
        """A row's first `length` keys and values, not copied."""
        return [(keys[slot, :, :length], values[slot, :, :length]) for keys, values in map(RowLayer.filled, self.layers)]

    def leave(self, slot: int, last_length: int) -> None:
        """Free a slot; the row in the last slot, of `last_length` tokens, moves there."""
        self.rows -= 1
        if slot == self.rows:
            return
        for layer in self.layers:
            for states in layer.filled():
                states[slot, :, :last_length] = states[self.rows, :, :last_length]
                states[slot, :, last_length:] = 0


def attention_mask(config: Any, positions_BQ: Tensor, length: int, dtype: torch.dtype) -> Any:
    """What each token of a pass may see of `length` positions: itself and the tokens before it in its row.

    Boolean [B, 1, Q, K], or additive in `dtype` for backbones without sdpa. A backbone that mixes kinds of layers gets
    one mask for each kind. A model takes masks of four axes as they are, so a sliding window is drawn here.
    """
    config = config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or [])
    window: int = getattr(config, "sliding_window", None) or 0
    if unknown := kinds - {"full_attention", "sliding_attention"}:
        raise ConfigError(f"cannot cache keys and values of layers of the kind {', '.join(sorted(unknown))}: judge with use_cache=False")
    if not kinds:
        kinds = {"sliding_attention" if window else "full_attention"}
    key_K = torch.arange(length, device=positions_BQ.device)
    position_B1Q1 = positions_BQ[:, None, :, None]
    seen = key_K <= position_B1Q1
    masks = {kind: seen & (key_K > position_B1Q1 - window) if kind == "sliding_attention" else seen for kind in kinds}
    if config._attn_implementation != "sdpa":
        masks = {kind: torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min) for kind, mask in masks.items()}
    return masks if len(masks) > 1 else masks.popitem()[1]


def _grown(states: Tensor | None, slots: int, length: int, most_positions: int, like: Tensor) -> Tensor:
    """`states` [S, N, K, D] with at least so many slots and positions; new places are zero."""
    old_slots, old_length = (0, 0) if states is None else (states.shape[0], states.shape[2])
    if states is not None and slots <= old_slots and length <= old_length:
        return states
    new_slots = old_slots if slots <= old_slots else max(slots, 2 * old_slots)
    new_length = old_length if length <= old_length else max(length, min(2 * old_length, most_positions))
    grown = like.new_zeros(new_slots, like.shape[1], new_length, like.shape[3])
    if states is not None:
        grown[:old_slots, :, :old_length] = states
    return grown
