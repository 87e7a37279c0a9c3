"""Model directories: what is written, in which number type, and how a name becomes a directory."""

import json
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.fakes import byte_tokenizer, random_backbone, tiny_config, tiny_model
from themis.errors import ModelError
from themis.model.checkpoint import ModelMeta, load_meta, load_model, save_model, write_meta
from themis.model.named import NANO, at_hand, is_themis_model, resolve
from themis.model.reward_model import RewardModel

TOKENIZER = byte_tokenizer()


def test_what_is_said_of_a_model_is_read_back(tmp_path: Path) -> None:
    meta = ModelMeta(kind="vanilla", tools=("calculator",), reward_mean=0.5, temperature=2.0, training={"seconds": 3})
    write_meta(tmp_path, meta)
    assert load_meta(tmp_path) == meta


def test_keys_of_a_newer_version_are_left_aside_and_missing_ones_have_their_default(tmp_path: Path) -> None:
    (tmp_path / "themis.json").write_text(json.dumps({"reward_std": 2.0, "colour": "red"}))
    assert load_meta(tmp_path) == ModelMeta(reward_std=2.0)


def test_tied_embeddings_are_written_once_and_stay_tied(tmp_path: Path) -> None:
    config = tiny_config("qwen3", len(TOKENIZER), 64)
    config.tie_word_embeddings = True
    save_model(tmp_path, RewardModel(random_backbone(config)), TOKENIZER, ModelMeta(), torch.bfloat16)
    stored = load_file(tmp_path / "model.safetensors")
    assert "lm_head.weight" not in stored
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    model, _, _ = load_model(tmp_path)
    assert model.lm.get_output_embeddings().weight is model.lm.get_input_embeddings().weight
    assert model.lm.dtype == torch.bfloat16


def test_a_model_is_loaded_in_the_type_that_is_asked_for(tmp_path: Path) -> None:
    save_model(tmp_path, tiny_model("llama", TOKENIZER), TOKENIZER, ModelMeta(), torch.bfloat16)
    assert load_model(tmp_path, torch.float32)[0].lm.dtype == torch.float32


def test_everybody_may_read_the_weights(tmp_path: Path) -> None:
    save_model(tmp_path, tiny_model("llama", TOKENIZER), TOKENIZER, ModelMeta())
    for file in tmp_path.glob("*.safetensors"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_name_becomes_a_directory(tmp_path: Path) -> None:
    assert resolve("nano") == NANO
    assert resolve(tmp_path) == tmp_path
    assert at_hand("nano") == NANO
    assert is_themis_model("nano")
    assert not is_themis_model(tmp_path)


@pytest.mark.parametrize("name", ["package:no_such_package/model", "nobody/has-this", "runs/not/there", "nowhere"])
def test_what_is_not_at_hand_is_not_fetched(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert at_hand(name) is None


def test_an_encoder_is_no_model_that_writes(tmp_path: Path) -> None:
    write_meta(tmp_path, ModelMeta(kind="encoder"))
    with pytest.raises(ModelError, match="is an encoder reward model, which writes nothing"):
        load_model(tmp_path)
