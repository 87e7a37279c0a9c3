"""The recipes of nano: one from scratch, and one that goes on from it with more words, more positions and running text."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.builder.tasks.written import reading_folder
from tests.training.test_cost import TINY
from tests.training.test_epochs import silent
from themis.config import read_recipe
from themis.errors import ConfigError
from themis.model.adapters import Lora
from themis.model.checkpoint import load_model
from themis.training.recipe import Backbone, TrainRecipe
from themis.training.run import train


def _small(name: str, backbone: Backbone, mixture: dict[str, float], **others: Any) -> TrainRecipe:
    small: dict[str, Any] = {
        "tokens_per_step": 1024,
        "lengths": (512,),
        "measured_pairs": 4,
        "live_sample": 0,
        "compile": False,
        "bf16": False,
    }
    return replace(read_recipe(name, TrainRecipe), backbone=backbone, mixture=mixture, rows=None, **{**small, **others})


def test_nano_goes_on_from_a_first_run_with_more_words_and_positions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", str(reading_folder(tmp_path)))
    recipe = read_recipe("nano-first", TrainRecipe)
    tiny = replace(recipe.backbone, vocabulary=420, config={**recipe.backbone.config, **TINY})
    first = train(_small("nano-first", tiny, {"calendar": 1.0}, steps=2, drill_steps=1, measure_every=2), tmp_path / "first", notice=silent)
    model, tokenizer, _ = load_model(first)
    assert tokenizer.model_max_length == model.context_length == 2048

    on = replace(read_recipe("nano", TrainRecipe).backbone, name=str(first), added_words=3, added_prose=2)
    second = _small(
        "nano", on, {"calendar": 1.0}, steps=25, drill_steps=0, drill_share=1.0, text_share=1.0, measure_every=25, tokens_per_step=512
    )
    nano = train(second, tmp_path / "nano", notice=silent)
    line = next(line for line in json.loads((nano / "log.json").read_text()) if "loss" in line)
    assert line["answer"] > 0
    assert line["action"] == line["rationale"] == 0
    model, grown, _ = load_model(nano)
    assert (len(grown), model.context_length, grown.model_max_length) == (len(tokenizer) + 5, 4096, 4096)
    assert grown.get_vocab().items() > tokenizer.get_vocab().items()


def test_more_words_need_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    on = Backbone(name="nano", added_words=3)
    with pytest.raises(ConfigError, match=r"backbone\.added_words: the texts to learn them from were not found; set THEMIS_DATA"):
        train(_small("nano", on, {"calendar": 1.0}, steps=1), tmp_path / "nano", notice=silent)


def test_adapters_on_a_model_of_ours_keep_the_words_that_were_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", str(reading_folder(tmp_path)))
    recipe = read_recipe("nano-first", TrainRecipe)
    tiny = replace(recipe.backbone, vocabulary=420, config={**recipe.backbone.config, **TINY})
    first = train(_small("nano-first", tiny, {"calendar": 1.0}, steps=2, drill_steps=1, measure_every=2), tmp_path / "first", notice=silent)
    on = replace(read_recipe("nano", TrainRecipe).backbone, name=str(first), added_words=3, added_prose=0)
    settings = {"steps": 2, "drill_steps": 0, "measure_every": 2, "lora": Lora(), "optimizer": "adamw"}
    with pytest.raises(ConfigError, match=r"backbone\.layers: adapters are put on a model as it is"):
        train(_small("nano", replace(on, layers=1), {"calendar": 1.0}, **settings), tmp_path / "lora", notice=silent)
    out = train(_small("nano", on, {"calendar": 1.0}, **settings), tmp_path / "lora", notice=silent)
    model, tokenizer, _ = load_model(out)
    assert len(tokenizer) == model.lm.get_input_embeddings().num_embeddings == len(load_model(first)[1]) + 3
    assert model.context_length == tokenizer.model_max_length == 2048
