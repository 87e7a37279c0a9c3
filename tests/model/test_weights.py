"""Weights that are not whole are named, and never made up."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from tests.fakes import byte_tokenizer, random_backbone, tiny_bert, tiny_config, tiny_model
from themis.errors import ModelError
from themis.hyperparameters import Lora
from themis.model.adapters import add_lora, put_adapters, save_adapters
from themis.model.average import average
from themis.model.checkpoint import ModelMeta, load_meta, load_model, save_model
from themis.model.encoder import new_encoder, read_encoder, save_encoder
from themis.model.weights import read_weights

TOKENIZER = byte_tokenizer()
LAYER = "layers.1.self_attn.q_proj.weight"


def lose(state: dict[str, Tensor]) -> None:
    del state[next(name for name in state if name.endswith(LAYER))]


def gain(state: dict[str, Tensor]) -> None:
    state["model.layers.9.extra.weight"] = torch.ones(2)


def bend(state: dict[str, Tensor]) -> None:
    name = next(name for name in state if name.endswith(LAYER))
    state[name] = state[name][:, :-1].contiguous()


FAULTS = pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lose, "lacks 1 of the model's tensors, such as model.layers.1.self_attn.q_proj.weight"),
        (gain, "holds, against its configuration, 1 of the model's tensors, such as model.layers.9.extra.weight"),
        (bend, r"the tensor model.layers.1.self_attn.q_proj.weight has the shape \(64, 63\), and config.json asks for \(64, 64\)"),
    ],
)


def saved(folder: Path) -> Path:
    save_model(folder, tiny_model("qwen3", TOKENIZER), TOKENIZER, ModelMeta())
    return folder


def changed(file: Path, change: Callable[[dict[str, Tensor]], Any]) -> None:
    state = load_file(file)
    change(state)
    save_file(state, file, metadata={"format": "pt"})


@FAULTS
def test_a_model_with_a_tensor_too_few_too_many_or_of_another_shape(
    change: Callable[[dict[str, Tensor]], None], sentence: str, tmp_path: Path
) -> None:
    whole, broken = saved(tmp_path / "whole"), saved(tmp_path / "broken")
    changed(broken / "model.safetensors", change)
    with pytest.raises(ModelError, match=sentence):
        load_model(broken)
    with pytest.raises(ModelError, match=sentence):
        average([str(whole), str(broken)], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


@pytest.mark.parametrize("change", [lose, bend])
def test_a_pretrained_backbone_must_be_whole(change: Callable[[dict[str, Tensor]], None], tmp_path: Path) -> None:
    random_backbone(tiny_config("llama", len(TOKENIZER), 64)).save_pretrained(tmp_path)
    changed(tmp_path / "model.safetensors", gain)  # heads for other uses harm nothing
    read_weights(AutoModelForCausalLM, tmp_path, backbone=True)
    changed(tmp_path / "model.safetensors", change)
    with pytest.raises(ModelError, match=r"q_proj"):
        read_weights(AutoModelForCausalLM, tmp_path, backbone=True)


def test_an_encoder_may_lack_its_head_before_training_alone(tmp_path: Path) -> None:
    model, tokenizer = new_encoder(tiny_bert(tmp_path / "bert"))
    save_encoder(tmp_path / "own", model, tokenizer, ModelMeta(kind="encoder"))
    read_encoder(tmp_path / "own")
    changed(tmp_path / "own" / "model.safetensors", lambda state: state.pop("classifier.bias"))
    with pytest.raises(ModelError, match=r"lacks 1 of the model's tensors, such as classifier.bias"):
        read_encoder(tmp_path / "own")
    changed(tmp_path / "bert" / "model.safetensors", lambda state: state.pop("encoder.layer.1.output.dense.bias"))
    with pytest.raises(ModelError, match=r"lacks 1 of the model's tensors, such as bert.encoder.layer.1.output.dense.bias"):
        new_encoder(str(tmp_path / "bert"))


@pytest.mark.parametrize("part", [".lora_A", "layers.2", "extra"])
def test_adapters_must_be_whole(part: str, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    lm = random_backbone(tiny_config("llama", len(TOKENIZER), 64))
    add_lora(lm, Lora(), "owner/base")
    save_adapters(tmp_path, lm)
    file = tmp_path / "adapter_model.safetensors"
    if part == "extra":
        changed(file, lambda state: state.update({"base_model.model.model.layers.7.q_proj.lora_A.weight": torch.ones(8, 8)}))
    else:
        changed(file, lambda state: [state.pop(name) for name in [*state] if part in name])
    with pytest.raises(ModelError, match="of the model's tensors, such as model"):
        put_adapters(lm, tmp_path)


@pytest.mark.parametrize(("field", "value"), [("num_hidden_layers", 2), ("num_hidden_layers", 12), ("hidden_size", 96), ("vocab_size", 7)])
def test_a_configuration_that_does_not_fit_the_weights(field: str, value: int, tmp_path: Path) -> None:
    config = saved(tmp_path) / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), field: value}))
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_values_that_are_not_finite_are_not_averaged(tmp_path: Path) -> None:
    whole, broken = saved(tmp_path / "whole"), saved(tmp_path / "broken")
    changed(broken / "model.safetensors", lambda state: state["model.norm.weight"].fill_(float("nan")))
    with pytest.raises(ModelError, match=r"not finite, in lm.model.norm.weight"):
        average([str(whole), str(broken)], tmp_path / "mean")


@pytest.mark.parametrize(("field", "value"), [("kind", "bogus"), ("kind", None)])
def test_a_kind_or_form_that_does_not_exist(field: str, value: object, tmp_path: Path) -> None:
    (tmp_path / "themis.json").write_text(json.dumps({field: value}))
    with pytest.raises(ModelError, match=f"themis.json: expected '{field}' to be"):
        load_meta(tmp_path)


def test_loading_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = saved(tmp_path / "whole")
    capfd.readouterr()
    load_model(whole)
    assert capfd.readouterr() == ("", "")
    shutil.rmtree(whole)
