"""Every recipe is dry-run: counted at its full size, and trained at a tiny size of the same architecture."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fakes import byte_tokenizer, random_backbone, tiny_bert
from tests.traces.test_chat_form import chat_tokenizer
from tests.training.recipes import changed
from tests.training.test_epochs import silent
from themis.config import read_recipe
from themis.errors import ModelError
from themis.inference import load_judge
from themis.inference.encoder import EncoderJudge
from themis.model.checkpoint import load_model
from themis.traces import Case, Pair
from themis.traces.tara import write_tara
from themis.training.backbones import configured
from themis.training.cost import estimate, lines
from themis.training.recipe import Backbone, TrainRecipe, stages_of
from themis.training.run import train

KNOWN = {
    # As published; BERT's 335,141,888 and a head of 1,025.
    "vicuna-7b": 6_738_415_616,
    "qwen3-8b": 8_190_735_360,
    "bert-large": 335_142_913,
    "minilm": 22_713_601,
}
ENCODERS = ("bert-large", "minilm")
CAUSAL = ("vicuna-7b", "vicuna-7b-vanilla", "vicuna-7b-lora", "vicuna-33b-lora", "qwen3-8b")
TINY = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
}


@pytest.mark.parametrize("name", KNOWN)
def test_parameters_are_those_that_were_published(name: str) -> None:
    cost = estimate(read_recipe(name, TrainRecipe))
    assert cost.parameters == KNOWN[name]
    assert dict(lines(read_recipe(name, TrainRecipe), cost)).keys() >= {"parameters", "memory", "time"}


def test_memory_and_time_follow_from_the_written_model() -> None:
    plain = read_recipe("vicuna-7b", TrainRecipe)
    cost = estimate(plain)
    assert cost.gradients == 4.0 * cost.parameters
    assert cost.optimizer == 8.0 * cost.parameters
    assert cost.machines > 1
    lora = estimate(read_recipe("vicuna-7b-lora", TrainRecipe))
    assert lora.machines == 1
    assert lora.trained < 0.05 * lora.parameters
    assert estimate(changed(plain, gradient_checkpointing=False)).activations > cost.activations
    assert estimate(changed(plain, epochs=10)).hours == pytest.approx(2 * cost.hours)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:

    from tests.pairs import by_rule

    monkeypatch.setenv("THEMIS_DATA", "")
    drawn: list[Pair] = [by_rule("calendar", seed) for seed in range(12)]
    write_tara(drawn[:8], tmp_path / "data" / "tara" / "calendar" / "train.jsonl")
    write_tara(drawn[8:], tmp_path / "data" / "tara" / "calendar" / "test.jsonl")
    return str(tmp_path / "data")


@pytest.mark.parametrize("name", CAUSAL)
def test_a_recipe_trains_a_tiny_model_of_its_architecture(name: str, rows: str, tmp_path: Path) -> None:
    recipe = read_recipe(name, TrainRecipe)
    if recipe.model.lora:
        pytest.importorskip("peft")
    tokenizer: Any = chat_tokenizer() if recipe.model.form == "chat" else byte_tokenizer()
    torch.manual_seed(0)
    fields = {**recipe.model.config, **TINY, "vocab_size": len(tokenizer), "max_position_embeddings": 4096}
    random_backbone(configured(fields)).save_pretrained(tmp_path / "tiny")
    tokenizer.save_pretrained(tmp_path / "tiny")
    small = changed(
        recipe, name=str(tmp_path / "tiny"), pad_token=None, built=rows, mixture={"built/calendar": 1.0},
        epochs=1, pairs_per_step=4, tokens_per_step=2048, lengths=(2048,), measured_pairs=2, live_sample=0, bf16=False,
    )  # fmt: skip
    out = train(small, tmp_path / "run", notice=silent)
    model, _, meta = load_model(out)
    assert meta.form == recipe.model.form
    assert meta.kind == recipe.kind
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    logged = json.loads((out / "log.json").read_text())[0]
    assert ("action" in logged) == (recipe.kind == "themis")


def test_minilm_learns_from_the_rows_of_the_eight_tasks() -> None:
    tasks = {"calculator", "calendar", "weather", "multi_tools", "code", "webgpt", "wikisearch", "translator"}
    assert {name.partition("/")[2] for name in read_recipe("minilm", TrainRecipe).data.mixture if name.startswith("built/")} == tasks


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoders_recipe_trains_a_tiny_bert(name: str, rows: str, tmp_path: Path) -> None:
    recipe = read_recipe(name, TrainRecipe)
    tiny = {field: size for field, size in TINY.items() if field in recipe.model.config} | {"max_position_embeddings": 512}
    assert len(tiny) == 5
    folder = tiny_bert(tmp_path / "bert", **{**recipe.model.config, **tiny})
    small = changed(
        recipe, name=folder, built=rows, mixture={"built/calendar": 1.0}, epochs=2, pairs_per_step=4, tokens_per_step=1024,
        measured_pairs=2, bf16=False,
    )  # fmt: skip
    judge = load_judge(train(small, tmp_path / "run", notice=silent))
    assert isinstance(judge, EncoderJudge)
    assert judge.judge(Case("What day is it?", "Tuesday.")).status == "scored"
    assert judge.meta.training["recipe"]["run"]["lengths"][-1] <= judge.model.context_length


def test_a_model_at_hand_is_counted_as_it_is_whatever_the_recipe_says_of_its_shape() -> None:
    nano, _, _ = load_model("nano")
    recipe = read_recipe("nano", TrainRecipe, ["model.name=nano", "model.config.hidden_size=64"])
    assert estimate(recipe).parameters == sum(parameter.numel() for parameter in nano.lm.parameters())


def test_the_stages_of_a_recipe_are_summed() -> None:
    recipe = read_recipe("nano", TrainRecipe)
    stages = [estimate(stage.recipe) for stage in stages_of(recipe)]
    whole = estimate(recipe)
    assert len(stages) == 5
    assert whole.tokens == sum(stage.tokens for stage in stages)
    assert whole.hours == pytest.approx(sum(stage.hours for stage in stages))
    assert whole.memory == max(stage.memory for stage in stages)


def _config_of_a_tiny_model(directory: Path) -> int:
    """Writes the configuration of a tiny model, and counts its parameters."""
    config = configured({"model_type": "llama", **TINY, "vocab_size": 300})
    config.save_pretrained(directory)
    return sum(parameter.numel() for parameter in random_backbone(config).parameters())


def test_of_a_repository_of_the_hub_what_was_downloaded_counts_and_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe("vicuna-7b", TrainRecipe)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert estimate(recipe).parameters == KNOWN["vicuna-7b"]
    kept = tmp_path / "models--lmsys--vicuna-7b-v1.3"
    parameters = _config_of_a_tiny_model(kept / "snapshots" / "0f1e2d")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("0f1e2d")
    assert estimate(recipe).parameters == parameters


@pytest.mark.parametrize("name", ["package:no_such_package/model", "runs/not-there-yet", "./not-there-yet"])
def test_what_is_not_there_yet_is_counted_by_the_recipe(name: str) -> None:
    recipe = read_recipe("bert-large", TrainRecipe)
    assert estimate(changed(recipe, name=name)).parameters == KNOWN["bert-large"]


def test_of_adapters_the_model_that_they_stand_on_is_counted(tmp_path: Path) -> None:
    parameters = _config_of_a_tiny_model(tmp_path / "base")
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tmp_path / "base")}))
    recipe = read_recipe("vicuna-7b", TrainRecipe)
    recipe = changed(recipe, name=str(tmp_path / "adapters"))
    assert estimate(recipe).parameters == parameters


def test_a_directory_that_is_not_there_or_holds_no_model_is_named(tmp_path: Path) -> None:
    recipe = read_recipe("vicuna-7b", TrainRecipe)
    with pytest.raises(ModelError, match=r"no model '.*gone'"):
        estimate(changed(recipe, model=Backbone(name=str(tmp_path / "gone"))))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds no configuration that transformers reads"):
        estimate(changed(recipe, name=str(tmp_path)))
