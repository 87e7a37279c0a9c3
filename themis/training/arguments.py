"""A recipe as `transformers.TrainingArguments`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from transformers import TrainingArguments

from themis.model.precision import has_bf16
from themis.training.checks import deepspeed_file
from themis.training.recipe import TrainRecipe

PROJECT = "themis"
"""The project of all runs in the trackers, unless WANDB_PROJECT is set; a run has the name of its directory."""
_TENSORBOARD = os.environ.get("TENSORBOARD_LOGGING_DIR")


def arguments(recipe: TrainRecipe, steps: int, out: Path, layers: Sequence[str] = ()) -> TrainingArguments:
    """The Trainer's settings; `layers` are the classes of the backbone's layers, by which FSDP shards it."""
    if "tensorboard" in recipe.logging.report_to:
        os.environ["TENSORBOARD_LOGGING_DIR"] = _TENSORBOARD or str(out / "tensorboard")
    if "wandb" in recipe.logging.report_to:
        os.environ.setdefault("WANDB_PROJECT", PROJECT)
    on_cpu = not torch.cuda.is_available()
    every = min(recipe.logging.measure_every, steps)
    return TrainingArguments(
        output_dir=str(out / "checkpoints"),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=recipe.run.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.run.warmup,
        weight_decay=recipe.run.weight_decay,
        adam_beta2=recipe.run.adam_beta2,
        max_grad_norm=recipe.run.clip,
        bf16=recipe.run.bf16 and has_bf16(),
        use_cpu=on_cpu,
        seed=recipe.run.seed,
        logging_steps=25 if not recipe.run.epochs else max(1, min(25, steps // 20)),
        eval_strategy="steps",
        eval_steps=every,
        save_steps=every,
        save_total_limit=2,
        # Drills alone teach no task, so pairs of tasks cannot tell which checkpoint is best: the last one is.
        load_best_model_at_end=recipe.run.epochs > 0 or recipe.curriculum.drill_steps < recipe.run.steps,
        metric_for_best_model="eval_held_mean",
        greater_is_better=True,
        remove_unused_columns=False,
        dataloader_num_workers=recipe.run.workers,
        report_to=list(recipe.logging.report_to) or "none",
        run_name=out.name,
        project=PROJECT,
        disable_tqdm=True,
        fsdp=cast(Any, bool(recipe.run.fsdp) or None),
        fsdp_config={"version": 2, "transformer_layer_cls_to_wrap": list(layers), **recipe.run.fsdp} if recipe.run.fsdp else None,
        deepspeed=str(deepspeed_file(recipe.run.deepspeed)) if recipe.run.deepspeed else None,
        ddp_backend="gloo" if on_cpu and "WORLD_SIZE" in os.environ else None,
    )
