"""The keys of a training recipe, in sections. A function is handed the section that it needs."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from themis.config import VARIANTS, WHOLE, build, merged
from themis.errors import ConfigError
from themis.hyperparameters import Lora, LossWeights


@dataclass(frozen=True, slots=True)
class Run:
    """Length, batches and optimizer."""

    seed: int
    tokens_per_step: int
    """Padded tokens of a step's batch, chosen and rejected together; in epochs, about the most tokens read at once."""
    lengths: tuple[int, ...]
    """Sequences are padded to the next of these; longer pairs are left out. A run in epochs needs the last alone."""
    learning_rate: float
    steps: int = 0
    """A run in steps draws pairs from infinite streams by their shares."""
    epochs: int = 0
    """A run in epochs reads each pair of its files this many times."""
    pairs_per_step: int = 64
    """In a run in epochs, gradients are accumulated over as many batches as these pairs fill."""
    warmup: float = 0.02
    """Share of the steps."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    weight_decay: float = 0.1
    adam_beta2: float = 0.95
    clip: float = 1.0
    bf16: bool = True
    """Compute in bf16, or in float32 on a CPU without bf16 instructions. Weights are stored in bfloat16 either way."""
    compile: bool = False
    """Compile the layers, once for each of `lengths`. On the CPU this is skipped without a C++ compiler."""
    workers: int = 1
    """Processes that make the batches of a run in steps. One keeps up with two CPU cores, eight with a GPU."""
    gradient_checkpointing: bool = False
    """Compute each layer again in the backward pass: a third more time, and the memory of one layer."""
    fsdp: dict[str, Any] = field(default_factory=dict)
    """Shard the weights over processes by PyTorch's FSDP2: transformers' `fsdp_config`, under `torchrun`."""
    deepspeed: str | None = None
    """A DeepSpeed configuration file, or `zero3` for the package's, under its launcher."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """The language model to start from: `name` of a pretrained one, or `config` for one from scratch."""

    name: str | None = None
    """A Hub name or a directory. A model that Themis trained, such as `nano`, brings its scalar head."""
    sha256: str = ""
    """What a GGUF file must be."""
    config: dict[str, Any] = field(default_factory=dict)
    """`model_type` and the fields of its transformers configuration. Beside a `name`, `--dry-run` counts by it."""
    vocabulary: int = 2048
    """Entries of the tokenizer that is trained with a model from scratch."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Number type of the weights in memory; bfloat16 for weights that LoRA freezes."""
    form: Literal["plain", "chat"] = "plain"
    """The written form: Themis's own, or the tokenizer's chat template with its own tool calls."""
    pad_token: str | None = None
    """A token of the tokenizer to pad with, where it names none itself."""
    lora: Lora | None = None
    """Train adapters in place of all weights, with the scalar head and the embeddings of new tokens."""


@dataclass(frozen=True, slots=True)
class Data:
    """Which pairs are trained on, and how they are altered."""

    mixture: dict[str, float] = field(default_factory=dict, metadata={WHOLE: True})
    """Share of the pairs by source. The shares of a run in steps add up to 1. In epochs, 0 leaves a source out.

    `rules/TASK`: infinite streams by rule. `gsm8k`: train problems with faults made by rule.
    `free/TASK`: infinite streams in many people's words, with answers that hedge, list, deny, echo or refuse.
    `tara/TASK`: published train rows; of the calculator, right answers with faults made by rule.
    `built/TASK`: train rows of the data set `built`.
    `built/TASK?negatives=fresh`: the same rows, each time with another wrong answer.
    `files`: the pairs of the key `files`.
    """
    tasks: tuple[str, ...] = ()
    """Only these tasks of the mixture: one tool's model."""
    files: tuple[str, ...] = ()
    """Preference files of any kind that docs/data.md lists. Without a mixture, the only source."""
    limit: int = 0
    """Only the first so many rows of each file and task; 0 for all. Infinite streams have no first rows."""
    margin: bool = False
    """The ranking loss asks for the score gap that the column `margin` gives."""
    built: str | None = None
    """A build recipe such as `tara`, built into OUT/built first, or a folder that `themis build` made.

    Its train rows are the sources `built/TASK`; its test rows choose the best checkpoint.
    """
    forged_share: float = 0.04
    """Share of pairs whose rejected answer ends with a forged tool result."""
    dropped_observations: float = 0.01
    """Share of pairs whose observations are replaced by the failure text."""


@dataclass(frozen=True, slots=True)
class Exercises:
    """What a small model needs beside its tasks."""

    drill_steps: int = 0
    """Steps of nothing but drills at the start."""
    drill_share: float = 0.0
    """Share of drills among the later steps."""
    call_share: float = 0.0
    """Share of steps of calls alone: five times as many questions as in a step of pairs, and no reward."""
    swapped_rationales: float = 0.0
    """Share of pairs whose rationales are exchanged and are not targets: a slip in one must not decide the reward."""


@dataclass(frozen=True, slots=True)
class Logging:
    """How a run is measured and logged."""

    measure_every: int = 500
    """Steps between two measurements, each followed by a checkpoint."""
    measured_pairs: int = 256
    live_sample: int = 16
    """Measured pairs that are also judged live, with real tools, to count valid calls; 0 for none."""
    report_to: tuple[str, ...] = ()
    """Trackers: tensorboard, wandb, trackio."""


@dataclass(frozen=True, slots=True)
class TrainRecipe:
    """One training run, or several stages of one."""

    kind: Literal["themis", "vanilla", "encoder"]
    """`themis` writes a trace before its reward, `vanilla` writes none; `encoder` is a sequence classifier."""
    run: Run
    model: Backbone
    data: Data
    loss: LossWeights = field(default_factory=LossWeights)
    curriculum: Exercises = field(default_factory=Exercises)
    logging: Logging = field(default_factory=Logging)
    stages: tuple[dict[str, Any], ...] = field(default=(), metadata={VARIANTS: True})
    """Each has a `name` and keys that differ from the recipe's.

    It starts from the weights of the stage before, or from the mean of the stages that its key `start` names.
    """
    average: tuple[str, ...] = ()
    """Stages whose mean is the result; the last stage where none is named."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a run, as a recipe without stages."""

    name: str
    recipe: TrainRecipe
    start: tuple[str, ...] = ()
    """Earlier stages from whose mean it starts; empty: the stage before."""


def stages_of(recipe: TrainRecipe) -> tuple[Stage, ...]:
    """The stages in their order; none of a recipe without. Raises `ConfigError`."""
    whole = as_json(recipe)
    del whole["stages"], whole["average"]
    names = [stage.get("name") for stage in recipe.stages]
    for place, name in enumerate(names):
        if not isinstance(name, str) or not name or Path(name).name != name or name in names[:place]:
            raise ConfigError(f"stages: each needs a name of its own that can be a folder's, found {name!r}")
    for name in recipe.average:
        if name not in names:
            raise ConfigError(f"average: no stage '{name}'; the stages are {', '.join(map(str, names)) or 'missing'}")
    stages: list[Stage] = []
    for place, raw in enumerate(recipe.stages):
        changes = {key: value for key, value in raw.items() if key not in ("name", "start")}
        start = tuple(raw.get("start", ()))
        if isinstance(raw.get("start", []), str) or not set(start) <= set(names[:place]):
            raise ConfigError(f"stage '{raw['name']}': start: a list of earlier stages, found {raw['start']!r}")
        of_stage = merged(TrainRecipe, {**whole, "run": {**whole["run"], "seed": recipe.run.seed + place}}, changes)
        stages.append(Stage(raw["name"], build(TrainRecipe, of_stage, where=f"stage '{raw['name']}'", prefix=""), start))
    return tuple(stages)


def as_json(recipe: TrainRecipe) -> dict[str, Any]:
    """The recipe as JSON has it: lists for tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    return plain


def portable(recipe: TrainRecipe) -> dict[str, Any]:
    """The recipe as a run writes it down: a path on this machine is cut to its last part."""
    model, data, run = recipe.model, recipe.data, recipe.run
    return as_json(
        replace(
            recipe,
            run=replace(run, deepspeed=_portable(run.deepspeed)),
            model=replace(model, name=_portable(model.name)),
            data=replace(data, built=_portable(data.built), files=tuple(Path(file).name for file in data.files)),
        )
    )


def _portable(name: str | None) -> str | None:
    """A name of the package or the Hub stays; an existing or absolute path loses its folders."""
    return Path(name).name if name and (Path(name).is_absolute() or Path(name).exists()) else name
