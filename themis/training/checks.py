"""What is wrong with a recipe, and what the machine lacks for it, found before anything is read or written."""

import difflib
import os
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from themis.errors import ConfigError
from themis.training.recipe import TrainRecipe

TRACKERS = {"tensorboard": "tensorboard", "wandb": "wandb", "trackio": "trackio"}
_AT_LEAST_ONE = ("tokens_per_step", "pairs_per_step", "measure_every", "measured_pairs", "workers")
_NOT_NEGATIVE = ("steps", "epochs", "drill_steps", "live_sample", "weight_decay")
_SHARES = ("drill_share", "text_share", "swapped_rationales", "forged_share", "dropped_observations")
_FSDP = (
    "version", "reshard_after_forward", "cpu_offload", "cpu_ram_efficient_loading", "activation_checkpointing", "auto_wrap_policy",
    "transformer_layer_cls_to_wrap", "min_num_params", "state_dict_type",
)  # fmt: skip
"""The keys of transformers' `fsdp_config` that FSDP2 has a use for."""


def check_recipe(recipe: TrainRecipe) -> None:
    """What no type can tell of its values."""
    _check_numbers(recipe)
    if bool(recipe.steps) == bool(recipe.epochs):
        raise ConfigError("the recipe must say either 'steps' or 'epochs'" + (", not both" if recipe.steps else ""))
    if not recipe.lengths or min(recipe.lengths) < 1:
        raise ConfigError("lengths: give at least one length in tokens")
    if recipe.optimizer == "muon" and (recipe.fsdp or recipe.deepspeed):
        raise ConfigError("optimizer 'muon' needs whole matrices: with fsdp or deepspeed use adamw")
    if recipe.fsdp and recipe.deepspeed:
        raise ConfigError("fsdp and deepspeed both spread the weights: give one of them")
    if not recipe.epochs and int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ConfigError("several processes need a run in epochs: give 'epochs' in place of 'steps'")
    if recipe.backbone.layers < 0:
        raise ConfigError(f"backbone.layers: must not be negative, found {recipe.backbone.layers}")
    _check_fsdp(recipe)


def _check_numbers(recipe: TrainRecipe) -> None:
    for key in _AT_LEAST_ONE:
        if getattr(recipe, key) < 1:
            raise ConfigError(f"{key}: must be at least 1, found {getattr(recipe, key)}")
    for key in _NOT_NEGATIVE:
        if getattr(recipe, key) < 0:
            raise ConfigError(f"{key}: must not be negative, found {getattr(recipe, key)}")
    for key in _SHARES:
        if not 0 <= getattr(recipe, key) <= 1:
            raise ConfigError(f"{key}: must be a share from 0 to 1, found {getattr(recipe, key)}")
    for key in ("warmup", "adam_beta2"):
        if not 0 <= getattr(recipe, key) < 1:
            raise ConfigError(f"{key}: must be at least 0 and less than 1, found {getattr(recipe, key)}")
    if not recipe.learning_rate > 0:
        raise ConfigError(f"learning_rate: must be more than 0, found {recipe.learning_rate}")


def _check_fsdp(recipe: TrainRecipe) -> None:
    for key in recipe.fsdp:
        if key not in _FSDP:
            near = difflib.get_close_matches(key, _FSDP, n=1)
            raise ConfigError(
                f"unknown key 'fsdp.{key}'" + (f", did you mean 'fsdp.{near[0]}'?" if near else f"; known: {', '.join(_FSDP)}")
            )
    if recipe.fsdp.get("version", 2) != 2:
        raise ConfigError(f"fsdp.version: only FSDP2 is known here: give 2, found {recipe.fsdp['version']!r}")
    if recipe.fsdp.get("state_dict_type", "FULL_STATE_DICT") != "FULL_STATE_DICT":
        raise ConfigError("fsdp.state_dict_type: a checkpoint here is a whole model: give FULL_STATE_DICT, or leave it out")


def check_machine(recipe: TrainRecipe) -> None:
    """Whether the libraries that a recipe asks for are here."""
    for tracker in recipe.report_to:
        if tracker not in TRACKERS:
            raise ConfigError(f"report_to: no tracker '{tracker}'; known: {', '.join(TRACKERS)}")
        if find_spec(TRACKERS[tracker]) is None:
            raise ConfigError(f"report_to: {tracker} is not installed: pip install {TRACKERS[tracker]}")
    if recipe.lora and find_spec("peft") is None:
        raise ConfigError("LoRA needs peft: pip install 'themis-rm[lora]'")
    if recipe.deepspeed:
        if find_spec("deepspeed") is None:
            raise ConfigError("deepspeed is not installed: pip install deepspeed, or use the key 'fsdp'")
        if not deepspeed_file(recipe.deepspeed).is_file():
            raise ConfigError(f"deepspeed: no file '{recipe.deepspeed}'; the package has 'zero3'")
    if (recipe.fsdp or recipe.deepspeed) and "WORLD_SIZE" not in os.environ:
        raise ConfigError("fsdp and deepspeed need several processes: torchrun --nproc-per-node 8 -m themis train ...")


def deepspeed_file(name: str) -> Path:
    """A DeepSpeed configuration: the package's `zero3`, or a file of somebody's own."""
    return Path(str(resources.files("themis") / "recipes" / "zero3.json")) if name == "zero3" else Path(name)
