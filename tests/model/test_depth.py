"""A model of other depth begins with the first layers of a trained one, or computes what it did with more of them."""

from typing import Any

import pytest
import torch

from tests.fakes import Backbone, byte_tokenizer, tiny_model
from themis.errors import ConfigError
from themis.model.depth import set_depth

IDS = torch.tensor([[1, 2, 3, 4]])


def pair_of(family: Backbone) -> tuple[Any, Any]:
    model: Any = tiny_model(family, byte_tokenizer())
    whole: Any = tiny_model(family, byte_tokenizer())
    whole.load_state_dict(model.state_dict())
    return model, whole


@torch.no_grad()
def test_with_fewer_the_first_layers_stay_as_they_are() -> None:
    model, whole = pair_of("qwen3")
    set_depth(model, 1)
    first = whole.lm.base_model(IDS, output_hidden_states=True).hidden_states[1]
    assert torch.allclose(model(IDS), whole.lm.base_model.norm(first), atol=1e-5)
    assert model.config.num_hidden_layers == 1


@pytest.mark.parametrize("family", ["qwen3", "llama", "mistral"])
@pytest.mark.parametrize("count", [4, 5, 9])
@torch.no_grad()
def test_with_more_it_computes_what_it_did(family: Backbone, count: int) -> None:
    model, whole = pair_of(family)
    set_depth(model, count)
    assert torch.allclose(model(IDS), whole(IDS), atol=1e-6)
    assert len(model.lm.base_model.layers) == model.config.num_hidden_layers == count


def test_new_layers_learn_and_have_a_place_in_the_cache() -> None:
    model, whole = pair_of("qwen3")
    set_depth(model, 6)
    assert [layer.self_attn.layer_idx for layer in model.lm.base_model.layers] == list(range(6))
    model(IDS).square().sum().backward()
    new = model.lm.base_model.layers[1]
    assert float(new.mlp.down_proj.weight.grad.abs().max()) > 0
    with torch.no_grad():
        cached = model.lm.base_model(IDS[:, :3], use_cache=True)
        after = model.lm.base_model(IDS[:, 3:], **{model.cache_name: getattr(cached, model.cache_name)}).last_hidden_state
        assert torch.allclose(after[0, 0], whole(IDS)[0, 3], atol=1e-5)


def test_layers_of_another_make_are_named() -> None:
    model, _ = pair_of("qwen3")
    for layer in model.lm.base_model.layers:
        layer.feed_forward = layer.mlp
        del layer.mlp
    with pytest.raises(ConfigError, match=r"backbone\.layers: a layer of a 'qwen3' has no mlp\.down_proj"):
        set_depth(model, 5)
