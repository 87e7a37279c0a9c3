"""Training: the loss reaches every parameter, a killed run resumes exactly, alpha = 0 is vanilla."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.fakes import byte_tokenizer, tiny_model
from tests.pairs import by_rule
from tests.training.recipes import changed
from themis.curriculum.registry import Curriculum
from themis.errors import ConfigError, DataError
from themis.hyperparameters import LossWeights
from themis.losses import ranking_loss
from themis.model.checkpoint import load_model
from themis.traces.segments import SegmentWriter
from themis.traces.tara import write_tara
from themis.training.arguments import arguments
from themis.training.batches.encode import PairEncoder
from themis.training.batches.layouts import Batch, Padded
from themis.training.collators import CausalCollator
from themis.training.learners import loss_terms
from themis.training.metrics import pair_accuracy
from themis.training.outputs import last_checkpoint
from themis.training.recipe import Backbone, Data, Exercises, Logging, Run, TrainRecipe
from themis.training.run import train as run_training

RECIPE = TrainRecipe(
    kind="themis",
    run=Run(seed=1, steps=6, tokens_per_step=1024, lengths=(160, 320, 512), learning_rate=1e-3, optimizer="muon", bf16=False),
    data=Data(mixture={"rules/calendar": 0.5, "rules/no_tool": 0.5}),
    model=Backbone(
        vocabulary=420,
        config={
            "model_type": "llama",
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
        }
        | {"max_position_embeddings": 512},
    ),
    curriculum=Exercises(drill_steps=1),
    logging=Logging(measure_every=3, measured_pairs=4),
)


train = partial(run_training, curriculum=Curriculum())


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")


def _batch(vanilla: bool = False) -> Batch[Padded]:
    tokenizer = byte_tokenizer()
    pairs = [PairEncoder(SegmentWriter(tokenizer), vanilla).encode(by_rule("calendar", seed)) for seed in range(2)]
    return Batch(Padded.of_pairs(pairs, 512, tokenizer.pad_token_id))


def test_after_one_step_every_trainable_parameter_has_moved() -> None:
    model = tiny_model("qwen3", byte_tokenizer()).train()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    loss, _ = loss_terms(model, _batch(), LossWeights(), model(_batch().layout.token_ids_YX))
    loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    still = [name for name, parameter in model.named_parameters() if torch.equal(parameter, before[name])]
    assert still == []


def test_with_alpha_zero_the_loss_is_the_vanilla_ranking_loss_to_the_bit() -> None:
    model = tiny_model("llama", byte_tokenizer())
    batch = _batch()
    hidden = model(batch.layout.token_ids_YX)
    loss, _ = loss_terms(model, batch, LossWeights(alpha=0.0), hidden)
    chosen, rejected = batch.layout.rewards(model, hidden)[:, 1].chunk(2)
    assert torch.equal(loss, ranking_loss(chosen, rejected))


def test_beta_zero_leaves_observations_unlearnt() -> None:
    model = tiny_model("llama", byte_tokenizer())
    hidden = model(_batch().layout.token_ids_YX)
    with_observations, terms = loss_terms(model, _batch(), LossWeights(), hidden)
    without, _ = loss_terms(model, _batch(), LossWeights(beta=0.0), hidden)
    assert (with_observations - without).item() == pytest.approx(terms["observation"].item(), abs=1e-5)
    assert terms["observation"].item() > 0


def test_a_run_leaves_a_model_that_loads_its_terms_logged(tmp_path: Path) -> None:
    out = train(RECIPE, tmp_path / "run", notice=lambda text: None)
    model, _, meta = load_model(out)
    assert sum(parameter.numel() for parameter in model.parameters()) > 0
    assert meta.training["recipe"]["run"]["steps"] == 6
    assert meta.training["recipe"]["run"]["seed"] == 1
    logged = json.loads((out / "log.json").read_text())
    assert any("eval_held_accuracy" in line for line in logged)


@pytest.mark.parametrize(("step", "share"), [(1024, 0), (16_384, 35), (102_400, 100)])
def test_dev_pairs_are_measured_as_far_as_a_tenth_of_the_run_pays_for(step: int, share: int) -> None:
    from themis.training.fit import Services, affordable

    dev = {"calendar": [by_rule("calendar", seed) for seed in range(20)], "weather": [by_rule("weather", seed) for seed in range(10)]}
    run, collator = changed(RECIPE, tokens_per_step=step).run, CausalCollator(PairEncoder(SegmentWriter(byte_tokenizer())), 0)
    held = [by_rule("calendar", 99)]
    said: list[str] = []
    measured = affordable(run, 3, 6, collator, held, Services(dev_pairs=dev, notice=said.append))
    tokens = sum(2 * collator.encode(pair).longest for pairs in (held, *measured.values()) for pair in pairs)
    assert tokens / 2 <= 0.1 * 3 * step or not measured
    counts = {task: len(pairs) for task, pairs in measured.items()}
    assert counts == {0: {}, 100: {"calendar": 20, "weather": 10}}.get(share, counts)
    if share == 35:
        assert 0 < counts["weather"] < 10
        assert counts["calendar"] in (2 * counts["weather"], 2 * counts["weather"] + 1)
    assert bool(said) == (share < 100)


@pytest.mark.parametrize("has_bf16", [False, True])
def test_a_cpu_without_bf16_instructions_computes_in_float32_and_says_so_once(
    has_bf16: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("arguments", "run"):
        monkeypatch.setattr(f"themis.training.{module}.has_bf16", lambda: has_bf16)
    recipe = changed(RECIPE, bf16=True)
    assert arguments(recipe, 6, tmp_path).bf16 is has_bf16
    if has_bf16:
        return
    said: list[str] = []
    out = train(changed(recipe, steps=2, measure_every=2), tmp_path / "run", notice=said.append)
    assert sum("computes in float32, as this CPU has no bf16 instructions" in line for line in said) == 1
    assert load_model(out)[0].lm.dtype == torch.bfloat16


@pytest.mark.parametrize(
    "name", ["model.safetensors", "score.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "themis.json"]
)
@pytest.mark.parametrize("cut", [0, 100, -2, None])  # -2, as JSON may lack its last line end; None is a file that is gone
def test_a_checkpoint_with_a_file_cut_off_or_gone_is_passed_over(name: str, cut: int | None, two_checkpoints: Path) -> None:
    file = two_checkpoints / "checkpoints" / "checkpoint-6" / name
    whole = file.read_bytes()
    assert last_checkpoint(two_checkpoints) == file.parent
    if cut is None:
        file.unlink()
    else:
        file.write_bytes(whole[:cut])
    assert last_checkpoint(two_checkpoints) == file.parent.with_name("checkpoint-3")
    file.write_bytes(whole)


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEMIS_DATA", "")
        return train(changed(RECIPE, compile=False), tmp_path_factory.mktemp("run") / "out", notice=lambda text: None)


def test_a_vanilla_run_reads_no_trace(tmp_path: Path) -> None:
    vanilla = changed(RECIPE, kind="vanilla", loss=LossWeights(alpha=0.0), drill_steps=0, steps=2, measure_every=2)
    _, _, meta = load_model(train(vanilla, tmp_path / "run", notice=lambda text: None))
    assert meta.kind == "vanilla"


def test_a_source_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no source 'rules/calender'"):
        train(changed(RECIPE, mixture={"rules/calender": 1.0}), tmp_path, notice=lambda text: None)


def test_rows_of_our_own_making_are_trained_on_and_their_test_rows_measured(tmp_path: Path) -> None:
    pairs = [by_rule("weather", seed) for seed in range(6)]
    write_tara(pairs[:4], tmp_path / "data" / "tara" / "weather" / "train.jsonl")
    write_tara(pairs[4:], tmp_path / "data" / "tara" / "weather" / "test.jsonl")
    recipe = changed(RECIPE, built=str(tmp_path / "data"), mixture={"built/weather": 1.0}, steps=2, measure_every=2)
    _, _, meta = load_model(train(recipe, tmp_path / "run", notice=lambda text: None))
    assert meta.tools == ("history_weather",)


def test_a_folder_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no tara/TASK/train\.jsonl: make it with `themis build"):
        train(changed(RECIPE, built=str(tmp_path), mixture={"built/weather": 1.0}), tmp_path / "run", notice=lambda text: None)


def test_a_run_with_muon_and_compiled_layers_gives_the_loss_it_gives_without_compiling(tmp_path: Path) -> None:
    muon = changed(RECIPE, optimizer="muon", lengths=(320,), steps=2, measure_every=2)
    losses = []
    for compiled in (False, True):
        said: list[str] = []
        out = train(changed(muon, compile=compiled), tmp_path / str(compiled), notice=said.append)
        if any("no C++ compiler" in line for line in said):
            pytest.skip(said[-1])
        losses.append(json.loads((out / "log.json").read_text())[-1]["train_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


KILLED = """
import sys
from pathlib import Path
from random import Random
from tests.training.test_trainer import RECIPE, train
train(RECIPE, Path(sys.argv[1]), notice=lambda text: None)
"""


def test_a_run_killed_in_the_middle_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = train(RECIPE, tmp_path / "whole", notice=lambda text: None)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
    process = subprocess.Popen(
        command, env={**os.environ, "THEMIS_DATA": "", "OMP_NUM_THREADS": str(torch.get_num_threads())}, start_new_session=True
    )
    checkpoint = tmp_path / "killed" / "checkpoints" / "checkpoint-3" / "trainer_state.json"
    while not checkpoint.exists():
        assert process.poll() is None, "the run ended before it wrote its checkpoint"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    resumed = train(RECIPE, tmp_path / "killed", notice=lambda text: None)
    one, other = load_file(whole / "model.safetensors"), load_file(resumed / "model.safetensors")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_calls_are_counted_by_the_chosen_answers_whose_every_token_is_predicted() -> None:
    encoder = PairEncoder(SegmentWriter(byte_tokenizer()))
    pairs = [by_rule("calendar", seed) for seed in range(3)]
    model = tiny_model("llama", byte_tokenizer())
    assert pair_accuracy(model, encoder, pairs, 2048, 0)["calls"] == 0.0
    # A model that memorised one call and no other.
    batch = Batch(Padded.of_pairs([encoder.encode(pairs[0])], 512, 0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(400):
        loss, _ = loss_terms(model, batch, LossWeights(), model(batch.layout.token_ids_YX))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss_terms(model, batch, LossWeights(), model(batch.layout.token_ids_YX))[1]["action"] < 0.01:
            break
    assert pair_accuracy(model, encoder, pairs[:1], 2048, 0)["calls"] == 1.0
    assert pair_accuracy(model, encoder, pairs, 2048, 0)["calls"] == pytest.approx(1 / 3)
    assert "calls" not in pair_accuracy(model, PairEncoder(SegmentWriter(byte_tokenizer()), vanilla=True), pairs, 2048, 0)
