"""A training run, from recipe to model directory, in one stage or in several.

Stages train one after the other, each in a directory of its own. A run that resumes skips its finished stages.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from transformers import TrainerCallback

from themis.config import data_root, recipe_names
from themis.errors import ConfigError
from themis.model.average import mean_of
from themis.model.checkpoint import load_meta, save_model
from themis.model.precision import has_bf16
from themis.traces.pair import Pair
from themis.training.checks import check_run
from themis.training.fit import Build, Live, Services, fit
from themis.training.memory import keep_freed_memory
from themis.training.outputs import BUILT, claimed, finished, identify, stage_directory
from themis.training.recipe import Stage, TrainRecipe, portable, stages_of
from themis.training.sources import Curriculum, content_of_run, gather


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
    doing: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train by `recipe`; checkpoints go to `out`/checkpoints, the best model to `out`. Returns `out`.

    Resumes from the last checkpoint there; with `overwrite`, what an earlier run left is deleted. `curriculum` has the
    infinite streams and the drills; `build` makes the data set of a build recipe. The best checkpoint is chosen on
    pairs that training never sees; `dev_pairs` are only reported. `doing` hears of all but the steps, such as
    measuring; an empty text ends it.
    """
    services = Services(curriculum, build, dev_pairs or {}, live, callbacks, notice, doing)
    stages = stages_of(recipe)
    check_run(recipe)
    keep_freed_memory()
    if recipe.run.bf16 and not has_bf16():
        notice("computes in float32, as this CPU has no bf16 instructions; the weights are stored in bfloat16")
    if stages:
        _fit_stages(recipe, stages, out, overwrite, services)
    else:
        fit(recipe, out, services, partial(_built, recipe.data.built, out, build), overwrite=overwrite)
    return out


def _fit_stages(recipe: TrainRecipe, stages: Sequence[Stage], out: Path, overwrite: bool, services: Services) -> None:
    """Each stage, from the weights of the one before, in `out`/stages/NAME; then their mean in `out`."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ConfigError("stages: a run in stages is one process; train each stage by a recipe of its own")
    if recipe.kind == "encoder":
        raise ConfigError("stages: kind 'encoder' is trained in one stage; leave the key out")
    with claimed(out, recipe, overwrite):
        content: dict[str, str] = {}
        for stage in stages:
            # A mistake in the last stage is found before the first one trains.
            built = _built(stage.recipe.data.built, out, services.build)
            gather(stage.recipe, data_root(), services.curriculum, built, lambda text: None)
            content |= {f"{stage.name} {name}": hash for name, hash in content_of_run(stage.recipe, data_root(), built).items()}
        identify(out, content, overwrite)
    directories = {stage.name: stage_directory(out, stage.name) for stage in stages}
    for place, stage in enumerate(stages):
        directory, *later = list(directories.values())[place:]
        if finished(directory, stage.recipe):
            continue
        for stale in later:
            shutil.rmtree(stale, ignore_errors=True)
        services.notice(f"stage {stage.name}")
        start = _start_of(stage, place, stages, directories, recipe)
        fit(stage.recipe, directory, services, partial(_built, stage.recipe.data.built, out, services.build), start=start)
    _write_mean(recipe, [directories[name] for name in recipe.average or list(directories)[-1:]], list(directories.values()), out)


def _start_of(stage: Stage, place: int, stages: Sequence[Stage], directories: Mapping[str, Path], recipe: TrainRecipe) -> Path | None:
    """The model that a stage starts from; None for the first."""
    if not stage.start:
        return directories[stages[place - 1].name] if place else None
    start = directories[stage.name].with_name(f"{stage.name}.start")
    shutil.rmtree(start, ignore_errors=True)
    _write_mean(recipe, [directories[name] for name in stage.start], [directories[each.name] for each in stages[:place]], start)
    return start


def _write_mean(recipe: TrainRecipe, of: Sequence[Path], trained: Sequence[Path], out: Path) -> None:
    """The mean of some stages, with the time that all of `trained` took."""
    model, tokenizer, meta = mean_of(of)
    seconds = sum(load_meta(directory).training["seconds"] for directory in trained)
    meta = replace(meta, training={"recipe": portable(recipe), "seconds": seconds})
    save_model(out, model, tokenizer, meta, model.lm.dtype)


def _built(name: str | None, out: Path, build: Build | None) -> Path | None:
    """The folder of the built data set, once it is there."""
    if name is None or name not in recipe_names("build"):
        return None if name is None else Path(name)
    if build is None:
        raise ConfigError(f"data.built: the recipe '{name}' was not built: give a folder that `themis build {name}` made")
    build(name, out / BUILT)
    return out / BUILT
