"""Adapters inside a tiny model: what is trained, what is stored, and that merging changes no logit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.fakes import byte_tokenizer, random_backbone, tiny_config
from themis.errors import ConfigError, ModelError
from themis.hyperparameters import Lora
from themis.model.adapters import (
    WEIGHTS_FILE,
    add_lora,
    base_of,
    has_adapters,
    is_adapter,
    merge,
    put_adapters,
    save_adapters,
    stored_adapters,
    with_adapters,
)
from themis.model.checkpoint import base_directory

pytest.importorskip("peft")
IDS = torch.tensor([[1, 2, 3, 4]])


def _lm(tied: bool = False) -> Any:
    torch.manual_seed(0)
    config = tiny_config("qwen3", len(byte_tokenizer()), 64)
    config.tie_word_embeddings = tied
    return random_backbone(config).eval()


def _with_lora(train_embeddings: bool = False, tied: bool = False) -> Any:
    """A model whose adapters are no longer zero."""
    lm = _lm(tied)
    add_lora(lm, Lora(dropout=0.0), "owner/base", train_embeddings)
    torch.manual_seed(1)
    for parameter in lm.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    return lm.eval()


def _trained(lm: Any) -> set[str]:
    return {name for name, parameter in lm.named_parameters() if parameter.requires_grad}


def test_the_adapters_alone_are_trained() -> None:
    lm = _with_lora()
    assert has_adapters(lm)
    assert len(_trained(lm)) == 3 * 2 * 2  # layers, q and v, A and B
    assert all(".lora_" in name for name in _trained(lm))


def test_new_adapters_change_nothing() -> None:
    lm, whole = _lm(), _lm()
    add_lora(lm, Lora(), "owner/base", train_embeddings=False)
    with torch.no_grad():
        assert torch.equal(lm.eval()(IDS).logits, whole(IDS).logits)


@pytest.mark.parametrize(
    ("tied", "names"), [(True, {"model.embed_tokens.weight"}), (False, {"model.embed_tokens.weight", "lm_head.weight"})]
)
def test_where_tokens_were_added_the_embeddings_are_trained_and_stored(tied: bool, names: set[str], tmp_path: Path) -> None:
    lm = _with_lora(train_embeddings=True, tied=tied)
    assert {name for name in _trained(lm) if ".lora_" not in name} == names
    save_adapters(tmp_path, lm)
    stored = load_file(tmp_path / WEIGHTS_FILE)
    assert {name.removeprefix("base_model.model.") for name in stored if ".lora_" not in name} == names


def test_a_directory_of_adapters_names_its_base(tmp_path: Path) -> None:
    assert not is_adapter(tmp_path)
    save_adapters(tmp_path, _with_lora())
    assert is_adapter(tmp_path)
    assert base_of(tmp_path) == "owner/base"
    (tmp_path / "adapter_config.json").write_text(json.dumps({}))
    with pytest.raises(ModelError, match="names no base model"):
        base_of(tmp_path)


@pytest.mark.parametrize("embeddings", [True, False])
def test_stored_adapters_are_put_back_and_merged_to_the_same_logits(embeddings: bool, tmp_path: Path) -> None:
    lm = _with_lora(embeddings)
    save_adapters(tmp_path, lm)
    again = _lm()
    add_lora(again, Lora(dropout=0.0), "owner/base", embeddings)
    put_adapters(again, tmp_path)
    with torch.no_grad():
        expected = lm(IDS).logits
        assert torch.allclose(again.eval()(IDS).logits, expected, atol=1e-5)
        assert torch.allclose(with_adapters(_lm(), tmp_path)(IDS).logits, expected, atol=1e-5)
        assert torch.allclose(merge(lm)(IDS).logits, expected, atol=1e-5)


def test_stored_names_are_those_of_a_model_with_adapters(tmp_path: Path) -> None:
    lm = _with_lora(train_embeddings=True)
    save_adapters(tmp_path, lm)
    stored = stored_adapters(tmp_path)
    assert stored.keys() == _trained(lm)
    assert all(torch.equal(tensor, lm.get_parameter(name)) for name, tensor in stored.items())


def test_a_merged_model_is_plain_and_trained_whole() -> None:
    lm = merge(_with_lora())
    assert not has_adapters(lm)
    assert lm.state_dict().keys() == _lm().state_dict().keys()
    assert _trained(lm) == {name for name, _ in lm.named_parameters()}


def test_targets_that_the_backbone_lacks_are_named() -> None:
    with pytest.raises(ConfigError, match="has no layers named query, key"):
        add_lora(_lm(), Lora(targets=("query", "key")), "owner/base", train_embeddings=False)


def test_a_base_that_is_not_there_is_named_with_its_adapters(tmp_path: Path) -> None:
    save_adapters(tmp_path, _with_lora())
    (tmp_path / "themis.json").write_text("{}")
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "ours"}))
    with pytest.raises(ModelError, match=r"the adapters in .* need their base: no model 'ours'.*adapter_config.json says where it is"):
        base_directory(tmp_path)
