"""Memory and time that a run will need on one H100: the cost model of `docs/train.md`, in code.

Parameters are counted on a model without memory (PyTorch's meta device); bytes and operations follow from the
formulas below. No figure here was measured on a GPU. They help to choose a machine; they promise no hour.
"""

# Shapes:  P = parameters   L = layers   H = hidden width   I = width of the feed-forward layer   V = vocabulary
#          T = tokens read at once   C = tokens of a sequence

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from themis.errors import ConfigError
from themis.losses import LOGITS_AT_ONCE
from themis.model.adapters import add_lora
from themis.model.checkpoint import base_directory
from themis.model.named import at_hand, is_adapter, resolve
from themis.model.weights import reading
from themis.traces.text import SPECIAL_TOKENS
from themis.traces.token_row import TokenPair
from themis.training.backbones import configured
from themis.training.recipe import Backbone, Run, TrainRecipe, stages_of

H100_BYTES = 80e9
H100_OPERATIONS = 989e12
"""Dense bf16 operations a second, by NVIDIA's data sheet."""
UTILISATION = 0.4
"""The share of it that training reaches. Usually 0.35 to 0.5 is reported for decoders of this size."""
TARA_PAIRS, TARA_TOKENS = 13_604, 700
"""Pairs of the published train set, and tokens of a pair with both traces; used where there are no data to count."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Numbers of a run; memory in bytes."""

    parameters: int
    trained: int
    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    tokens: float
    operations: float

    @property
    def memory(self) -> float:
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits

    @property
    def hours(self) -> float:
        return self.operations / (H100_OPERATIONS * UTILISATION) / 3600

    @property
    def machines(self) -> int:
        """H100s over which weights, gradients and optimizer must be sharded, each with its own activations."""
        left = 0.9 * H100_BYTES - self.activations - self.logits
        return max(1, -int(-(self.weights + self.gradients + self.optimizer) // left)) if left > 0 else 0


def estimate(recipe: TrainRecipe, pairs: Sequence[TokenPair] = ()) -> Cost:
    """What `recipe` needs, its stages together. `pairs` are those that it would read, where they are known."""
    costs = [_of_one(stage.recipe, pairs) for stage in stages_of(recipe)] or [_of_one(recipe, pairs)]
    largest = max(costs, key=lambda cost: cost.memory)
    return replace(largest, tokens=sum(cost.tokens for cost in costs), operations=sum(cost.operations for cost in costs))


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model by which memory and operations are counted."""

    parameters: int
    trained: int
    layers: int
    hidden: int
    feed_forward: int
    vocabulary: int


def _of_one(recipe: TrainRecipe, pairs: Sequence[TokenPair]) -> Cost:
    run, shape = recipe.run, shape_of(recipe.kind, recipe.model)
    width = 2 if recipe.model.dtype == "bfloat16" else 4
    frozen = shape.parameters - shape.trained
    tokens = _tokens(recipe.kind, run, pairs)
    at_once = min(run.tokens_per_step, run.lengths[-1] * 2 * run.pairs_per_step)
    # One layer stores, in bf16: its input, queries, keys, values, the attention's result, two norms, and three
    # tensors of the feed-forward width.
    per_layer = at_once * 2 * (7 * shape.hidden + 3 * shape.feed_forward)
    stored = at_once * 2 * shape.hidden * shape.layers + per_layer if run.gradient_checkpointing else per_layer * shape.layers
    written = shape.vocabulary if recipe.kind == "themis" else 0
    return Cost(
        parameters=shape.parameters,
        trained=shape.trained,
        weights=float(width * frozen + 4 * shape.trained) + (2.0 * shape.parameters if width == 4 and run.bf16 else 0.0),
        gradients=4.0 * shape.trained,
        optimizer=(4.0 if run.optimizer == "muon" else 8.0) * shape.trained,
        activations=float(stored),
        logits=3 * 4.0 * min(at_once * written, LOGITS_AT_ONCE),
        tokens=tokens,
        operations=tokens * _operations(recipe, shape),
    )


def _operations(recipe: TrainRecipe, shape: Shape) -> float:
    """Operations for a token: 2 P forward, 2 P back to the states, 2 P to the trained weights; and attention."""
    embeddings = shape.vocabulary * shape.hidden * (1 if recipe.kind == "themis" else 2)
    attention = 2 * shape.layers * shape.hidden * recipe.run.lengths[-1] / 2
    forward = 2 * max(0, shape.parameters - embeddings) + attention
    backward = 2 * forward if recipe.model.lora is None else forward + 2 * shape.trained
    return float(forward + backward + (forward if recipe.run.gradient_checkpointing else 0))


def _tokens(kind: str, run: Run, pairs: Sequence[TokenPair]) -> float:
    if not run.epochs:
        return float(run.steps * run.tokens_per_step)
    if pairs:
        return float(run.epochs * sum(pair.cost(share=kind != "encoder") for pair in pairs))
    return float(run.epochs * TARA_PAIRS * TARA_TOKENS)


def shape_of(kind: str, backbone: Backbone) -> Shape:
    """Counted on the model without its weights, with its adapters."""
    made: Any = AutoModelForSequenceClassification if kind == "encoder" else AutoModelForCausalLM
    with torch.device("meta"):
        model: Any = made.from_config(_config(kind, backbone))
        if backbone.lora:
            add_lora(model, backbone.lora, backbone.name or "", new_tokens=range(len(SPECIAL_TOKENS)))
    config: Any = model.config.get_text_config()
    layers, hidden = int(config.num_hidden_layers), int(config.hidden_size)
    return Shape(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        trained=sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
        layers=layers,
        hidden=hidden,
        feed_forward=int(getattr(config, "intermediate_size", 4 * hidden)),
        vocabulary=int(config.vocab_size),
    )


def _config(kind: str, backbone: Backbone) -> Any:
    """Of the named model if it is on this machine; else what the recipe says of it."""
    labels = {"num_labels": 1} if kind == "encoder" else {}
    described = "model_type" in backbone.config
    if backbone.name is None:
        if not described:
            raise ConfigError("model: give `name` of a pretrained model, or `config` with its model_type")
        return configured(backbone.config, vocab_size=backbone.vocabulary, **labels)
    found = at_hand(backbone.name)
    if found is None and described:
        return configured(backbone.config, **labels)
    return _stored_config(found or resolve(backbone.name), labels)


def _stored_config(directory: Path, labels: Mapping[str, int]) -> Any:
    if is_adapter(directory):
        return _stored_config(base_directory(directory), labels)
    with reading(f"{directory} holds no configuration that transformers reads"):
        return AutoConfig.from_pretrained(directory, **labels)


def lines(recipe: TrainRecipe, cost: Cost) -> list[tuple[str, str]]:
    """The lines that `themis train RECIPE --dry-run` prints."""
    shown = [
        ("parameters", f"{cost.parameters:,}"),
        ("trained", f"{cost.trained:,} ({100 * cost.trained / cost.parameters:.1f} %)"),
        ("weights", size_text(cost.weights)),
        ("gradients", size_text(cost.gradients)),
        ("optimizer", size_text(cost.optimizer)),
        ("activations", f"{size_text(cost.activations)} for {recipe.run.tokens_per_step:,} tokens at once"),
        ("logits", size_text(cost.logits)),
        ("memory", f"{size_text(cost.memory)}: {_fits(cost)}"),
        ("tokens", f"{cost.tokens:,.0f} computed"),
        ("operations", f"{cost.operations:.3g}"),
        ("time", f"{_time(cost.hours)} on one H100 at {100 * UTILISATION:.0f} % of its bf16 peak"),
    ]
    return [(name, text) for name, text in shown if not text.startswith("0 B")]


def _fits(cost: Cost) -> str:
    if cost.machines == 0:
        return "no H100 holds the activations; lower tokens_per_step or set gradient_checkpointing=true"
    return "fits one H100" if cost.machines == 1 else f"needs {cost.machines} H100s (fsdp), or lora"


def size_text(count: float) -> str:
    """Bytes in words: `2.5 GB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"


def _time(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.0f} s"
