"""What cannot work is one sentence before any long work, and leaves everything as it was."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.cli.conftest import Themis, sentence, themis
from tests.fakes import byte_tokenizer, random_backbone, tiny_bert, tiny_config, tiny_model
from tests.traces.test_chat_form import chat_tokenizer
from tests.training.test_epochs import PAIRS
from themis.files import locked
from themis.model.checkpoint import ModelMeta, save_model
from themis.model.reward_model import RewardModel
from themis.training.outputs import ASIDE

__all__ = ["themis"]  # a fixture

RECIPE: dict[str, Any] = {
    "kind": "vanilla",
    "run": {"seed": 1, "tokens_per_step": 256, "lengths": [128], "learning_rate": 1e-3, "epochs": 1, "pairs_per_step": 8, "bf16": False},
    "model": {"name": "ours"},
    "data": {"files": ["pairs.jsonl"]},
    "loss": {"alpha": 0.0},
    "logging": {"measure_every": 2, "measured_pairs": 2, "live_sample": 0},
}
SCRATCH = {"model_type": "llama", "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Backbones of all kinds, and files of pairs."""
    folder = tmp_path_factory.mktemp("bad")
    tokenizer, chat = byte_tokenizer(), chat_tokenizer()
    torch.manual_seed(0)
    save_model(folder / "ours", tiny_model("llama", tokenizer, context_length=128), tokenizer, ModelMeta())
    save_model(folder / "chat", RewardModel(random_backbone(tiny_config("qwen3", len(chat), 128))), chat, ModelMeta(form="chat"))
    for name in ("no-tokenizer", "plain", "no-padding"):
        random_backbone(tiny_config("llama", len(tokenizer), 128)).save_pretrained(folder / name)
    tokenizer.save_pretrained(folder / "plain")
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder / "no-padding")
    tiny_bert(folder / "bert", max_position_embeddings=128)
    (folder / "empty").mkdir()
    _write(folder / "pairs.jsonl", PAIRS)
    _write(folder / "column.jsonl", [{"prompt": "q", "chosen": "a", "rejekted": "b"}])
    _write(folder / "equal.jsonl", [row | {"rejected": row["chosen"]} for row in PAIRS])
    _write(folder / "margins.jsonl", [row | {"margin": 0.0} for row in PAIRS])
    return folder


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")


def _recipe(folder: Path, changes: dict[str, Any]) -> Path:
    """Written down; names of files and models are those in `folder`."""
    raw = {**RECIPE, **changes, "run": RECIPE["run"] | changes.get("run", {}), "data": RECIPE["data"] | changes.get("data", {})}
    raw["data"] = {**raw["data"], "files": [str(folder / name) for name in raw["data"]["files"]]}
    if "name" in raw["model"]:
        raw["model"] = {**raw["model"], "name": str(folder / raw["model"]["name"])}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lerning_rate": 1.0}, "unknown key 'lerning_rate', did you mean 'run.learning_rate'?"),
        ({"learning_rate": 1.0}, "unknown key 'learning_rate': write run.learning_rate"),
        ({"run": {"mixture": {}}}, "unknown key 'run.mixture': write data.mixture"),
        ({"logging": 3}, "'logging' must be a section of keys (measure_every, measured_pairs, live_sample, report_to), found 3"),
        (
            {"run": {"fsdp": {"reshard_after_foward": True}}},
            "'run.fsdp.reshard_after_foward', did you mean 'run.fsdp.reshard_after_forward'?",
        ),
        ({"run": {"fsdp": {"version": 1}}}, "run.fsdp.version: only FSDP2 is supported: give 2, found 1"),
        ({"model": {"config": {**SCRATCH, "hidden_sizes": 64}}}, "unknown key 'model.config.hidden_sizes', did you mean"),
        ({"model": {"config": {**SCRATCH, "model_type": "lama"}}}, "no model_type 'lama' in transformers, did you mean 'llama'?"),
        ({"model": {"config": {**SCRATCH, "hidden_size": 33}}}, "hidden size (33) is not a multiple of the number of attention heads"),
        ({"data": {"files": ["column.jsonl"]}}, "field 'rejected' is missing; expected 'question' and 'answer', or"),
        ({"data": {"files": ["gone.jsonl"]}}, "gone.jsonl'"),
        ({"data": {"files": ["equal.jsonl"]}}, "no row is left to learn from (row: both answers are the same"),
        ({"data": {"files": ["margins.jsonl"], "margin": True}}, "the column 'margin' is 0 in every row"),
        ({"model": {"name": "empty"}}, "holds no config.json"),
        ({"model": {"name": "no-tokenizer"}}, "has no tokenizer that transformers can read"),
        ({"model": {"name": "no-padding"}}, "lacks a padding token: name one of its own, such as model.pad_token='<pad>'"),
        ({"model": {"name": "bert"}}, "is not a causal language model; try kind=encoder"),
        ({"model": {"name": "ours"}, "kind": "encoder"}, "is a reward model of kind 'themis', not a sequence classifier"),
        ({"model": {"name": "chat"}}, "was trained in the form 'chat', and the recipe says 'plain'"),
        ({"model": {"name": "ours", "form": "chat"}}, "was trained in the form 'plain', and the recipe says 'chat'"),
        ({"model": {"name": "plain", "form": "chat"}}, "model.form: the tokenizer has no chat template"),
        ({"run": {"learning_rate": -1.0}}, "run.learning_rate: must be more than 0, found -1.0"),
        ({"run": {"pairs_per_step": 0}}, "run.pairs_per_step: must be at least 1, found 0"),
        ({"run": {"epochs": -1}}, "run.epochs: must not be negative, found -1"),
        ({"run": {"warmup": 3.0}}, "run.warmup: must be at least 0 and less than 1, found 3.0"),
        ({"run": {"lengths": [16]}}, "no pair has at most 16 tokens"),
    ],
)
def test_a_run_that_cannot_work_is_one_sentence_and_leaves_nothing(
    changes: dict[str, Any], says: str, themis: Themis, folder: Path, tmp_path: Path
) -> None:
    assert says in sentence(themis("train", _recipe(folder, changes), "--out", tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def _stamps(out: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in out.rglob("*") if file.is_file()}


def test_a_mistake_costs_no_earlier_run_and_a_right_recipe_may_replace_it(themis: Themis, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert themis("train", _recipe(folder, {}), "--out", out).exit_code == 0
    (out / "notes.txt").write_text("mine")
    before = _stamps(out)
    other = _recipe(folder, {"run": {"learning_rate": 2e-3}})
    assert "holds another run, whose recipe differs in 'run.learning_rate'" in sentence(themis("train", other, "--out", out))
    assert "gone.jsonl'" in sentence(themis("train", _recipe(folder, {"data": {"files": ["gone.jsonl"]}}), "--overwrite", "--out", out))
    assert "try kind=encoder" in sentence(themis("train", _recipe(folder, {"model": {"name": "bert"}}), "--overwrite", "--out", out))
    assert _stamps(out) == before
    anew = themis("train", _recipe(folder, {"run": {"learning_rate": 2e-3}}), "--overwrite", "--out", out)
    assert anew.exit_code == 0, anew.output
    assert "resumes from" not in anew.stderr
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / ASIDE).exists()


def test_a_run_killed_while_it_looked_for_mistakes_has_cost_nothing(themis: Themis, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert themis("train", _recipe(folder, {}), "--out", out).exit_code == 0
    # As `--overwrite` leaves it when it is killed before the first step.
    (out / ASIDE).mkdir()
    for name in ("checkpoints", "run.json", "log.json"):
        (out / name).rename(out / ASIDE / name)
    (out / "run.json").write_text("{}")
    again = themis("train", _recipe(folder, {}), "--out", out)
    assert again.exit_code == 0
    assert "resumes from" in again.stderr
    assert not (out / ASIDE).exists()


def test_a_run_resumes_only_on_the_same_data_and_from_the_same_weights(themis: Themis, folder: Path, tmp_path: Path) -> None:
    out, pairs, model = tmp_path / "run", tmp_path / "pairs.jsonl", tmp_path / "model"
    shutil.copytree(folder / "ours", model)
    _write(pairs, PAIRS)
    recipe = _recipe(folder, {"data": {"files": [str(pairs)]}, "model": {"name": str(model)}})
    assert themis("train", recipe, "--out", out).exit_code == 0
    before = _stamps(out)
    _write(pairs, [row | {"chosen": row["rejected"], "rejected": row["chosen"]} for row in PAIRS])  # of the same size
    assert 'holds a run of other data or weights (data.files[0] was "' in sentence(themis("train", recipe, "--out", out))
    _write(pairs, PAIRS)
    score = (model / "score.safetensors").read_bytes()
    (model / "score.safetensors").write_bytes(score[:-1] + bytes([score[-1] ^ 1]))
    assert 'holds a run of other data or weights (model.name was "' in sentence(themis("train", recipe, "--out", out))
    (model / "score.safetensors").write_bytes(score)
    held = themis("train", recipe, "logging.measured_pairs=3", "--out", out)
    assert "whose recipe differs in 'logging.measured_pairs'" in sentence(held)
    assert _stamps(out) == before
    assert "resumes from" in themis("train", recipe, "--out", out).stderr
    _write(pairs, PAIRS[:-1])
    assert themis("train", recipe, "--out", out, "--overwrite").exit_code == 0
    (out / "run.json").unlink()
    assert "holds checkpoints, and no run.json that says of what" in sentence(themis("train", recipe, "--out", out))


def test_two_runs_never_train_in_one_folder_nor_over_what_they_read(themis: Themis, folder: Path, tmp_path: Path) -> None:
    recipe = _recipe(folder, {})
    with locked(tmp_path / "run"):
        assert "another run is at work in" in sentence(themis("train", recipe, "--out", tmp_path / "run"))
    assert "holds what this command reads" in sentence(themis("train", recipe, "--out", folder / "ours"))
