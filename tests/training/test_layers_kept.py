"""A smaller model begins with the first layers of a trained one."""

from typing import Any

import pytest
import torch

from tests.fakes import byte_tokenizer, tiny_model
from themis.errors import ConfigError
from themis.training.backbones import keep_layers


def test_the_first_layers_stay_as_they_are_and_the_others_are_gone() -> None:
    model: Any = tiny_model("qwen3", byte_tokenizer())
    whole: Any = tiny_model("qwen3", byte_tokenizer())
    whole.load_state_dict(model.state_dict())
    keep_layers(model, "nano", 1)
    ids = torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        first = whole.lm.base_model(ids, output_hidden_states=True).hidden_states[1]
        assert torch.allclose(model(ids), whole.lm.base_model.norm(first), atol=1e-5)
    assert model.config.num_hidden_layers == 1


@pytest.mark.parametrize("count", [None, 9])
def test_all_layers_are_kept_where_no_fewer_are_asked_for(count: int | None) -> None:
    model: Any = tiny_model("qwen3", byte_tokenizer())
    before = model.config.num_hidden_layers
    keep_layers(model, "nano", count)
    assert len(model.lm.base_model.layers) == model.config.num_hidden_layers == before


def test_a_model_keeps_at_least_one_layer() -> None:
    model = tiny_model("qwen3", byte_tokenizer())
    with pytest.raises(ConfigError, match=r"num_hidden_layers: runs/first has \d layers, of which 0 cannot be kept"):
        keep_layers(model, "runs/first", 0)
