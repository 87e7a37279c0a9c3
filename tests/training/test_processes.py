"""FSDP2 and DeepSpeed on two CPU processes: weights are sharded, losses equal one process's, a run resumes.

One start of two processes for each way makes all the runs that the tests here look at. DeepSpeed compiles for minutes
when it first runs.
"""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from tests.fakes import byte_tokenizer, random_backbone, tiny_config, tiny_model
from tests.training.recipes import changed
from tests.training.test_epochs import PAIRS, recipe, silent
from themis.hyperparameters import Lora, LossWeights
from themis.model.checkpoint import ModelMeta, load_model, save_model
from themis.training.recipe import TrainRecipe
from themis.training.run import train

WHOLE, STOPPED = "plain", "stopped"
LAST = "checkpoint-12"


def runs(folder: Path) -> dict[str, TrainRecipe]:
    """What is trained, by one process and by two."""
    pairs, llama, bare = str(folder / "pairs.jsonl"), str(folder / "llama"), str(folder / "bare")
    return {
        WHOLE: recipe(llama, pairs, epochs=4, measure_every=6),
        "themis": recipe(str(folder / "tied"), pairs, kind="themis", loss=LossWeights()),
        "checkpointing": recipe(llama, pairs, epochs=1, gradient_checkpointing=True),
        # Tokens of ours are added, so the embeddings are trained along with the adapters.
        "lora": recipe(bare, pairs, lora=Lora(dropout=0.0)),
        "bf16": recipe(llama, pairs, bf16=True),
    }


WAYS = ("fsdp", "zero2", "zero3")


def settings_of(way: str, folder: Path) -> dict[str, Any]:
    """The keys of a recipe by which the weights are spread."""
    return {"fsdp": {"version": 2}} if way == "fsdp" else {"deepspeed": str(folder / f"{way}.json")}


def write_deepspeed_settings(folder: Path) -> None:
    """The package's own settings, and a copy with optimizer and gradients spread alone.

    Tiny weights are spread, too.
    """
    zero3 = json.loads((resources.files("themis") / "recipes" / "zero3.json").read_text())
    zero3["zero_optimization"]["stage3_param_persistence_threshold"] = 0
    (folder / "zero3.json").write_text(json.dumps(zero3))
    (folder / "zero2.json").write_text(json.dumps({**zero3, "zero_optimization": {"stage": 2}}))


class Spread(TrainerCallback):
    """Sees to it that no process of FSDP2's or ZeRO-3's holds all the weights."""

    def __init__(self, way: str) -> None:
        self._way = way

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        parameters = list(kwargs["model"].parameters())
        if self._way == "fsdp":
            assert all(isinstance(parameter, DTensor) for parameter in parameters)
        if self._way == "zero3":
            assert any(parameter.numel() == 0 for parameter in parameters)


def spread_runs(folder: Path, way: str) -> None:
    """What each of the two processes does."""
    settings, out = settings_of(way, folder), folder / way
    for name, alone in runs(folder).items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("themis.training.arguments.has_bf16", lambda: True)  # slowly, but on any CPU
            train(changed(alone, **settings), out / name, callbacks=[Spread(way)], notice=silent)
        # Else the next run of this process would spread its weights while it reads them.
        unset_hf_deepspeed_config()
    if int(os.environ["RANK"]) == 0:
        _leave_as_a_killed_run_would(out / WHOLE, out / STOPPED)
    torch.distributed.barrier()
    train(changed(runs(folder)[WHOLE], **settings), out / STOPPED, callbacks=[Spread(way)], notice=silent)


def _leave_as_a_killed_run_would(whole: Path, stopped: Path) -> None:
    shutil.copytree(whole, stopped, ignore=lambda folder, names: {name for name in names if name == LAST or _is_the_end(folder, name)})


def _is_the_end(folder: str, name: str) -> bool:
    return "checkpoint" not in folder and name not in ("run.json", "checkpoints")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Backbones and pairs."""
    folder = tmp_path_factory.mktemp("processes")
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    tokenizer = byte_tokenizer()
    save_model(folder / "llama", tiny_model("llama", tokenizer, context_length=256), tokenizer, ModelMeta())
    torch.manual_seed(0)
    tied = tiny_config("qwen3", len(tokenizer), 256)
    tied.tie_word_embeddings = True
    random_backbone(tied).save_pretrained(folder / "tied")
    tokenizer.save_pretrained(folder / "tied")
    bare = byte_tokenizer(ours=False)
    random_backbone(tiny_config("llama", len(bare), 256)).save_pretrained(folder / "bare")
    bare.save_pretrained(folder / "bare")
    write_deepspeed_settings(folder)
    return folder


@pytest.fixture(scope="module", params=WAYS)
def two(request: pytest.FixtureRequest, folder: Path) -> Path:
    """Where two processes that spread the weights in one way left their runs."""
    way = str(request.param)
    if way != "fsdp" and find_spec("deepspeed") is None:
        pytest.skip("deepspeed is not installed")
    script = folder / f"{way}.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom tests.training.test_processes import spread_runs\n"
        "spread_runs(Path(sys.argv[1]), sys.argv[2])\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", str(script), str(folder), way],
        env={**os.environ, "THEMIS_DATA": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()},
        capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    return folder / way


@cache
def _alone(folder: Path, name: str) -> Path:
    return train(runs(folder)[name], folder / "one" / name, notice=silent)


def _losses(out: Path) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in json.loads((out / "log.json").read_text()) if "loss" in line}


@pytest.mark.parametrize("name", [WHOLE, "themis", "checkpointing", "lora"])
def test_sharded_over_two_processes_it_trains_to_the_loss_of_one_and_leaves_one_model(
    name: str, two: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    alone, spread = _alone(folder, name), two / name
    assert _losses(spread).keys() == _losses(alone).keys()
    assert all(loss == pytest.approx(_losses(alone)[step], abs=1e-4) for step, loss in _losses(spread).items())
    assert {file.name for file in spread.iterdir()} == {file.name for file in alone.iterdir()}
    model, other = load_model(alone)[0], load_model(spread)[0]
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_sharded_in_bf16_it_trains_as_well_but_for_rounding(two: Path) -> None:
    rounded, exact = _losses(two / "bf16"), _losses(two / WHOLE)
    assert rounded[1] == pytest.approx(exact[1], rel=0.05)
    assert rounded[6] < rounded[1]
    assert load_model(two / "bf16")[0].lm.dtype == torch.bfloat16


def test_a_sharded_run_that_was_stopped_resumes_to_the_same_losses(two: Path) -> None:
    assert (two / STOPPED / "checkpoints" / LAST / "trainer_state.json").is_file()
    assert _losses(two / STOPPED) == _losses(two / WHOLE)
    whole, stopped = load_model(two / WHOLE)[0], load_model(two / STOPPED)[0]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), stopped.parameters(), strict=True))
