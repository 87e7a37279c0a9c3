"""A run in stages: each starts from the weights of the one before, and their mean is the result.

Killed, it ends the same.
"""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from tests.training.recipes import changed
from tests.training.test_cost import TINY
from tests.training.test_epochs import silent
from themis.config import read_recipe
from themis.curriculum.registry import Curriculum
from themis.errors import ConfigError
from themis.model.checkpoint import load_model
from themis.traces.tara import write_tara
from themis.training.recipe import TrainRecipe, stages_of
from themis.training.run import train as run_training

train = partial(run_training, curriculum=Curriculum(), notice=silent)
SHORT = {"rules/calendar": 0.5, "rules/no_tool": 0.5}


def build_a_little(name: str, out: Path) -> None:
    """In place of the builder: a few rows of one task."""

    from tests.pairs import by_rule

    assert name == "tara"
    pairs = [by_rule("weather", seed) for seed in range(8)]
    write_tara(pairs[:6], out / "tara" / "weather" / "train.jsonl")
    write_tara(pairs[6:], out / "tara" / "weather" / "test.jsonl")


def tiny(**changes: Any) -> TrainRecipe:
    """The recipe `nano` with its first three stages, of a tiny model for a few steps."""
    recipe = read_recipe("nano", TrainRecipe)
    stages = tuple(
        {
            "name": stage["name"],
            "run": {"steps": steps, "learning_rate": stage.get("run", {}).get("learning_rate", 2e-3)},
            "data": {"mixture": SHORT if stage["name"] == "first" else {"built/weather": 0.5, "rules/calendar": 0.5}},
            "curriculum": {"drill_steps": int(stage["name"] == "first")},
            "logging": {"measure_every": 2},
        }
        for stage, steps in zip(recipe.stages[:3], (4, 4, 2), strict=True)
    )
    small = {"tokens_per_step": 1024, "lengths": (512,), "compile": False, "bf16": False, "measured_pairs": 4, "vocabulary": 420}
    sizes = {"stages": stages, "average": ("all", "last"), "config": {**recipe.model.config, **TINY}, "mixture": SHORT}
    return changed(recipe, **{**small, **sizes, **changes})


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEMIS_DATA", "")
        return train(tiny(), tmp_path_factory.mktemp("whole") / "run", build=build_a_little)


def _weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model.safetensors")


def _equal(one: Path, other: Path) -> bool:
    first, second = _weights(one), _weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_result_is_the_mean_of_the_stages_that_the_recipe_names(whole: Path) -> None:
    alls, last = (_weights(whole / "stages" / name) for name in ("all", "last"))
    mean = _weights(whole)
    assert not _equal(whole / "stages" / "all", whole / "stages" / "last")
    assert all(torch.allclose(tensor, (alls[name] + last[name]) / 2, atol=1e-7) for name, tensor in mean.items())
    _, _, meta = load_model(whole)
    tools = [set(load_model(whole / "stages" / name)[2].tools) for name in ("all", "last")]
    assert set(meta.tools) == tools[0] | tools[1] > {"history_weather"}
    assert [stage["name"] for stage in meta.training["recipe"]["stages"]] == ["first", "all", "last"]
    assert meta.training["recipe"]["data"]["built"] == "tara"


def test_stages_have_seeds_of_their_own_from_the_seed_of_the_run() -> None:
    assert [stage.recipe.run.seed for stage in stages_of(tiny(seed=40))] == [40, 41, 42]


def test_without_an_average_the_last_stage_is_the_result(whole: Path, tmp_path: Path) -> None:
    out = train(tiny(average=()), tmp_path / "run", build=build_a_little)
    assert _equal(out, whole / "stages" / "last")


def test_a_stage_may_start_from_the_mean_of_earlier_ones(whole: Path, tmp_path: Path) -> None:
    more = {"name": "more", "start": ["all", "last"], "run": {"steps": 2, "learning_rate": 1e-12}, "data": {"mixture": SHORT}}
    out = train(tiny(stages=(*tiny().stages, more), average=("more",)), tmp_path / "run", build=build_a_little)
    assert _equal(out / "stages" / "more.start", whole)
    assert all(torch.allclose(tensor, _weights(whole)[name], atol=1e-6) for name, tensor in _weights(out).items())  # nothing is learnt
    assert stages_of(read_recipe("nano", TrainRecipe))[3].start == ("all", "last")


def test_no_path_of_the_machine_is_in_what_a_run_writes(whole: Path) -> None:
    for file in whole.rglob("*"):
        if file.is_file() and "checkpoint-" not in str(file):
            assert str(whole.parent).encode() not in file.read_bytes(), file
    for file in whole.rglob("themis.json"):
        assert str(whole.parent) not in file.read_text()


def test_a_finished_stage_is_not_trained_again(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first, second = tiny(average=()), tiny(average=())

    class Stops(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if "/all/" in args.output_dir and state.global_step == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(first, out, build=build_a_little, callbacks=[Stops()])
    begun: list[str] = []

    class Notes(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            begun.append(f"{Path(args.output_dir).parent.name} {state.global_step}")

    train(second, out, build=build_a_little, callbacks=[Notes()])
    assert begun == ["all 2", "last 0"]
    assert _equal(out, whole / "stages" / "last")
    begun.clear()
    train(second, out, build=build_a_little, callbacks=[Notes()])
    assert begun == []


KILLED = """
import sys
from pathlib import Path
from tests.training.test_stages import build_a_little, tiny, train
train(tiny(), Path(sys.argv[1]), build=build_a_little)
"""


@pytest.mark.parametrize("at", ["first/checkpoints/checkpoint-2", "all/log.json", "last/checkpoints/checkpoint-2"])
def test_a_run_killed_in_any_stage_ends_with_the_same_weights(at: str, whole: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "THEMIS_DATA": "", "OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONPATH": os.getcwd()}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "run")], env=environment, start_new_session=True)
    while not (tmp_path / "run" / "stages" / at).exists():
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert _equal(train(tiny(), tmp_path / "run", build=build_a_little), whole)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"average": ("all", "lst")}, "average: no stage 'lst'; the stages are first, all, last"),
        ({"stages": ({"run": {"steps": 2}},)}, "stages: each needs a name of its own that can be a folder's, found None"),
        ({"stages": ({"name": "../up"},), "average": ()}, "found '../up'"),
        ({"stages": ({"name": "a"}, {"name": "a"}), "average": ()}, "stages: each needs a name of its own"),
        ({"stages": ({"name": "a", "start": ["b"]},), "average": ()}, "stage 'a': start: a list of earlier stages, found ['b']"),
        ({"stages": ({"name": "a"}, {"name": "b", "start": "a"}), "average": ()}, "stage 'b': start: a list of earlier stages"),
        ({"stages": ({"name": "a", "rum": {}},), "average": ()}, "stage 'a': unknown key 'rum', did you mean 'run'?"),
        ({"stages": ({"name": "a", "steps": 3},), "average": ()}, "stage 'a': unknown key 'steps': write run.steps"),
        ({"stages": ({"name": "a", "data": {"mixture": {"gsm8k": 0.4}}},), "average": ()}, "must add up to 1, and they add up to 0.4"),
        ({"stages": ({"name": "a", "data": {"mixture": {"gsm": 1.0}}},), "average": ()}, "data.mixture: no source 'gsm'"),
        ({"built": "tara", "stages": (), "average": (), "steps": 2}, "data.built: the recipe 'tara' was not built"),
    ],
)
def test_stages_that_cannot_work_are_one_sentence_and_leave_nothing(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        train(tiny(**{"built": None, **changes}), tmp_path / "run")
    assert says in str(refusal.value)
    assert not (tmp_path / "run").exists()
