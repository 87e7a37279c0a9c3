"""One recipe without stages: the pairs, the model, the batches, the trainer, the model directory.

A killed run resumes from its last checkpoint and ends with the same weights. Batches depend on seed and step alone;
the Trainer saves optimizer, schedule and random state.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, PrinterCallback, TrainerCallback, set_seed

from themis.config import data_root
from themis.errors import ConfigError
from themis.model.checkpoint import ModelMeta, load_meta
from themis.traces.pair import Pair
from themis.training.arguments import arguments
from themis.training.backbones import make_learner
from themis.training.batches.layouts import Padded, SharedPrefix
from themis.training.batches.steps import DrillPlan, StepBatches
from themis.training.collators import Collator
from themis.training.curves import plot
from themis.training.epochs import EpochSteps, Share
from themis.training.learners import CausalLearner, Learner
from themis.training.optimizer import MuonWithAdamW
from themis.training.outputs import LOG_FILE, TOKENIZER, claimed, identify, last_checkpoint
from themis.training.processes import first_goes_first
from themis.training.recipe import Exercises, Run, TrainRecipe, portable
from themis.training.sources import Curriculum, Pairs, content_of_run, gather
from themis.training.trainer import ThemisTrainer, compile_layers

_MEASURING = 0.1
_TOKENS_OF_PAIR = 400

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
    """Pairs by task that are measured and reported on the way, and decide nothing."""
    live: Live | None = None
    callbacks: Sequence[TrainerCallback] = ()
    notice: Callable[[str], None] = print
    doing: Callable[[str], None] = lambda text: None
    """Hears of all but the steps; an empty text ends it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that there is before the first step."""

    recipe: TrainRecipe
    pairs: Pairs
    tools: tuple[str, ...]
    """The tools that a judge trained on such pairs knows."""
    learner: Learner
    steps: EpochSteps | StepBatches


def fit(
    recipe: TrainRecipe,
    out: Path,
    services: Services,
    built: Callable[[], Path | None],
    *,
    overwrite: bool = False,
    start: Path | None = None,
) -> None:
    """Train by a recipe without stages.

    `start` is the model that a stage starts from; `built` returns the folder of the built data set.
    """
    started = time.monotonic()
    share = Share(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    if share.rank:
        services = replace(services, notice=lambda text: None, doing=lambda text: None)  # the first process speaks for all
    with first_goes_first(share.world), nullcontext() if share.rank else claimed(out, recipe, overwrite):
        data = built()
        if not share.rank:
            identify(out, content_of_run(recipe, data_root(), data, start), overwrite)
        ready = prepare(recipe, services, data, out / TOKENIZER, start, share)
    (out / LOG_FILE).unlink(missing_ok=True)
    checkpoint = last_checkpoint(out)
    before = load_meta(checkpoint).training.get("seconds", 0) if checkpoint else 0
    trainer = _trainer(ready, services, out, meta=lambda: _meta(ready, before + round(time.monotonic() - started)))
    if checkpoint:
        services.notice(f"resumes from {checkpoint}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    services.doing("measuring the scale of the rewards, and saving")
    trainer.save_to(out, _with_scale(trainer.meta(), ready), torch.bfloat16 if recipe.run.bf16 else None)
    if not share.rank:
        (out / LOG_FILE).write_text(json.dumps(trainer.state.log_history, indent=1) + "\n", encoding="utf-8")
        plot(trainer.state.log_history, out / "log.png", services.notice)
    services.doing("")


def prepare(
    recipe: TrainRecipe, services: Services, built: Path | None, tokenizer: Path, start: Path | None = None, share: Share | None = None
) -> Prepared:
    """Read the pairs; make model and batches. A trained tokenizer is written to `tokenizer`, or read from there."""
    set_seed(recipe.run.seed)
    pairs = gather(recipe, data_root(), services.curriculum, built, services.notice)
    tools = _tools_called(pairs.held) if recipe.kind == "themis" else ()
    model = replace(recipe.model, name=str(start)) if start else recipe.model
    learner = make_learner(replace(recipe, model=model), pairs.mixture, tools, tokenizer, services.notice)
    if not recipe.run.epochs:
        return Prepared(recipe, pairs, tools, learner, _in_steps(recipe.run, recipe.curriculum, learner, pairs, services.curriculum))
    steps = EpochSteps(learner.collator, pairs.rows, pairs.mixture, recipe.run, share)
    for reason, count in steps.left_out.items():
        services.notice(f"left out: {reason}: {count}")
    services.notice(f"{steps.pairs} pairs an epoch, {len(steps)} steps")
    return Prepared(recipe, pairs, tools, learner, steps)


def _in_steps(run: Run, exercises: Exercises, learner: Learner, pairs: Pairs, curriculum: Curriculum | None) -> StepBatches:
    assert isinstance(learner, CausalLearner)
    tokenizer = learner.tokenizer
    plan = None
    if exercises.drill_steps or exercises.drill_share:
        if curriculum is None:
            raise ConfigError("curriculum: this run was handed no drills: set drill_steps and drill_share to 0, or train(curriculum=...)")
        special = set(tokenizer.get_added_vocab().values())
        vocabulary = [token for token in range(len(tokenizer)) if token not in special]
        plan = DrillPlan(curriculum.drills, vocabulary, exercises.drill_steps, exercises.drill_share)
    learner.model.train_by_products()
    layout = SharedPrefix if learner.model.supports_shared_prefix() else Padded
    pad_id = int(tokenizer.pad_token_id)
    return StepBatches(
        learner.collator.encoder, pairs.mixture, run, pad_id=pad_id, layout=layout, drills=plan, call_share=exercises.call_share
    )


def _trainer(ready: Prepared, services: Services, out: Path, meta: Callable[[], ModelMeta]) -> ThemisTrainer:
    recipe, learner, held = ready.recipe, ready.learner, ready.pairs.held
    run, sample = recipe.run, recipe.logging.live_sample
    dev = affordable(run, recipe.logging.measure_every, len(ready.steps), learner.collator, held, services)
    live = services.live if sample and recipe.kind == "themis" and not (run.fsdp or run.deepspeed) else None

    def measure() -> dict[str, float]:
        services.doing(f"measuring {len(held) + sum(map(len, dev.values())):,} pairs")
        measured = _measured(learner, held, dev)
        if live:
            services.doing(f"judging {len(held[:sample])} pairs with tools")
        seen = live(learner.model, learner.tokenizer, meta(), held[:sample]) if live else {}
        services.doing("")
        return measured | {f"live_{name}": value for name, value in seen.items()}

    if run.compile and isinstance(learner, CausalLearner):
        compile_layers(learner.model, services.notice)
    backbone: Any = learner.model.lm if isinstance(learner, CausalLearner) else learner.model.classifier
    layers = sorted(getattr(backbone, "_no_split_modules", None) or ())
    trainer = ThemisTrainer(
        arguments(recipe, len(ready.steps), out, layers), ready.steps, learner, meta, measure,
        optimizers=(_optimizer(run, learner), None), callbacks=list(services.callbacks),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    return trainer


def affordable(
    run: Run, every: int, steps: int, collator: Collator, held: Sequence[Pair], services: Services
) -> Mapping[str, Sequence[Pair]]:
    """The dev pairs that are measured every so many steps: of each task the first, as far as a tenth of the run goes.

    A token that is measured costs half as much as one that is trained on.
    """
    # In epochs, the tokens of a step follow from its pairs: some hundred each.
    trained = steps * (run.tokens_per_step if run.steps else run.pairs_per_step * _TOKENS_OF_PAIR)
    most = 2 * _MEASURING * trained / max(1, -(-steps // every))

    def tokens(pairs: Sequence[Pair]) -> int:
        return sum(2 * collator.encode(pair).longest for pair in pairs)

    share = min(1.0, max(0.0, most - tokens(held)) / max(1, sum(map(tokens, services.dev_pairs.values()))))
    if share < 1:
        services.notice(f"measures {100 * share:.0f} % of the dev pairs, so that measuring takes at most a tenth of the run")
    counts = {task: int(share * len(pairs)) for task, pairs in services.dev_pairs.items()}
    return {task: pairs[: counts[task]] for task, pairs in services.dev_pairs.items() if counts[task]}


def _meta(ready: Prepared, seconds: int) -> ModelMeta:
    recipe = ready.recipe
    return ModelMeta(recipe.model.form, recipe.kind, ready.tools, training={"recipe": portable(recipe), "seconds": seconds})


def _optimizer(run: Run, learner: Learner) -> MuonWithAdamW | None:
    if run.optimizer != "muon":
        return None
    return MuonWithAdamW(learner.model, run.learning_rate, run.weight_decay, run.adam_beta2)


def _tools_called(pairs: Sequence[Pair]) -> tuple[str, ...]:
    traces = [side.trace for pair in pairs for side in (pair.chosen, pair.rejected) if side.trace]
    return tuple(sorted({step.action.tool for trace in traces for step in trace.steps if step.action}))


def _with_scale(meta: ModelMeta, ready: Prepared) -> ModelMeta:
    """With the mean and the standard deviation of the rewards on pairs that the model was not trained on."""
    model = ready.learner.model.eval()
    weights = next(model.parameters())
    # A frozen backbone in bfloat16 under adapters in float32 is read as in training.
    with (
        torch.compiler.set_stance("force_eager"),
        torch.autocast(weights.device.type, torch.bfloat16, enabled=weights.dtype == torch.bfloat16),
    ):
        rewards = ready.learner.early_rewards(ready.pairs.held)
    mean, deviation = (float(rewards.mean()), float(rewards.std())) if len(rewards) > 1 else (0.0, 1.0)
    return replace(meta, reward_mean=mean, reward_std=deviation)


def _measured(learner: Learner, held: Sequence[Pair], dev: Mapping[str, Sequence[Pair]]) -> dict[str, float]:
    measured = {f"held_{name}": value for name, value in learner.measure(held).items()}
    # Chooses the best checkpoint: early rewards, final rewards and calls count alike.
    measured["held_mean"] = sum(measured.values()) / len(measured)
    for task, pairs in dev.items():
        for name, value in learner.measure(pairs).items():
            measured[f"dev_{task}_{name}"] = value
    return measured
