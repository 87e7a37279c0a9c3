"""The directory of a run: which run owns it, and what may be deleted there.

`run.json` holds the recipe, from the first moment on. The same recipe resumes. The directory of another recipe is
refused, and so is one with files that no run wrote.
"""

import json
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from themis.errors import ConfigError, ModelError
from themis.files import difference, remove, write_whole
from themis.model.checkpoint import SCORE_FILE, load_meta
from themis.training.recipe import TrainRecipe, portable

RUN_FILE, LOG_FILE = "run.json", "log.json"
TOKENIZER = "tokenizer"
"""A tokenizer that was trained for a model from scratch."""
ASIDE = ".earlier"
"""Where an earlier run's files lie while a new one is checked."""
LENGTH = ("run.steps", "run.epochs")
MAY_CHANGE = (*LENGTH, "run.compile", "run.fsdp", "run.deepspeed", "logging.measure_every", "logging.live_sample", "logging.report_to")
"""Keys that may differ when a run resumes: how long, on what machine, and how it is watched."""
BUILT = "built"
"""The data set that a run builds; what is done of it survives a mistake that is found later."""
_OURS = ("checkpoints", TOKENIZER, "tensorboard", "stages", BUILT, RUN_FILE, LOG_FILE, "log.png")


def stage_directory(out: Path, name: str) -> Path:
    """Where a stage of the run `out` trains."""
    return out / "stages" / name


def last_checkpoint(out: Path) -> Path | None:
    """The newest checkpoint whose files are whole. One may be cut off, by a kill or a full disk."""
    whole = [folder for folder in (out / "checkpoints").glob("checkpoint-*") if _is_whole(folder)]
    return max(whole, key=lambda folder: int(folder.name.rpartition("-")[2]), default=None)


def _is_whole(checkpoint: Path) -> bool:
    """The Trainer writes its state last. Archives of torch and safetensors say where they end.

    It would resume without an optimizer, a schedule or random states that are gone, and say nothing.
    """
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        if not all(any(found for name in names for found in checkpoint.glob(name)) for names in _parts(checkpoint)):
            return False
        for file in checkpoint.rglob("*.safetensors"):
            with safe_open(file, "pt"):
                pass
        for file in (*checkpoint.rglob("*.pt"), *checkpoint.rglob("*.bin"), *checkpoint.rglob("*.pth")):
            zipfile.ZipFile(file).close()
    except (OSError, ValueError, KeyError, ModelError, SafetensorError, zipfile.BadZipFile):
        return False
    return True


def _parts(checkpoint: Path) -> Iterator[Sequence[str]]:
    """The names that each file a run resumes from may have: deepspeed and FSDP have their own."""
    yield "model.safetensors", "adapter_model.safetensors", "model.safetensors.index.json"
    if load_meta(checkpoint).kind != "encoder":
        yield (SCORE_FILE,)
    yield "optimizer.pt", "optimizer.bin", "global_step*/*.pt"
    yield "scheduler.pt", "global_step*"
    yield ("rng_state*.pth",)
    for index in checkpoint.glob("*.index.json"):
        for shard in set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()):
            yield (shard,)


def finished(out: Path, recipe: TrainRecipe) -> bool:
    """Did a run of this recipe, and of this length, end here?"""
    earlier = _recipe_of(out)
    if not earlier or not (out / LOG_FILE).is_file():
        return False
    before, now = _flat(earlier), _flat(portable(recipe))
    return all(before.get(key) == value for key, value in now.items() if key in LENGTH or not _may_change(key))


@contextmanager
def claimed(out: Path, recipe: TrainRecipe, overwrite: bool) -> Iterator[None]:
    """Make `out` this run's; if the block inside fails, everything there is left as it was.

    Raises `ConfigError` where another run, or somebody else, has files there.
    """
    aside = out / ASIDE
    _put_back(out)
    _refuse(out, recipe, overwrite)
    made = not out.exists()
    aside.mkdir(parents=True)
    before = {name for name in _OURS if (out / name).exists()}
    for name in before if overwrite else before & {RUN_FILE}:
        (out / name).rename(aside / name)
    (out / RUN_FILE).write_text(json.dumps(portable(recipe), indent=2) + "\n", encoding="utf-8")
    try:
        yield
    except BaseException:
        for name in set(_OURS) - before - {BUILT}:
            remove(out / name)
        _put_back(out)
        if made and not (out / BUILT).exists():
            out.rmdir()
        raise
    shutil.rmtree(aside)


def identify(out: Path, content: dict[str, str], overwrite: bool) -> None:
    """Note what a claimed run is made from. Raises `ConfigError` where an earlier one was made from something else."""
    earlier = None if overwrite else (_recipe_of(out / ASIDE) or {}).get("content")
    if earlier and (differs := difference(earlier, content)):
        raise ConfigError(f"{out} holds a run of other data or weights ({differs}): give another --out, or --overwrite to start over")
    run = json.loads((out / RUN_FILE).read_text(encoding="utf-8"))
    write_whole(out / RUN_FILE, json.dumps({**run, "content": content}, indent=2) + "\n")


def _put_back(out: Path) -> None:
    """What was laid aside by a run that was refused, or killed while it was checked."""
    for laid in (out / ASIDE).glob("*"):
        remove(out / laid.name)
        laid.rename(out / laid.name)
    if (out / ASIDE).is_dir():
        (out / ASIDE).rmdir()


def _refuse(out: Path, recipe: TrainRecipe, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file: give a directory as --out")
    if overwrite:
        return
    if (earlier := _recipe_of(out)) is not None:
        if not earlier:
            raise ConfigError(
                f"{out} holds checkpoints, and no {RUN_FILE} that says of what: give another --out, or --overwrite to start over"
            )
        _refuse_another(out, earlier, portable(recipe))
    elif out.is_dir() and any(entry.name != BUILT for entry in out.iterdir()):
        raise ConfigError(f"{out} holds files that no training run wrote: give another --out, or --overwrite to write among them")


def _refuse_another(out: Path, earlier: dict[str, Any], recipe: dict[str, Any]) -> None:
    before, now = _flat(earlier), _flat(recipe)
    # A key that the earlier run did not know had its default then.
    differing = [key for key, value in now.items() if not _may_change(key) and before.get(key, value) != value]
    if differing:
        names = ", ".join(f"'{key}'" for key in differing[:4]) + (" and more" if len(differing) > 4 else "")
        raise ConfigError(f"{out} holds another run, whose recipe differs in {names}: give another --out, or --overwrite to start over")


def _flat(recipe: dict[str, Any]) -> dict[str, Any]:
    """The values by `section.key`, and of a stage by `stages.NAME.section.key`."""
    found: dict[str, Any] = {}
    for section, value in recipe.items():
        if section == "stages":
            found["stages"] = [stage["name"] for stage in value]
            for stage in value:
                found |= {f"stages.{stage['name']}.{key}": of_stage for key, of_stage in _flat(stage).items() if key != "name"}
        elif isinstance(value, dict):
            found |= {f"{section}.{key}": inner for key, inner in value.items()}
        else:
            found[section] = value
    return found


def _may_change(key: str) -> bool:
    of_recipe = key.split(".", 2)[2] if key.startswith("stages.") else key
    return any(of_recipe == allowed or of_recipe.startswith(f"{allowed}.") for allowed in MAY_CHANGE)


def _recipe_of(out: Path) -> dict[str, Any] | None:
    """The recipe of the run that was here, if one was: empty where nothing says it."""
    try:
        return dict(json.loads((out / RUN_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {} if (out / "checkpoints").is_dir() or (out / TOKENIZER).is_dir() else None
