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
    has_adapters,
    merge,
    put_adapters,
    save_adapters,
    stored_adapters,
    with_adapters,
)
from themis.model.checkpoint import base_directory
from themis.model.named import base_of, is_adapter
from themis.model.new_tokens import WORDS, begin_rows

pytest.importorskip("peft")
IDS = torch.tensor([[1, 2, 3, 4]])
NEW = (2, 4)


def _lm(tied: bool = False) -> Any:
    torch.manual_seed(0)
    config = tiny_config("qwen3", len(byte_tokenizer()), 64)
    config.tie_word_embeddings = tied
    return random_backbone(config).eval()


def _with_lora(new_tokens: tuple[int, ...] = (), tied: bool = False) -> Any:
    """A model whose adapters are no longer zero."""
    lm = _lm(tied)
    add_lora(lm, Lora(dropout=0.0), "owner/base", new_tokens)
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


@pytest.mark.parametrize("tied", [True, False])
def test_no_backward_pass_goes_through_frozen_layers(tied: bool) -> None:
    lm = _lm(tied)
    add_lora(lm, Lora(dropout=0.0, frozen_layers=2), "owner/base", NEW)
    entered: list[torch.Tensor] = []
    lm.model.layers[2].register_forward_pre_hook(lambda layer, args: entered.append(args[0]))
    lm(IDS, labels=IDS).loss.backward()
    assert not entered[0].requires_grad
    layers = {".".join(name.split(".")[:3]) for name in _trained(lm)}
    assert layers == {"model.layers.2", "new_tokens.read_KH" if tied else "new_tokens.written_KH"}
    assert all(parameter.grad is not None for parameter in lm.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("count", [3, -1])
def test_more_frozen_layers_than_there_are_is_one_sentence(count: int) -> None:
    with pytest.raises(ConfigError, match=f"frozen_layers must be from 0 to 2 for this backbone, found {count}"):
        add_lora(_lm(), Lora(frozen_layers=count), "owner/base")


def test_new_adapters_change_nothing() -> None:
    lm, whole = _lm(), _lm()
    add_lora(lm, Lora(), "owner/base")
    with torch.no_grad():
        assert torch.equal(lm.eval()(IDS).logits, whole(IDS).logits)


def test_new_rows_begin_as_those_of_the_table_and_change_nothing_but_by_rounding() -> None:
    lm, whole = _lm(), _lm()
    add_lora(lm, Lora(), "owner/base", NEW)
    with torch.no_grad():
        assert torch.allclose(lm.eval()(IDS).logits, whole(IDS).logits, atol=1e-6)


@pytest.mark.parametrize(("tied", "tables"), [(True, ["model.embed_tokens"]), (False, ["lm_head", "model.embed_tokens"])])
def test_of_the_embeddings_the_rows_of_new_tokens_alone_are_trained_and_stored(tied: bool, tables: list[str], tmp_path: Path) -> None:
    lm = _with_lora(NEW, tied)
    assert sum(parameter.numel() for name, parameter in lm.named_parameters() if "new_tokens" in name) == len(tables) * 2 * 64
    save_adapters(tmp_path, lm)
    rows = {name: tensor.shape for name, tensor in load_file(tmp_path / WEIGHTS_FILE).items() if ".lora_" not in name}
    assert rows == {f"base_model.model.{table}.token_adapter.trainable_tokens_delta": (2, 64) for table in tables}


@pytest.mark.parametrize("tied", [True, False])
def test_peft_itself_reads_what_is_stored(tied: bool, tmp_path: Path) -> None:
    from peft import PeftModel

    lm = _with_lora(NEW, tied)
    save_adapters(tmp_path, lm)
    with torch.no_grad():
        assert torch.allclose(PeftModel.from_pretrained(_lm(tied), tmp_path)(IDS).logits, lm(IDS).logits, atol=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_what_is_trained_is_float32_on_a_bfloat16_backbone_and_a_small_step_arrives(tied: bool) -> None:
    lm = _lm(tied).to(torch.bfloat16)
    add_lora(lm, Lora(dropout=0.0), "owner/base", NEW)
    trained = {name: parameter for name, parameter in lm.named_parameters() if parameter.requires_grad}
    assert {parameter.dtype for parameter in trained.values()} == {torch.float32}
    assert {parameter.dtype for parameter in lm.parameters() if not parameter.requires_grad} == {torch.bfloat16}
    torch.nn.init.normal_(trained["new_tokens.read_KH"], mean=1.0, std=0.1)
    before = {name: parameter.detach().clone() for name, parameter in trained.items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lm.train()(IDS, labels=IDS).loss.backward()
    torch.optim.AdamW(trained.values(), lr=1e-5, weight_decay=0.0).step()
    moved = {name: (parameter - before[name]).abs().max().item() for name, parameter in trained.items()}
    assert all(0.9e-5 < far < 1.1e-5 for name, far in moved.items() if "lora_A" not in name)  # B is 0, so A has no gradient yet


def test_only_the_new_rows_change_what_the_model_reads_and_writes() -> None:
    lm, whole = _with_lora(NEW), _lm()
    with torch.no_grad():
        for name, parameter in lm.named_parameters():
            if ".lora_" in name:
                parameter.zero_()
        others = torch.tensor([[1, 3, 5]])
        kept = [token for token in range(whole.config.vocab_size) if token not in NEW]
        assert torch.equal(lm(others).logits[..., kept], whole(others).logits[..., kept])
        assert not torch.allclose(lm(others).logits[..., list(NEW)], whole(others).logits[..., list(NEW)])
        assert not torch.allclose(lm(IDS).logits, whole(IDS).logits)


def test_a_new_token_begins_as_the_mean_of_fitting_words() -> None:
    tokenizer = byte_tokenizer()
    lm = _lm()
    tool: Any = tokenizer.convert_tokens_to_ids("<|tool|>")
    begin_rows(lm, tokenizer, [tool])
    words = tokenizer(WORDS["<|tool|>"], add_special_tokens=False)["input_ids"]
    for table in (lm.get_input_embeddings(), lm.get_output_embeddings()):
        assert torch.allclose(table.weight[tool], table.weight[words].mean(0), atol=1e-6)


def test_a_directory_of_adapters_names_its_base(tmp_path: Path) -> None:
    assert not is_adapter(tmp_path)
    save_adapters(tmp_path, _with_lora())
    assert is_adapter(tmp_path)
    assert base_of(tmp_path) == "owner/base"
    (tmp_path / "adapter_config.json").write_text(json.dumps({}))
    with pytest.raises(ModelError, match="names no base model"):
        base_of(tmp_path)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("new_tokens", [NEW, ()])
def test_stored_adapters_are_put_back_and_merged_to_the_same_logits(new_tokens: tuple[int, ...], tied: bool, tmp_path: Path) -> None:
    lm = _with_lora(new_tokens, tied)
    save_adapters(tmp_path, lm)
    again = _lm(tied)
    add_lora(again, Lora(dropout=0.0), "owner/base", new_tokens)
    put_adapters(again, tmp_path)
    with torch.no_grad():
        expected = lm(IDS).logits
        assert torch.allclose(again.eval()(IDS).logits, expected, atol=1e-5)
        assert torch.allclose(with_adapters(_lm(tied), tmp_path)(IDS).logits, expected, atol=1e-5)
        assert torch.allclose(merge(lm)(IDS).logits, expected, atol=1e-5)


def test_stored_names_are_those_of_a_model_with_adapters(tmp_path: Path) -> None:
    lm = _with_lora(NEW)
    save_adapters(tmp_path, lm)
    stored = stored_adapters(tmp_path, lm)
    assert stored.keys() == _trained(lm)
    assert all(torch.equal(tensor, lm.get_parameter(name)) for name, tensor in stored.items())


def test_a_merged_model_is_plain_and_trained_whole() -> None:
    lm = merge(_with_lora(NEW))
    assert not has_adapters(lm)
    assert lm.state_dict().keys() == _lm().state_dict().keys()
    assert _trained(lm) == {name for name, _ in lm.named_parameters()}


def test_targets_that_the_backbone_lacks_are_named() -> None:
    with pytest.raises(ConfigError, match="has no layers named query, key"):
        add_lora(_lm(), Lora(targets=("query", "key")), "owner/base")


def test_a_base_that_is_not_there_is_named_with_its_adapters(tmp_path: Path) -> None:
    save_adapters(tmp_path, _with_lora())
    (tmp_path / "themis.json").write_text("{}")
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "ours"}))
    with pytest.raises(ModelError, match=r"the adapters in .* need their base: no model 'ours'.*adapter_config.json says where it is"):
        base_directory(tmp_path)
