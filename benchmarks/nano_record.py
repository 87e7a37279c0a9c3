"""The record of the nano that ships: what a later version of the code must still make from the same recipe.

    python -m benchmarks.nano_record runs/nano            # writes themis/recipes/nano.record.json
    python -m benchmarks.nano_record runs/nano --check    # compares, and says what differs

`runs/nano` is what `themis train nano` wrote, with its built data set and its tokenizer. Needs THEMIS_DATA. The record
has the digests of the weights, of the tokenizer and of some batches of each stage, and the first losses. These are
computed in float32 without compiling.
"""

import argparse
import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, TrainerCallback

from benchmarks.table import run_script
from themis.config import read_recipe
from themis.curriculum.registry import Curriculum
from themis.errors import DataError
from themis.training.fit import Prepared, Services, fit, prepare
from themis.training.outputs import BUILT, TOKENIZER, stage_directory
from themis.training.recipe import Stage, TrainRecipe, stages_of

RECIPE = "nano"
RECORD = Path(str(resources.files("themis") / "recipes" / "nano.record.json"))
STEPS = {"first": (0, 1, 900, 901), "all": (0, 700), "last": (0,), "free": (0, 700), "more": (0,)}
"""Steps of each stage whose batches are recorded: drills and pairs, of the first pool and of a later one."""
LOSSES = 20


class _Enough(Exception):
    """All the losses that were asked for are there."""


def stages() -> dict[str, Stage]:
    """The stages of the recipe by name."""
    return {stage.name: stage for stage in stages_of(read_recipe(RECIPE, TrainRecipe))}


def prepared(stage: Stage, built: Path | None, tokenizer: Path) -> Prepared:
    """A stage before its first step. The model is a new one: its weights matter to no batch."""
    return prepare(stage.recipe, Services(Curriculum(), notice=lambda text: None), built, tokenizer)


def batch_digests(ready: Prepared, steps: Sequence[int]) -> dict[str, str]:
    """SHA-256 of the token ids, the targets and the places of rewards of each step, by its number."""
    return {str(step): _digest(ready.steps[step]) for step in steps}


def _digest(batches: Any) -> str:
    digest = hashlib.sha256()
    for batch in batches:
        for tensor in (batch.layout.token_ids_YX, batch.layout.kinds_YX, batch.layout.reward_place_SK):
            digest.update(repr(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def first_losses(tokenizer: Path, count: int = LOSSES) -> list[float]:
    """The losses of the first steps of the first stage, by the recipe's schedule, in float32 without compiling."""
    stage = stages()["first"]
    exact = replace(stage.recipe, run=replace(stage.recipe.run, bf16=False, compile=False))
    losses: list[float] = []

    class Each(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            args.logging_steps = state.logging_steps = 1

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            losses.append(float(logs["loss"]))
            if len(losses) == count:
                raise _Enough

    with tempfile.TemporaryDirectory() as folder:

        def given() -> None:
            """The tokenizer. Built rows are only measured in this stage, and nothing is measured so early."""
            (Path(folder) / TOKENIZER).mkdir()
            for file in tokenizer.glob("tokenizer*.json"):
                shutil.copy(file, Path(folder) / TOKENIZER)

        with suppress(_Enough):
            fit(exact, Path(folder), Services(Curriculum(), callbacks=[Each()], notice=lambda text: None), given)
    return losses


def tokenizer_digest(directory: Path) -> str:
    """SHA-256 of the vocabulary."""
    vocabulary = AutoTokenizer.from_pretrained(directory).get_vocab()
    return hashlib.sha256(json.dumps(sorted(vocabulary.items())).encode()).hexdigest()


def weights_digest(directory: Path) -> str:
    """SHA-256 of the file of the weights."""
    return hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()


def record_of(run: Path) -> dict[str, Any]:
    """All that is recorded of what `themis train nano` left in a folder."""
    tokenizer = stage_directory(run, "first") / TOKENIZER
    batches = {name: batch_digests(prepared(stages()[name], run / BUILT, tokenizer), steps) for name, steps in STEPS.items()}
    return {
        "weights": weights_digest(run),
        "tokenizer": tokenizer_digest(tokenizer),
        "losses": [round(loss, 6) for loss in first_losses(tokenizer)],
        "batches": batches,
    }


def main(words: Sequence[str]) -> None:
    """Write the record, or compare with it."""
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.nano_record", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(words)
    if not (given.run / "model.safetensors").is_file():
        raise DataError(f"{given.run} holds no model.safetensors: give the folder that `themis train nano` wrote")
    found = record_of(given.run)
    if not given.check:
        RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(RECORD)
        return
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))
    differing = [name for name, value in found.items() if value != recorded[name]]
    if differing:
        raise DataError(f"{given.run} differs from {RECORD.name} in {', '.join(differing)}")
    print("as recorded")


if __name__ == "__main__":
    run_script("benchmarks.nano_record", __doc__, main)
