"""What a run tells the trackers that are installed."""

import importlib
import json
import sqlite3
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fakes import byte_tokenizer, tiny_model
from tests.training.recipes import changed
from tests.training.test_epochs import PAIRS, recipe, silent
from themis.model.checkpoint import ModelMeta, save_model
from themis.training.recipe import TrainRecipe
from themis.training.run import train

LOGGED = ("loss", "ranking", "accuracy", "margin", "chosen", "rejected")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainRecipe:
    monkeypatch.setenv("THEMIS_DATA", "")
    tokenizer = byte_tokenizer()
    save_model(tmp_path / "base", tiny_model("llama", tokenizer, context_length=256), tokenizer, ModelMeta())
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    return recipe(str(tmp_path / "base"), str(tmp_path / "pairs.jsonl"), epochs=1)


def needs(tracker: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(tracker) is None, reason=f"{tracker} is not installed")


@needs("tensorboard")
def test_tensorboard_shows_the_terms_and_the_measurements_of_each_run_in_its_own_directory(settings: TrainRecipe, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for name in ("one", "other"):
        out = train(changed(settings, report_to=("tensorboard",)), tmp_path / name, notice=silent)
        events = EventAccumulator(str(out / "tensorboard")).Reload()
        assert {f"train/{term}" for term in LOGGED} | {"eval/held_accuracy"} <= set(events.Tags()["scalars"])
        logged = [line for line in json.loads((out / "log.json").read_text()) if "loss" in line]
        for term in ("loss", "accuracy"):
            shown = [(event.step, event.value) for event in events.Scalars(f"train/{term}")]
            assert shown == [(line["step"], pytest.approx(line[term])) for line in logged]
    train(changed(settings, report_to=("tensorboard",)), tmp_path / "one", overwrite=True, notice=silent)
    assert len(list((tmp_path / "one" / "tensorboard").iterdir())) == 1


@needs("trackio")
def test_trackio_keeps_the_terms_and_the_measurements(settings: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path / "trackio")
    monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path / "trackio")
    train(changed(settings, report_to=("trackio",)), tmp_path / "run", notice=silent)
    kept = sqlite3.connect(tmp_path / "trackio" / "themis.db").execute("select run_name, metrics from metrics").fetchall()
    assert {run for run, _ in kept} == {"run"}
    assert {f"train/{term}" for term in LOGGED} | {"eval/held_accuracy"} <= {name for _, metrics in kept for name in json.loads(metrics)}


@needs("wandb")
def test_wandb_keeps_the_terms_and_the_measurements(settings: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    train(changed(settings, report_to=("wandb",)), tmp_path / "run", notice=silent)
    importlib.import_module("wandb").finish()
    (file,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    written = file.read_bytes()
    assert all(f"train/{term}".encode() in written for term in LOGGED)
    assert b"eval/held_accuracy" in written
