"""Adapters are read on the model that they were trained on, and on no other."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.fakes import byte_tokenizer, tiny_model
from themis.errors import ModelError
from themis.hyperparameters import Lora
from themis.model import known
from themis.model.adapters import add_lora
from themis.model.checkpoint import ModelMeta, load_meta, load_model, save_model
from themis.model.named import check_name, resolve

pytest.importorskip("peft")


@pytest.fixture
def adapters(tmp_path: Path) -> Path:
    """Adapters in `adapters`, on the model in `base`."""
    tokenizer = byte_tokenizer()
    model = tiny_model("llama", tokenizer)
    save_model(tmp_path / "base", model, tokenizer, ModelMeta())
    add_lora(model.lm, Lora(dropout=0.0), str(tmp_path / "base"))
    save_model(tmp_path / "adapters", model, tokenizer, ModelMeta())
    return tmp_path / "adapters"


def test_a_directory_of_adapters_knows_its_base_by_content(adapters: Path) -> None:
    assert set(load_meta(adapters).base) == {"weights", "words"}
    load_model(adapters)


def test_other_weights_under_the_same_name_are_refused(adapters: Path) -> None:
    file = adapters.parent / "base" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"] += 1
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"were trained on another .*base: its weights differ; fetch that model again"):
        load_model(adapters)


def test_a_vocabulary_that_differs_by_one_token_is_refused(adapters: Path) -> None:
    file = adapters.parent / "base" / "tokenizer.json"
    raw: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = raw["model"]["vocab"]
    vocabulary["one more"] = len(vocabulary)
    file.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(ModelError, match="its words differ"):
        load_model(adapters)


def test_adapters_of_earlier_versions_are_read_unchecked(adapters: Path) -> None:
    meta = json.loads((adapters / "themis.json").read_text())
    del meta["base"]
    (adapters / "themis.json").write_text(json.dumps(meta))
    load_model(adapters)


def test_a_known_backbone_that_is_not_fetched_is_named_with_its_command(
    adapters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEMIS_CACHE", str(tmp_path / "empty"))
    config = adapters / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "smollm2-135m"}))
    for read in (check_name, load_model):
        with pytest.raises(ModelError, match=r"needs its backbone, .*: `themis models get smollm2-135m` fetches it \(98 MB\)"):
            read(adapters)
    assert not (tmp_path / "empty").exists()


def test_small_says_what_it_needs_before_torch_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not resolve("small").is_dir():
        pytest.skip("no small model here")
    monkeypatch.setenv("THEMIS_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="small needs its backbone"):
        check_name("small")


@pytest.mark.skipif(known.at_hand("smollm2-135m") is None, reason="the backbone is not here: `themis models get smollm2-135m`")
def test_the_digests_of_a_known_backbone_are_those_of_the_table() -> None:
    from themis.model.base import base_digests

    where = known.at_hand("smollm2-135m")
    assert where is not None
    assert base_digests("smollm2-135m", where)["weights"] == known.known_models()["smollm2-135m"].sha256


def test_the_number_type_follows_size_device_and_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from themis.model.precision import number_type

    (tmp_path / "config.json").write_text(json.dumps({"dtype": "bfloat16"}))
    (tmp_path / "model.safetensors").write_bytes(b"0" * 2000)
    monkeypatch.setattr("themis.model.precision.has_bf16", lambda: True)
    assert number_type(tmp_path, "cpu") == torch.float32
    assert number_type(tmp_path, "cuda") is None
    monkeypatch.setattr("themis.model.precision.LARGE", 1000)
    assert number_type(tmp_path, "cpu") == torch.bfloat16
    (tmp_path / "config.json").write_text(json.dumps({"dtype": "float32"}))
    assert number_type(tmp_path, "cpu") == torch.float32
    (tmp_path / "config.json").write_text(json.dumps({"dtype": "bfloat16"}))
    monkeypatch.setattr("themis.model.precision.has_bf16", lambda: False)
    assert number_type(tmp_path, "cpu") == torch.float32
