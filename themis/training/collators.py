"""Pairs to batches and batches to losses, for each kind of reward model.

A form makes a couple of numbered sequences from a pair, and tensors from couples; a learner holds the model,
and says what a batch costs, how well it does and how it is written down. Nothing here knows of the Trainer.
"""

# Shapes:  S = sequences (the chosen answers first, then the rejected ones)   T = tokens, padded   K = 2 reward indices
#          X = what a state's place is made of: [S, T] padded, [1, N] joined

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedTokenizerBase

from themis.losses import LossWeights, centring_loss, language_model_losses, ranking_loss, tara_loss
from themis.model.adapters import has_adapters, put_adapters, stored_adapters
from themis.model.baselines import CaseWriter, EncoderRewardModel, Written, save_encoder
from themis.model.checkpoint import ModelMeta, load_score, save_model
from themis.model.packed import Rows
from themis.model.reward_model import RewardModel
from themis.traces.pair import Pair
from themis.traces.token_row import NO_TARGET, Numbered
from themis.training.batches.steps import Encoder, collate, fixed_batches
from themis.training.metrics import pair_accuracy
from themis.training.packing import Couple, bins, like_lengths, pack

Terms = dict[str, Tensor]


class Form(Protocol):
    """From pairs to tensors; holds no weights, so that another process can do it."""

    def couple(self, pair: Pair, swapped: bool = False) -> Couple:
        """A pair as numbers."""

    def plan(self, couples: Sequence[Couple], most: int, multiple: int) -> list[list[int]]:
        """Which couples are read together: their places in batches of about `most` computed tokens, as many as a multiple of `multiple`."""

    def batch(self, couples: Sequence[Couple]) -> dict[str, Any]:
        """The tensors of several couples."""


@dataclass(frozen=True, slots=True)
class CausalForm:
    """For a causal language model: joined without padding where the backbone allows it, else padded on the right."""

    encoder: Encoder
    pad_id: int
    packed: bool = True
    margin: bool = False

    def couple(self, pair: Pair, swapped: bool = False) -> Couple:
        margin = pair.chosen.score - pair.rejected.score if self.margin else 0.0
        return Couple(*self.encoder.pair(pair, swapped), margin)

    def plan(self, couples: Sequence[Couple], most: int, multiple: int) -> list[list[int]]:
        if self.packed:
            return bins([couple.cost(share=True) for couple in couples], most, multiple)
        return like_lengths([couple.longest for couple in couples], most, multiple)

    def batch(self, couples: Sequence[Couple]) -> dict[str, Any]:
        if self.packed:
            return pack(couples)
        sides = [couple.chosen for couple in couples] + [couple.rejected for couple in couples]
        longest = max(couple.longest for couple in couples)
        margin = torch.tensor([couple.margin for couple in couples])
        return {**collate(sides, longest, self.pad_id), "margin": margin}


@dataclass(frozen=True, slots=True)
class EncoderForm:
    """For a sequence classifier. An early index is the place where the answer begins; nothing is a target."""

    writer: CaseWriter
    margin: bool = False

    def couple(self, pair: Pair, swapped: bool = False) -> Couple:
        del swapped
        margin = pair.chosen.score - pair.rejected.score if self.margin else 0.0
        return Couple(self._numbered(self.writer(pair.chosen_case)), self._numbered(self.writer(pair.rejected_case)), margin)

    def plan(self, couples: Sequence[Couple], most: int, multiple: int) -> list[list[int]]:
        return like_lengths([couple.longest for couple in couples], most, multiple)

    def batch(self, couples: Sequence[Couple]) -> dict[str, Any]:
        sides = [couple.chosen for couple in couples] + [couple.rejected for couple in couples]
        written = [Written(side.token_ids, side.early_index) for side in sides]
        return {**self.writer.batch(written), "margin": torch.tensor([couple.margin for couple in couples])}

    def _numbered(self, written: Written) -> Numbered:
        length = len(written.token_ids)
        return Numbered(written.token_ids, [NO_TARGET] * length, written.answer_at, length - 1)


class Learner(Protocol):
    """A model, and all that its training asks of it."""

    model: Any
    tokenizer: PreTrainedTokenizerBase

    @property
    def form(self) -> Form: ...
    def loss(self, model: nn.Module, batch: Mapping[str, Any]) -> tuple[Tensor, Terms]:
        """The loss of a batch, by way of `model`, which may be wrapped; and its terms."""

    def measure(self, pairs: Sequence[Pair]) -> dict[str, float]:
        """How well it tells the pairs apart."""

    def early_rewards(self, pairs: Sequence[Pair]) -> Tensor:
        """The rewards of all answers, as a judge would first read them."""

    def save(self, directory: Path, meta: ModelMeta, dtype: torch.dtype | None = None, state: Mapping[str, Tensor] | None = None) -> None:
        """Write a model directory."""

    def load(self, directory: Path) -> None:
        """The weights of a directory that `save` wrote."""

    def stored(self, directory: Path) -> dict[str, Tensor]:
        """The same as tensors by name, for a model that is spread over machines."""


class CausalLearner:
    """Themis itself and the vanilla reward model."""

    def __init__(
        self, model: RewardModel, tokenizer: PreTrainedTokenizerBase, form: CausalForm, weights: LossWeights, longest: int
    ) -> None:
        self.model, self.tokenizer, self.form, self._weights, self._longest = model, tokenizer, form, weights, longest

    def loss(self, model: nn.Module, batch: Mapping[str, Any]) -> tuple[Tensor, Terms]:
        reward_model = self.model
        then = lambda hidden: loss_terms(reward_model, hidden, batch, self._weights)  # noqa: E731
        found: tuple[Tensor, Terms] = model(batch["token_ids"], **_joined(batch), then=then)
        return found

    def measure(self, pairs: Sequence[Pair]) -> dict[str, float]:
        return pair_accuracy(self.model, self.form.encoder, pairs, self._longest, self.form.pad_id)

    @torch.no_grad()
    def early_rewards(self, pairs: Sequence[Pair]) -> Tensor:
        found = []
        for _, batch in fixed_batches(self.form.encoder, pairs, self._longest, self.form.pad_id):
            placed = {name: tensor.to(self.model.score.weight.device) for name, tensor in batch.items()}
            index_SK = placed["reward_index"]
            rewards = self.model(placed["token_ids"], then=lambda hidden, index_SK=index_SK: self.model.rewards_at(hidden, index_SK))
            found.append(rewards[:, 0].float().cpu())
        return torch.cat(found) if found else torch.zeros(0)

    def save(self, directory: Path, meta: ModelMeta, dtype: torch.dtype | None = None, state: Mapping[str, Tensor] | None = None) -> None:
        save_model(directory, self.model, self.tokenizer, meta, dtype, state)

    def load(self, directory: Path) -> None:
        if has_adapters(self.model.lm):
            put_adapters(self.model.lm, directory)
        else:
            stored = AutoModelForCausalLM.from_pretrained(directory, dtype=self.model.lm.dtype)
            self.model.lm.load_state_dict(stored.state_dict())
        load_score(self.model, directory)

    def stored(self, directory: Path) -> dict[str, Tensor]:
        if has_adapters(self.model.lm):
            lm = stored_adapters(directory)
        else:
            lm = AutoModelForCausalLM.from_pretrained(directory, dtype=self.model.lm.dtype).state_dict()
        score = load_file(directory / "score.safetensors")["weight"]
        return {f"lm.{name}": tensor for name, tensor in lm.items()} | {"score.weight": score}


class EncoderLearner:
    """The encoder reward model."""

    def __init__(
        self, model: EncoderRewardModel, tokenizer: PreTrainedTokenizerBase, form: EncoderForm, weights: LossWeights, longest: int
    ) -> None:
        self.model, self.tokenizer, self.form, self._weights, self._longest = model, tokenizer, form, weights, longest

    def loss(self, model: nn.Module, batch: Mapping[str, Any]) -> tuple[Tensor, Terms]:
        chosen_B, rejected_B = model(**_read(batch)).chunk(2)
        ranking, terms = _ranking(chosen_B[:, None], rejected_B[:, None], batch, self._weights)
        return ranking, terms

    def measure(self, pairs: Sequence[Pair]) -> dict[str, float]:
        chosen, rejected = self.early_rewards(pairs).chunk(2)
        return {"accuracy": float((chosen > rejected).sum()) / max(1, len(pairs))}

    @torch.no_grad()
    def early_rewards(self, pairs: Sequence[Pair]) -> Tensor:
        couples = sorted((self.form.couple(pair) for pair in pairs), key=lambda couple: couple.longest)
        couples = [couple for couple in couples if couple.longest <= self._longest]
        device = next(self.model.parameters()).device
        sides: list[Tensor] = []
        for start in range(0, len(couples), 16):
            batch = _read(self.form.batch(couples[start : start + 16]))
            sides.append(self.model(**{name: tensor.to(device) for name, tensor in batch.items()}).cpu().view(2, -1))
        return torch.cat(sides, 1).flatten() if sides else torch.zeros(0)

    def save(self, directory: Path, meta: ModelMeta, dtype: torch.dtype | None = None, state: Mapping[str, Tensor] | None = None) -> None:
        del dtype
        save_encoder(directory, self.model, self.tokenizer, meta, state)

    def load(self, directory: Path) -> None:
        self.model.load_state_dict(self.stored(directory))

    def stored(self, directory: Path) -> dict[str, Tensor]:
        classifier = AutoModelForSequenceClassification.from_pretrained(directory, dtype=torch.float32)
        return {f"classifier.{name}": tensor for name, tensor in classifier.state_dict().items()}


def loss_terms(model: RewardModel, hidden: Tensor, batch: Mapping[str, Any], weights: LossWeights) -> tuple[Tensor, Terms]:
    """The loss of a batch and each of its terms, from the last hidden states, joined or padded.

    A batch that is a part of a step says how many pairs and targets the whole step has: the parts' losses add up to the step's.
    """
    zero = hidden.new_zeros((), dtype=torch.float32)
    terms: Terms = {}
    ranking = early = zero
    if len(batch["reward_index"]):
        chosen_BK, rejected_BK = _rewards(model, hidden, batch).chunk(2)
        ranking, terms = _ranking(chosen_BK, rejected_BK, batch, weights)
        early = _share(batch, len(chosen_BK)) * ranking_loss(chosen_BK[:, 0], rejected_BK[:, 0], _margin(batch))
        terms["early"] = early
    if weights.alpha == 0:
        return tara_loss(ranking, early, {}, weights), terms
    language = language_model_losses(model.lm_logits, *_targets(hidden, batch), batch.get("targets"))
    return tara_loss(ranking, early, language, weights), terms | language


def _rewards(model: RewardModel, hidden: Tensor, batch: Mapping[str, Any]) -> Tensor:
    """[S, K]"""
    if "groups" in batch or "branch" in batch:
        return model.reward(hidden.flatten(0, 1)[batch["reward_index"]])
    return model.rewards_at(hidden, batch["reward_index"])


def _targets(hidden: Tensor, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """The states that predict a target, the targets, and their kinds."""
    if "groups" in batch:
        return hidden[0].index_select(0, batch["target_state"]), batch["target_ids"], batch["target_kinds"]
    # The state before a token predicts it.
    kinds_ST = batch["kinds"][:, 1:]
    at = kinds_ST != NO_TARGET
    return hidden[:, :-1][at], batch["token_ids"][:, 1:][at], kinds_ST[at]


def _ranking(chosen_BK: Tensor, rejected_BK: Tensor, batch: Mapping[str, Any], weights: LossWeights) -> tuple[Tensor, Terms]:
    """The ranking loss of the final rewards, centred where that is asked for, and what a run shows of them."""
    share = _share(batch, len(chosen_BK))
    chosen_B, rejected_B = chosen_BK[:, -1], rejected_BK[:, -1]
    ranking = share * ranking_loss(chosen_B, rejected_B, _margin(batch))
    with torch.no_grad():
        terms = {
            "ranking": ranking.detach(),
            "accuracy": share * (chosen_B > rejected_B).float().mean(),
            "margin": share * (chosen_B - rejected_B).float().mean(),
            "chosen": share * chosen_B.float().mean(),
            "rejected": share * rejected_B.float().mean(),
        }
    if weights.centre:
        centre = share * centring_loss(chosen_B, rejected_B)
        return ranking + weights.centre * centre, terms | {"centre": centre.detach()}
    return ranking, terms


def _share(batch: Mapping[str, Any], pairs: int) -> float | Tensor:
    """The part of its step's pairs that a batch holds."""
    return pairs / batch["pairs"] if "pairs" in batch else 1.0


def _margin(batch: Mapping[str, Any]) -> Tensor | None:
    return batch.get("margin")


def _joined(batch: Mapping[str, Any]) -> dict[str, Any]:
    if "branch" in batch:
        return {"branch": batch["branch"], "position_ids": batch["position_ids"]}
    if "groups" not in batch:
        return {}
    return {"rows": Rows(batch["groups"], batch["owner"]), "position_ids": batch["position_ids"]}


def _read(batch: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: batch[name] for name in ("token_ids", "attention_mask", "token_type_ids") if name in batch}
