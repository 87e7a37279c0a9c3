"""A training run, from recipe to model directory.

A killed run resumes from its last checkpoint and ends with the same weights: batches depend on seed and step alone,
and the Trainer keeps optimizer, schedule and random state. Stages train one after the other, each in a directory of its own.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, PrinterCallback, TrainerCallback, set_seed

from themis.config import data_root, recipe_names
from themis.errors import ConfigError
from themis.model.average import mean_of
from themis.model.checkpoint import ModelMeta, load_meta, save_model
from themis.traces.pair import Pair
from themis.training.arguments import arguments
from themis.training.backbones import make_learner
from themis.training.batches.layouts import Padded, SharedPrefix
from themis.training.batches.steps import StepBatches
from themis.training.checks import check_machine, check_recipe
from themis.training.curves import plot
from themis.training.epochs import EpochSteps, Share
from themis.training.learners import CausalLearner, Learner
from themis.training.optimizer import MuonWithAdamW
from themis.training.outputs import BUILT, LOG_FILE, claimed, finished, last_checkpoint, stage_directory
from themis.training.processes import first_goes_first
from themis.training.recipe import Run, Stage, TrainRecipe, portable, stages_of
from themis.training.sources import Curriculum, Pairs, gather
from themis.training.trainer import ThemisTrainer, compile_layers

Live = Callable[[Any, PreTrainedTokenizerBase, ModelMeta, Sequence[Pair]], Mapping[str, float]]
"""Judges pairs with the model as it stands and real tools, and returns what share of calls was valid."""
Build = Callable[[str, Path], object]
"""Builds the data set of a build recipe in a folder; resumes what is there."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a run is handed by its caller, as this package does not know how to make it."""

    curriculum: Curriculum | None = None
    build: Build | None = None
    dev_pairs: Mapping[str, Sequence[Pair]] = field(default_factory=dict)
    live: Live | None = None
    callbacks: Sequence[TrainerCallback] = ()
    notice: Callable[[str], None] = print


def train(
    recipe: TrainRecipe,
    out: Path,
    *,
    overwrite: bool = False,
    curriculum: Curriculum | None = None,
    build: Build | None = None,
    dev_pairs: Mapping[str, Sequence[Pair]] | None = None,
    live: Live | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    notice: Callable[[str], None] = print,
) -> Path:
    """Train by `recipe`; checkpoints go to `out`/checkpoints, the best model to `out`. Returns `out`.

    Resumes from the last checkpoint there; with `overwrite`, what an earlier run left is deleted. `curriculum` has the infinite streams
    and the drills, `build` makes the data set of a build recipe. The best checkpoint is chosen on pairs that training never sees;
    `dev_pairs` are only reported.
    """
    services = Services(curriculum, build, dev_pairs or {}, live, callbacks, notice)
    stages = stages_of(recipe)
    for part in stages or (Stage("", recipe),):
        check_recipe(part.recipe)
        check_machine(part.recipe)
    if stages:
        return _train_stages(recipe, stages, out, overwrite, services)
    return _train_one(recipe, out, services, overwrite=overwrite, built=partial(_built, recipe, out, services))


def _train_stages(recipe: TrainRecipe, stages: Sequence[Stage], out: Path, overwrite: bool, services: Services) -> Path:
    """Each stage from the weights of the one before, in `out`/stages/NAME; then the mean that the recipe names, in `out`."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ConfigError("stages: a run in stages is one process; train each stage by a recipe of its own")
    with claimed(out, recipe, overwrite):
        for stage in stages:
            # What is wrong with the last stage is found before the first one trains.
            gather(stage.recipe, data_root(), services.curriculum, _built(stage.recipe, out, services), _say_nothing)
    directories = [stage_directory(out, stage.name) for stage in stages]
    for place, (stage, directory) in enumerate(zip(stages, directories, strict=True)):
        if finished(directory, stage.recipe):
            continue
        for later in directories[place + 1 :]:
            shutil.rmtree(later, ignore_errors=True)
        services.notice(f"stage {stage.name}")
        before = directories[place - 1] if place else None
        _train_one(stage.recipe, directory, services, built=partial(_built, stage.recipe, out, services), start=before)
    averaged = [directory for stage, directory in zip(stages, directories, strict=True) if stage.name in recipe.average]
    model, tokenizer, meta = mean_of(averaged or directories[-1:])
    seconds = sum(load_meta(directory).training["seconds"] for directory in directories)
    training = {"recipe": portable(recipe), "seconds": seconds}
    save_model(out, model, tokenizer, replace(meta, training=training), model.lm.dtype)
    return out


def _built(recipe: TrainRecipe, out: Path, services: Services) -> Path | None:
    """The folder of the built data set, once it is there."""
    name = recipe.data.built
    if name is None or name not in recipe_names("build"):
        return None if name is None else Path(name)
    if services.build is None:
        raise ConfigError(f"data.built: the recipe '{name}' was not built: give a folder that `themis build {name}` made")
    folder = out / BUILT
    services.build(name, folder)
    return folder


def _train_one(
    recipe: TrainRecipe,
    out: Path,
    services: Services,
    *,
    built: Callable[[], Path | None],
    overwrite: bool = False,
    start: Path | None = None,
) -> Path:
    """A recipe without stages; `start` is the model that a stage begins with."""
    started = time.monotonic()
    share = Share(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    notice = _say_nothing if share.rank else services.notice
    with first_goes_first(share.world), nullcontext() if share.rank else claimed(out, recipe, overwrite):
        set_seed(recipe.run.seed)
        pairs = gather(recipe, data_root(), services.curriculum, built(), notice)
        tools = _tools_called(pairs.held) if recipe.kind == "themis" else ()
        model = replace(recipe.model, name=str(start)) if start else recipe.model
        learner = make_learner(replace(recipe, model=model), pairs.mixture, tools, out / "tokenizer", notice)
        steps = _steps(recipe, learner, pairs, share, services.curriculum)
    (out / LOG_FILE).unlink(missing_ok=True)
    _tell(steps, notice)
    checkpoint = last_checkpoint(out)
    earlier = load_meta(checkpoint).training.get("seconds", 0) if checkpoint else 0

    def meta() -> ModelMeta:
        seconds = earlier + round(time.monotonic() - started)
        return ModelMeta(form=recipe.model.form, kind=recipe.kind, tools=tools, training={"recipe": portable(recipe), "seconds": seconds})

    def measure() -> dict[str, float]:
        measured = _measured(learner, pairs.held, services.dev_pairs)
        if services.live and recipe.logging.live_sample and recipe.kind == "themis" and not (recipe.run.fsdp or recipe.run.deepspeed):
            seen = services.live(learner.model, learner.tokenizer, meta(), pairs.held[: recipe.logging.live_sample])
            measured |= {f"live_{name}": value for name, value in seen.items()}
        return measured

    if recipe.run.compile and isinstance(learner, CausalLearner):
        compile_layers(learner.model, notice)
    trainer = ThemisTrainer(
        arguments(recipe, len(steps), out, _layers(learner)), steps, learner, meta, measure,
        optimizers=(_optimizer(recipe.run, learner), None), callbacks=list(services.callbacks),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    if checkpoint:
        notice(f"resumes from {checkpoint}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    trainer.save_to(out, _with_scale(meta(), learner, pairs.held), torch.bfloat16 if recipe.run.bf16 else None)
    if not share.rank:
        (out / LOG_FILE).write_text(json.dumps(trainer.state.log_history, indent=1) + "\n", encoding="utf-8")
        plot(trainer.state.log_history, out / "log.png", notice)
    return out


def _say_nothing(text: str) -> None:
    """One process speaks for all."""


def _steps(recipe: TrainRecipe, learner: Learner, pairs: Pairs, share: Share, curriculum: Curriculum | None) -> EpochSteps | StepBatches:
    run = recipe.run
    if run.epochs:
        return EpochSteps(
            learner.collator,
            pairs.rows,
            pairs.mixture,
            seed=run.seed,
            epochs=run.epochs,
            pairs_per_step=run.pairs_per_step,
            tokens=run.tokens_per_step,
            longest=run.lengths[-1],
            share=share,
        )
    assert isinstance(learner, CausalLearner)
    if curriculum is None and (recipe.curriculum.drill_steps or recipe.curriculum.drill_share):
        raise ConfigError("curriculum: this run was handed no drills: set drill_steps and drill_share to 0, or give train(curriculum=...)")
    tokenizer = learner.tokenizer
    special = set(tokenizer.get_added_vocab().values())
    return StepBatches(
        learner.collator.encoder,
        pairs.mixture,
        seed=run.seed,
        steps=run.steps,
        drill_steps=recipe.curriculum.drill_steps,
        drill_share=recipe.curriculum.drill_share,
        tokens=run.tokens_per_step,
        lengths=run.lengths,
        pad_id=int(tokenizer.pad_token_id),
        vocabulary=[token for token in range(len(tokenizer)) if token not in special],
        drills=curriculum.drills if curriculum else None,
        layout=SharedPrefix if learner.model.supports_shared_prefix() else Padded,
        workers=run.workers,
    )


def _tell(steps: EpochSteps | StepBatches, notice: Callable[[str], None]) -> None:
    """What a run in epochs will read."""
    if isinstance(steps, EpochSteps):
        for reason, count in steps.left_out.items():
            notice(f"left out: {reason}: {count}")
        notice(f"{steps.pairs} pairs an epoch, {len(steps)} steps")


def _layers(learner: Learner) -> list[str]:
    """The classes of the backbone's layers."""
    backbone: Any = learner.model.lm if isinstance(learner, CausalLearner) else learner.model.classifier
    return sorted(getattr(backbone, "_no_split_modules", None) or ())


def _optimizer(run: Run, learner: Learner) -> MuonWithAdamW | None:
    if run.optimizer != "muon":
        return None
    return MuonWithAdamW(learner.model, run.learning_rate, run.weight_decay, run.adam_beta2)


def _tools_called(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """The tools that a judge trained on such pairs knows."""
    traces = [side.trace for pair in pairs for side in (pair.chosen, pair.rejected) if side.trace]
    return tuple(sorted({step.action.tool for trace in traces for step in trace.steps if step.action}))


def _with_scale(meta: ModelMeta, learner: Learner, held: Sequence[Pair]) -> ModelMeta:
    """What is said of a model, with the mean and the deviation of its rewards on pairs that it was not trained on."""
    with torch.compiler.set_stance("force_eager"):
        learner.model.eval()
        rewards = learner.early_rewards(held)
    mean, deviation = (float(rewards.mean()), float(rewards.std())) if len(rewards) > 1 else (0.0, 1.0)
    return replace(meta, reward_mean=mean, reward_std=deviation)


def _measured(learner: Learner, held: Sequence[Pair], dev: Mapping[str, Sequence[Pair]]) -> dict[str, float]:
    measured = {f"held_{name}": value for name, value in learner.measure(held).items()}
    # One figure to choose the best checkpoint by: both places where a reward is read must do well, and so must the calls.
    measured["held_mean"] = sum(measured.values()) / len(measured)
    for task, pairs in dev.items():
        for name, value in learner.measure(pairs).items():
            measured[f"dev_{task}_{name}"] = value
    return measured
