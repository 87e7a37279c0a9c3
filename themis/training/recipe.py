"""What a training run is told: every key of a recipe, with the meaning it has."""

from dataclasses import dataclass, field
from typing import Any, Literal

from themis.losses import LossWeights
from themis.model.adapters import Lora


@dataclass(frozen=True, slots=True)
class Backbone:
    """The language model to start from: `name` of a pretrained one, or `config` for one from scratch."""

    name: str | None = None
    """A Hub name or a directory; one that Themis trained, such as `nano`, is trained on, its scalar head too."""
    config: dict[str, Any] = field(default_factory=dict)
    """`model_type` and the fields of its transformers configuration; beside a `name`, its shape, which `--dry-run` counts by."""
    vocabulary: int = 2048
    """Entries of the tokenizer trained along with a model from scratch."""
    layers: int = 0
    """Of a model that Themis trained: fewer are its first, more are new ones among them that change nothing at first; 0: as it is."""
    added_words: int = 0
    """Entries added to the tokenizer of a model that Themis trained: words of scripts that it knows as bytes alone."""
    added_prose: int = 0
    """The same for pieces of English words, so that prose becomes shorter."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Number type of the weights in memory; bfloat16 for weights that LoRA leaves as they are."""
    form: Literal["plain", "chat"] = "plain"
    """The written form: our own, or the tokenizer's chat template with its own tool calls."""
    pad_token: str | None = None
    """A token of the tokenizer's that pads, where it names none itself."""


@dataclass(frozen=True, slots=True)
class TrainRecipe:
    """One training run."""

    kind: Literal["themis", "vanilla", "encoder"]
    """`themis` writes a trace before its reward; `vanilla` reads the reward after the case; `encoder` is a sequence classifier."""
    seed: int
    tokens_per_step: int
    """Padded tokens of a step's batch, chosen and rejected together; of a run in epochs, about the most tokens read at once."""
    lengths: tuple[int, ...]
    """Sequences are padded to the next of these; longer pairs are left out. A run in epochs needs the last alone and pads nothing."""
    learning_rate: float
    backbone: Backbone
    steps: int = 0
    """A run in steps draws pairs without end by their shares."""
    epochs: int = 0
    """A run in epochs reads each pair of its sources, which must be files, so many times."""
    pairs_per_step: int = 64
    """Of a run in epochs; as many batches as it takes are read before the optimizer moves."""
    mixture: dict[str, float] = field(default_factory=dict)
    """Share of the pairs by source.

    The streams `calendar`, `weather`, `multi_tools`, `arithmetic`, `no_tool`; of data sets, `tara/TASK` and `gsm8k`;
    `rows/TASK` of the folder `rows`, and `redrawn/translator`, `redrawn/wikisearch`, the same with wrong answers drawn anew each time;
    `reading`, English questions on English texts, as the task translator asks them, and `reading/foreign`, in other languages;
    `worlds/translator`, `worlds/wikisearch`, one answer with the observation that makes it right, and with one that makes it wrong;
    `calls/wikisearch`, `calls/webgpt`, `calls/translator`, real questions of which only the call is learnt;
    `asked/wikisearch`, those with their paragraphs;
    `longform`, questions of the task webgpt with answers in prose;
    `data`, the files of that key. Of a run in epochs shares count nothing, but 0 leaves a source out.
    """
    tasks: tuple[str, ...] = ()
    """Only these tasks of the mixture: one tool's model."""
    data: tuple[str, ...] = ()
    """Preference files, JSON lines or Parquet, in TARA's form or TRL's; all there is, where no mixture is given."""
    margin: bool = False
    """The ranking loss asks for the difference of a pair's scores, which is the column `margin` where there is one."""
    rows: str | None = None
    """A folder made by `themis build`, such as `data/tara`: its train rows are `rows/TASK`, its test rows choose the best checkpoint."""
    rows_at_most: int = 0
    """Of the train rows of that folder only so many in all, in proportion over the tasks; 0 for all of them."""
    loss: LossWeights = field(default_factory=LossWeights)
    lora: Lora | None = None
    """Train adapters in place of all weights; the scalar head and the embeddings of new tokens are trained with them."""
    drill_steps: int = 0
    """Steps of nothing but copy drills at the start."""
    drill_share: float = 0.0
    """Share of drills among the later steps."""
    text_share: float = 0.0
    """Share of the drills that are running text of encyclopedias, each word to be foreseen; it counts as the loss `answer`."""
    swapped_rationales: float = 0.0
    """Share of pairs whose rationales are exchanged, and then no targets, so that a slip in one does not decide the reward."""
    forged_share: float = 0.04
    dropped_observations: float = 0.01
    warmup: float = 0.02
    """Share of the steps."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    weight_decay: float = 0.1
    adam_beta2: float = 0.95
    clip: float = 1.0
    bf16: bool = True
    compile: bool = False
    """Compile the layers, once for each of `lengths`; needs a C++ compiler on the CPU, and goes without where there is none."""
    workers: int = 1
    """Processes that make the batches of a run in steps, each its share of them; one keeps up with two CPU cores, eight with a GPU."""
    gradient_checkpointing: bool = False
    """Compute each layer again in the backward pass: a third more time, and the memory of one layer."""
    measure_every: int = 500
    """Steps between two measurements, each followed by a checkpoint."""
    measured_pairs: int = 256
    live_sample: int = 16
    """Pairs of the measured ones that are judged live, tools and all, to count valid calls; 0 for none."""
    report_to: tuple[str, ...] = ()
    """Trackers: tensorboard, wandb, trackio."""
    fsdp: dict[str, Any] = field(default_factory=dict)
    """Spread the weights over processes by PyTorch's FSDP2: transformers' `fsdp_config`, under `torchrun`."""
    deepspeed: str | None = None
    """A DeepSpeed configuration file, or `zero3` for the package's, under its launcher."""
