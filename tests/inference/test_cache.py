"""Keys and values in their slots, on numbers small enough to check by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, MistralConfig, PreTrainedConfig, Qwen3Config

from themis.errors import ConfigError
from themis.inference.engine.cache import RowCache, attention_mask


def states(*rows: list[float]) -> Tensor:
    """One head of width one: [B, 1, Q, 1]."""
    return torch.tensor(rows)[:, None, :, None]


def read(cache: RowCache, starts: list[int], keys: Tensor) -> Tensor:
    """Read tokens from these positions on; the keys kept of each row."""
    positions = torch.tensor(starts)[:, None] + torch.arange(keys.shape[2])
    cache.place(positions, int(positions.max()) + 1)
    kept, _ = cache.update(keys, -keys, 0)
    return kept[:, 0, :, 0]


def test_each_row_keeps_its_states_at_its_own_positions() -> None:
    cache = RowCache(layers=1, most_positions=8)
    cache.join(None)
    cache.join(None)
    assert read(cache, [0, 0], states([1, 2], [5, 6])).tolist() == [[1, 2], [5, 6]]
    assert read(cache, [2, 1], states([3], [7])).tolist() == [[1, 2, 3], [5, 7, 0]]


def test_a_row_that_leaves_takes_its_states_along_and_the_last_takes_its_slot() -> None:
    cache = RowCache(layers=1, most_positions=8)
    for _ in range(3):
        cache.join(None)
    read(cache, [0, 0, 0], states([1, 2], [3, 4], [5, 6]))
    kept = [(keys.clone(), values.clone()) for keys, values in cache.view(0, 2)]
    cache.leave(0, last_length=2)
    assert read(cache, [2, 1], states([7], [9])).tolist() == [[5, 6, 7], [3, 9, 0]]
    cache.join(kept)
    assert read(cache, [3, 2, 2], states([8], [10], [11])).tolist() == [[5, 6, 7, 8], [3, 9, 10, 0], [1, 2, 11, 0]]
    (keys, values), *_ = cache.view(2, 3)
    assert values.flatten().tolist() == [-1, -2, -11]
    assert keys.flatten().tolist() == [1, 2, 11]


def test_nothing_of_another_row_stays_behind_in_a_slot() -> None:
    cache = RowCache(layers=1, most_positions=8)
    for _ in range(3):
        cache.join(None)
    nan = float("nan")
    read(cache, [0, 0, 0], states([nan, nan, nan], [1, 2, 3], [4, nan, nan]))
    cache.leave(0, last_length=1)
    assert read(cache, [1, 3], states([5], [6])).tolist() == [[4, 5, 0, 0], [1, 2, 3, 6]]
    cache.leave(1, last_length=4)
    cache.join([(states([7])[0], states([-7])[0])])
    assert read(cache, [2, 1], states([8], [9])).tolist() == [[4, 5, 8], [7, 9, 0]]


def test_room_grows_by_doubling_up_to_the_context() -> None:
    cache = RowCache(layers=1, most_positions=10)
    cache.join(None)
    rooms = []
    for position in range(10):
        read(cache, [position], states([position]))
        rooms.append(cache.layers[0].filled()[0].shape[2])
    assert rooms == [1, 2, 4, 4, 8, 8, 8, 8, 10, 10]


def small(config: Any, **settings: Any) -> PreTrainedConfig:
    made: PreTrainedConfig = config(num_hidden_layers=2, **settings)
    made._attn_implementation = "sdpa"
    return made


POSITIONS = torch.tensor([[0, 1], [3, 4]])
CAUSAL = [[[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]]
WINDOWED = [[[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], [[0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]]


def test_a_token_sees_itself_and_what_stands_before_it_in_its_row() -> None:
    mask = attention_mask(small(LlamaConfig), POSITIONS, 5, torch.float32)
    assert mask[:, 0].int().tolist() == CAUSAL


def test_a_sliding_window_hides_what_is_too_far_back() -> None:
    mask = attention_mask(small(MistralConfig, sliding_window=2), POSITIONS, 5, torch.float32)
    assert mask[:, 0].int().tolist() == WINDOWED


def test_a_backbone_that_mixes_kinds_of_layers_gets_a_mask_a_kind() -> None:
    config = small(Qwen3Config, use_sliding_window=True, sliding_window=2, layer_types=["full_attention", "sliding_attention"])
    masks = attention_mask(config, POSITIONS, 5, torch.float32)
    assert {kind: mask[:, 0].int().tolist() for kind, mask in masks.items()} == {"full_attention": CAUSAL, "sliding_attention": WINDOWED}


def test_without_sdpa_the_mask_is_added_to_the_scores() -> None:
    config = small(LlamaConfig)
    config._attn_implementation = "eager"
    mask = attention_mask(config, POSITIONS, 5, torch.float32)
    assert (mask[:, 0] == 0).int().tolist() == CAUSAL
    assert mask.min().item() == torch.finfo(torch.float32).min


def test_a_kind_of_layer_whose_memory_is_no_keys_and_values_is_refused_by_name() -> None:
    config = small(LlamaConfig)
    config.layer_types = ["linear_attention", "full_attention"]
    with pytest.raises(ConfigError, match=r"linear_attention.*use_cache=False"):
        attention_mask(config, POSITIONS, 5, torch.float32)
