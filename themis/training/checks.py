"""Mistakes in a recipe, and libraries that it needs, found before anything is read or written.

Imports no torch: a mistyped key is told at once.
"""

import difflib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from themis.config import recipe_names
from themis.errors import ConfigError
from themis.model.named import PACKAGE, check_name
from themis.training.recipe import Data, TrainRecipe, stages_of

TRACKERS = ("tensorboard", "wandb", "trackio")
_BOUNDS: tuple[tuple[Callable[[float], bool], str, str], ...] = (
    (lambda value: value >= 1, "be at least 1", "run.tokens_per_step run.pairs_per_step run.workers"),
    (lambda value: value >= 1, "be at least 1", "logging.measure_every logging.measured_pairs"),
    (lambda value: value >= 0, "not be negative", "loss.alpha loss.beta loss.omega loss.answer loss.early loss.centre data.limit run.clip"),
    (lambda value: value >= 0, "not be negative", "run.steps run.epochs run.weight_decay curriculum.drill_steps logging.live_sample"),
    (lambda value: 0 <= value <= 1, "be a share from 0 to 1", "data.forged_share data.dropped_observations"),
    (lambda value: 0 <= value <= 1, "be a share from 0 to 1", "curriculum.drill_share curriculum.call_share curriculum.swapped_rationales"),
    (lambda value: 0 <= value < 1, "be at least 0 and less than 1", "run.warmup run.adam_beta2"),
    (lambda value: value > 0, "be more than 0", "run.learning_rate"),
)
"""What a number must be, in words, and the keys that hold such a number."""
_FSDP = (
    "version", "reshard_after_forward", "cpu_offload", "cpu_ram_efficient_loading", "activation_checkpointing", "auto_wrap_policy",
    "transformer_layer_cls_to_wrap", "min_num_params", "state_dict_type",
)  # fmt: skip
"""The keys of transformers' `fsdp_config` that FSDP2 uses."""


def check_run(recipe: TrainRecipe, *, dry: bool = False) -> None:
    """Raise an error for a recipe that cannot work, or one of its stages.

    Also for what is missing on this machine, unless the run is `dry`.
    """
    for one in [stage.recipe for stage in stages_of(recipe)] or [recipe]:
        check_recipe(one)
        if not dry:
            check_machine(one)


def check_recipe(recipe: TrainRecipe) -> None:
    """Raise `ConfigError` or `ModelError` for values of the right type that cannot work."""
    run, name = recipe.run, recipe.model.name
    if name and not name.startswith(PACKAGE):
        check_name(name)
    _check_numbers(recipe)
    if bool(run.steps) == bool(run.epochs):
        raise ConfigError("the recipe must say either run.steps or run.epochs" + (", not both" if run.steps else ""))
    if not run.lengths or min(run.lengths) < 1:
        raise ConfigError("run.lengths: give at least one length in tokens")
    if run.optimizer == "muon" and (run.fsdp or run.deepspeed):
        raise ConfigError("run.optimizer: 'muon' needs whole matrices; with fsdp or deepspeed use adamw")
    if run.fsdp and run.deepspeed:
        raise ConfigError("run.fsdp and run.deepspeed both shard the weights: give one of them")
    if not run.epochs and int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ConfigError("several processes need a run in epochs: give run.epochs in place of run.steps")
    _check_mixture(recipe.data, add_up=bool(run.steps))
    _check_fsdp(run.fsdp)


def _check_mixture(data: Data, add_up: bool) -> None:
    if not data.mixture and not data.files:
        raise ConfigError("the recipe names nothing to learn from: give data.mixture or data.files")
    for name, share in data.mixture.items():
        if not 0 <= share < math.inf:
            raise ConfigError(f"data.mixture: the share of {name} must be a number that is not negative, found {share}")
    total = sum(data.mixture.values())
    if data.mixture and add_up and abs(total - 1) > 0.01 + 1e-9:
        raise ConfigError(f"data.mixture: the shares of a run in steps must add up to 1, and they add up to {total:.3g}")


def _check_numbers(recipe: TrainRecipe) -> None:
    for holds, words, keys in _BOUNDS:
        for key in keys.split():
            if not holds(_value(recipe, key)):
                raise ConfigError(f"{key}: must {words}, found {_value(recipe, key)}")

    for section in (recipe.run, recipe.data, recipe.loss, recipe.curriculum):
        for field in fields(section):
            if isinstance(value := getattr(section, field.name), float) and not math.isfinite(value):
                raise ConfigError(f"{field.name}: must be a finite number, found {value}")


def _value(recipe: TrainRecipe, key: str) -> Any:
    section, _, name = key.partition(".")
    return getattr(getattr(recipe, section), name)


def _check_fsdp(fsdp: Mapping[str, Any]) -> None:
    for key in fsdp:
        if key not in _FSDP:
            near = difflib.get_close_matches(key, _FSDP, n=1)
            raise ConfigError(
                f"unknown key 'run.fsdp.{key}'" + (f", did you mean 'run.fsdp.{near[0]}'?" if near else f"; known: {', '.join(_FSDP)}")
            )
    if fsdp.get("version", 2) != 2:
        raise ConfigError(f"run.fsdp.version: only FSDP2 is supported: give 2, found {fsdp['version']!r}")
    if fsdp.get("state_dict_type", "FULL_STATE_DICT") != "FULL_STATE_DICT":
        raise ConfigError("run.fsdp.state_dict_type: a checkpoint is a whole model: give FULL_STATE_DICT, or leave it out")


def check_machine(recipe: TrainRecipe) -> None:
    """Raise `ConfigError` where a library that the recipe needs is missing."""
    run = recipe.run
    check_trackers(recipe.logging.report_to)
    for file in recipe.data.files:
        if not Path(file).exists():
            raise ConfigError(f"data.files: there is no file '{file}'")
    if (built := recipe.data.built) and built not in recipe_names("build") and not Path(built).is_dir():
        raise ConfigError(f"data.built: there is no folder '{built}', nor a recipe; known: {', '.join(recipe_names('build'))}")
    if recipe.model.name:
        check_name(recipe.model.name)
    if recipe.model.lora and find_spec("peft") is None:
        raise ConfigError("LoRA needs peft: pip install 'themis-rm[lora]'")
    if run.deepspeed:
        if find_spec("deepspeed") is None:
            raise ConfigError("deepspeed is not installed: pip install deepspeed, or use the key run.fsdp")
        if not deepspeed_file(run.deepspeed).is_file():
            raise ConfigError(f"run.deepspeed: no file '{run.deepspeed}'; the package has 'zero3'")
    if (run.fsdp or run.deepspeed) and "WORLD_SIZE" not in os.environ:
        raise ConfigError("fsdp and deepspeed need several processes: torchrun --nproc-per-node 8 -m themis train ...")


def check_trackers(names: Sequence[str]) -> None:
    """Raises `ConfigError` for an unknown tracker, or one that is not installed."""
    for name in names:
        if name not in TRACKERS:
            raise ConfigError(f"logging.report_to: no tracker '{name}'; known: {', '.join(TRACKERS)}")
        if find_spec(name) is None:
            raise ConfigError(f"logging.report_to: {name} is not installed: pip install {name}")


def deepspeed_file(name: str) -> Path:
    """A DeepSpeed configuration: the package's `zero3`, or a file of the user's."""
    return Path(str(resources.files("themis") / "recipes" / "zero3.json")) if name == "zero3" else Path(name)
