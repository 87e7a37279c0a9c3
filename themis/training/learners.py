"""A reward model with its losses, as the trainer sees it: what a batch costs, how well it does, how it is saved.

Knows nothing of the Trainer or of recipes.
"""

# Shapes:  S = judgements (the chosen ones first, then the rejected ones)   P = pairs   H = hidden width
#          K = 2 rewards of a judgement: the early one and the final one
#          Y, X = rows and tokens of a layout

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedTokenizerBase

from themis.hyperparameters import LossWeights
from themis.losses import centring_loss, language_model_losses, ranking_loss, tara_loss
from themis.model.adapters import has_adapters, put_adapters, stored_adapters
from themis.model.checkpoint import ModelMeta, load_score, save_model
from themis.model.encoder import EncoderRewardModel, save_encoder
from themis.model.reward_model import RewardModel
from themis.model.weights import read_weights
from themis.traces.pair import Pair
from themis.training.batches.layouts import Batch, Layout, Masked
from themis.training.collators import CausalCollator, Collator, EncoderCollator
from themis.training.metrics import SIZE, measured_batches, pair_accuracy

Terms = dict[str, Tensor]


class Learner(Protocol):
    """A model, and all that its training asks of it."""

    model: Any
    tokenizer: PreTrainedTokenizerBase

    @property
    def collator(self) -> Collator: ...
    def loss(self, model: nn.Module, batch: Batch[Any]) -> tuple[Tensor, Terms]:
        """The loss of a batch and its terms. The batch is read by `model`, which may wrap the model."""

    def measure(self, pairs: Sequence[Pair]) -> dict[str, float]:
        """How well it tells the pairs apart."""

    def early_rewards(self, pairs: Sequence[Pair]) -> Tensor:
        """The rewards of all answers, as a judge would first read them."""

    def save(self, directory: Path, meta: ModelMeta, dtype: torch.dtype | None = None, state: Mapping[str, Tensor] | None = None) -> None:
        """Write a model directory."""

    def load(self, directory: Path) -> None:
        """The weights of a directory that `save` wrote."""

    def stored(self, directory: Path) -> dict[str, Tensor]:
        """The same weights as tensors by name, for a sharded model."""


class CausalLearner:
    """The Themis model and the vanilla reward model."""

    def __init__(
        self, model: RewardModel, tokenizer: PreTrainedTokenizerBase, collator: CausalCollator, weights: LossWeights, longest: int
    ) -> None:
        self.model, self.tokenizer, self.collator, self._weights, self._longest = model, tokenizer, collator, weights, longest

    def loss(self, model: nn.Module, batch: Batch[Layout]) -> tuple[Tensor, Terms]:
        found: tuple[Tensor, Terms] = batch.layout.read(model, partial(loss_terms, self.model, batch, self._weights))
        return found

    def measure(self, pairs: Sequence[Pair]) -> dict[str, float]:
        return pair_accuracy(self.model, self.collator.encoder, pairs, self._longest, self.collator.pad_id)

    @torch.no_grad()
    def early_rewards(self, pairs: Sequence[Pair]) -> Tensor:
        device = self.model.score.weight.device
        found = []
        for padded in measured_batches(self.collator.encoder, pairs, self._longest, self.collator.pad_id):
            layout = padded.to(device)
            rewards_SK = layout.read(self.model, partial(layout.rewards, self.model))
            found.append(rewards_SK[:, 0].float().cpu())
        return torch.cat(found) if found else torch.zeros(0)

    def save(self, directory: Path, meta: ModelMeta, dtype: torch.dtype | None = None, state: Mapping[str, Tensor] | None = None) -> None:
        save_model(directory, self.model, self.tokenizer, meta, dtype, state)

    def load(self, directory: Path) -> None:
        if has_adapters(self.model.lm):
            put_adapters(self.model.lm, directory)
        else:
            stored = read_weights(AutoModelForCausalLM, directory, dtype=self.model.lm.dtype)
            self.model.lm.load_state_dict(stored.state_dict())
        load_score(self.model, directory)

    def stored(self, directory: Path) -> dict[str, Tensor]:
        if has_adapters(self.model.lm):
            lm = stored_adapters(directory, self.model.lm)
        else:
            lm = read_weights(AutoModelForCausalLM, directory, dtype=self.model.lm.dtype).state_dict()
        score = load_file(directory / "score.safetensors")["weight"]
        return {f"lm.{name}": tensor for name, tensor in lm.items()} | {"score.weight": score}


class EncoderLearner:
    """The encoder reward model."""

    def __init__(
        self, model: EncoderRewardModel, tokenizer: PreTrainedTokenizerBase, collator: EncoderCollator, weights: LossWeights, longest: int
    ) -> None:
        self.model, self.tokenizer, self.collator, self._weights, self._longest = model, tokenizer, collator, weights, longest

    def loss(self, model: nn.Module, batch: Batch[Masked]) -> tuple[Tensor, Terms]:
        chosen_P, rejected_P = batch.layout.read(model).chunk(2)
        return _ranking(chosen_P, rejected_P, batch, self._weights)

    def measure(self, pairs: Sequence[Pair]) -> dict[str, float]:
        chosen, rejected = self.early_rewards(pairs).chunk(2)
        return {"accuracy": float((chosen > rejected).sum()) / max(1, len(pairs))}

    @torch.no_grad()
    def early_rewards(self, pairs: Sequence[Pair]) -> Tensor:
        encoded = sorted((self.collator.encode(pair) for pair in pairs), key=lambda pair: pair.longest)
        fitting = [pair for pair in encoded if pair.longest <= self._longest]
        device = next(self.model.parameters()).device
        sides: list[Tensor] = []
        for start in range(0, len(fitting), SIZE):
            layout = Masked.of_pairs(fitting[start : start + SIZE], self.collator.writer).to(device)
            sides.append(layout.read(self.model).cpu().view(2, -1))
        return torch.cat(sides, 1).flatten() if sides else torch.zeros(0)

    def save(self, directory: Path, meta: ModelMeta, dtype: torch.dtype | None = None, state: Mapping[str, Tensor] | None = None) -> None:
        del dtype
        save_encoder(directory, self.model, self.tokenizer, meta, state)

    def load(self, directory: Path) -> None:
        self.model.load_state_dict(self.stored(directory))

    def stored(self, directory: Path) -> dict[str, Tensor]:
        classifier = read_weights(AutoModelForSequenceClassification, directory, dtype=torch.float32)
        return {f"classifier.{name}": tensor for name, tensor in classifier.state_dict().items()}


def loss_terms(model: RewardModel, batch: Batch[Layout], weights: LossWeights, hidden_YXH: Tensor) -> tuple[Tensor, Terms]:
    """The loss of a batch and each of its terms, from the last hidden states of its layout."""
    ranking = early = hidden_YXH.new_zeros((), dtype=torch.float32)
    terms: Terms = {}
    if len(batch.layout.reward_place_SK):
        chosen_PK, rejected_PK = batch.layout.rewards(model, hidden_YXH).chunk(2)
        ranking, terms = _ranking(chosen_PK[:, 1], rejected_PK[:, 1], batch, weights)
        early = _share(batch, len(chosen_PK)) * ranking_loss(chosen_PK[:, 0], rejected_PK[:, 0], batch.margin_P)
        terms["early"] = early
    if weights.alpha == 0:
        return tara_loss(ranking, early, {}, weights), terms
    count = batch.totals.targets if batch.totals else None
    language = language_model_losses(model.lm_logits, *batch.layout.targets(hidden_YXH), count)
    return tara_loss(ranking, early, language, weights), terms | language


def _ranking(chosen_P: Tensor, rejected_P: Tensor, batch: Batch[Any], weights: LossWeights) -> tuple[Tensor, Terms]:
    """The ranking loss of the final rewards, centred if the weights ask for it, and what the log shows of them."""
    share = _share(batch, len(chosen_P))
    ranking = share * ranking_loss(chosen_P, rejected_P, batch.margin_P)
    with torch.no_grad():
        terms = {
            "ranking": ranking.detach(),
            "accuracy": share * (chosen_P > rejected_P).float().mean(),
            "margin": share * (chosen_P - rejected_P).float().mean(),
            "chosen": share * chosen_P.float().mean(),
            "rejected": share * rejected_P.float().mean(),
        }
    if weights.centre:
        centre = share * centring_loss(chosen_P, rejected_P)
        return ranking + weights.centre * centre, terms | {"centre": centre.detach()}
    return ranking, terms


def _share(batch: Batch[Any], pairs: int) -> float:
    """Which part of the pairs of its step a batch holds."""
    return pairs / batch.totals.pairs if batch.totals else 1.0
