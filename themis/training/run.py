"""One training run, from recipe to model directory: data, tokenizer, model, Trainer.

A run that was killed goes on where its last checkpoint stood and ends with the same weights: batches
depend on seed and step alone, and the Trainer keeps optimizer, schedule and random state.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, PrinterCallback, TrainerCallback, set_seed
from transformers.trainer_utils import get_last_checkpoint

from themis.config import data_root
from themis.curriculum.texts import texts_of
from themis.model.checkpoint import ModelMeta, load_meta
from themis.traces.pair import Pair
from themis.training.arguments import arguments
from themis.training.backbones import make_learner
from themis.training.batches.steps import StepBatches
from themis.training.checks import check_machine, check_recipe
from themis.training.collators import CausalLearner, Learner
from themis.training.curves import plot
from themis.training.epochs import EpochSteps, Share
from themis.training.optimizer import MuonWithAdamW
from themis.training.outputs import claimed
from themis.training.processes import first_goes_first
from themis.training.recipe import TrainRecipe
from themis.training.sources import Pairs, gather
from themis.training.trainer import ThemisTrainer, compile_layers

Live = Callable[[Any, PreTrainedTokenizerBase, ModelMeta, Sequence[Pair]], Mapping[str, float]]
"""Judges pairs with the model as it stands and real tools, and says what share of calls was valid."""


def train(
    recipe: TrainRecipe,
    out: Path,
    *,
    overwrite: bool = False,
    dev_pairs: Mapping[str, Sequence[Pair]] | None = None,
    live: Live | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    notice: Callable[[str], None] = print,
) -> Path:
    """Train by `recipe`; checkpoints go to `out`/checkpoints, the best model to `out`. Returns `out`.
    It goes on from the last checkpoint there; with `overwrite`, what an earlier run left is deleted.

    The best checkpoint is chosen on pairs that training never sees; `dev_pairs` are only reported.
    """
    started = time.monotonic()
    share = Share(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    if share.rank:
        notice = _say_nothing
    check_recipe(recipe)
    check_machine(recipe)
    with first_goes_first(share.world), nullcontext() if share.rank else claimed(out, recipe, overwrite):
        set_seed(recipe.seed)
        pairs = gather(recipe, data_root(), notice)
        tools = _tools_called(pairs.held) if recipe.kind == "themis" else ()
        learner = make_learner(recipe, pairs.mixture, tools, out, notice)
        steps = _steps(recipe, learner, pairs, share)
    _tell(steps, notice)
    checkpoint = get_last_checkpoint(str(out / "checkpoints")) if (out / "checkpoints").is_dir() else None
    earlier = load_meta(Path(checkpoint)).training.get("seconds", 0) if checkpoint else 0

    def meta() -> ModelMeta:
        seconds = earlier + round(time.monotonic() - started)
        return ModelMeta(form=recipe.backbone.form, kind=recipe.kind, tools=tools, training={"recipe": asdict(recipe), "seconds": seconds})

    def measure() -> dict[str, float]:
        measured = _measured(learner, pairs.held, dev_pairs or {})
        if live and recipe.live_sample and recipe.kind == "themis" and not (recipe.fsdp or recipe.deepspeed):
            seen = live(learner.model, learner.tokenizer, meta(), pairs.held[: recipe.live_sample])
            measured |= {f"live_{name}": value for name, value in seen.items()}
        return measured

    if recipe.compile and isinstance(learner, CausalLearner):
        compile_layers(learner.model, notice)
    trainer = ThemisTrainer(
        arguments(recipe, len(steps), out, _layers(learner)), steps, learner, meta, measure,
        optimizers=(_optimizer(recipe, learner), None), callbacks=list(callbacks),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    if checkpoint:
        notice(f"goes on from {checkpoint}")
    trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_to(out, _with_scale(meta(), learner, pairs.held), torch.bfloat16 if recipe.bf16 else None)
    if not share.rank:
        (out / "log.json").write_text(json.dumps(trainer.state.log_history, indent=1) + "\n", encoding="utf-8")
        plot(trainer.state.log_history, out / "log.png", notice)
    return out


def _say_nothing(text: str) -> None:
    """One process speaks for all."""


def _steps(recipe: TrainRecipe, learner: Learner, pairs: Pairs, share: Share) -> EpochSteps | StepBatches:
    if recipe.epochs:
        return EpochSteps(
            learner.form,
            pairs.rows,
            pairs.mixture,
            seed=recipe.seed,
            epochs=recipe.epochs,
            pairs_per_step=recipe.pairs_per_step,
            tokens=recipe.tokens_per_step,
            longest=recipe.lengths[-1],
            share=share,
        )
    assert isinstance(learner, CausalLearner)
    tokenizer = learner.tokenizer
    special = set(tokenizer.get_added_vocab().values())
    return StepBatches(
        learner.form.encoder,
        pairs.mixture,
        seed=recipe.seed,
        steps=recipe.steps,
        drill_steps=recipe.drill_steps,
        drill_share=recipe.drill_share,
        tokens=recipe.tokens_per_step,
        lengths=recipe.lengths,
        pad_id=int(tokenizer.pad_token_id),
        vocabulary=[token for token in range(len(tokenizer)) if token not in special],
        texts=texts_of(data_root()) if recipe.text_share else None,
        text_share=recipe.text_share,
        forked=learner.model.reads_forks(),
        workers=recipe.workers,
    )


def _tell(steps: EpochSteps | StepBatches, notice: Callable[[str], None]) -> None:
    """What a run in epochs will read; one in steps has no end to tell."""
    if isinstance(steps, EpochSteps):
        for reason, count in steps.left_out.items():
            notice(f"left out: {reason}: {count}")
        notice(f"{steps.pairs} pairs an epoch, {len(steps)} steps")


def _layers(learner: Learner) -> list[str]:
    """The classes of the backbone's layers."""
    backbone: Any = learner.model.lm if isinstance(learner, CausalLearner) else learner.model.classifier
    return sorted(getattr(backbone, "_no_split_modules", None) or ())


def _optimizer(recipe: TrainRecipe, learner: Learner) -> MuonWithAdamW | None:
    if recipe.optimizer != "muon":
        return None
    return MuonWithAdamW(learner.model, recipe.learning_rate, recipe.weight_decay, recipe.adam_beta2)


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
