"""The encoder reward model: any `AutoModelForSequenceClassification` with one label, read as the reward of a case.

It has no trace, no tool, and none of our special tokens. Question and answer are encoded apart with special tokens
disabled, and joined by the backbone's own marks, so no answer can write a separator. A case is never cut.
Source: the Bert-Large baseline of Tool-Augmented Reward Modeling, arXiv:2310.01045, section 4.1.
"""

# Shapes:  S = cases in the batch   T = tokens, padded

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from themis.errors import ModelError
from themis.model.checkpoint import ModelMeta, let_read, write_meta
from themis.model.named import resolve
from themis.model.weights import read_weights, reading
from themis.traces.case import Case


@dataclass(frozen=True, slots=True)
class Written:
    """A case as tokens, and where its answer begins."""

    token_ids: list[int]
    answer_at: int


class CaseWriter:
    """Turns cases into tokens of one encoder."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if tokenizer.pad_token_id is None:
            raise ModelError("the tokenizer has no padding token, which an encoder's batches need")
        self._tokenizer = tokenizer
        self.pad_id = int(tokenizer.pad_token_id)
        self.has_types = "token_type_ids" in tokenizer.model_input_names
        opening = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
        closing = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
        self._opening, self._closing = ([] if mark is None else [int(mark)] for mark in (opening, closing))

    def __call__(self, case: Case) -> Written:
        """`[CLS] context and question [SEP] answer [SEP]`."""
        context = f"{case.context}\n" if case.context else ""
        asked = [*self._opening, *self._encode(context + case.question_text), *self._closing]
        return Written([*asked, *self._encode(case.answer), *self._closing], len(asked))

    def _encode(self, text: str) -> list[int]:
        spelled = text.encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer(spelled, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def batch(self, written: Sequence[Written]) -> dict[str, Tensor]:
        """The tensors of several cases, padded on the right."""
        longest = max(len(case.token_ids) for case in written)
        ids_ST = torch.full((len(written), longest), self.pad_id)
        mask_ST, types_ST = torch.zeros_like(ids_ST), torch.zeros_like(ids_ST)
        for row, case in enumerate(written):
            ids_ST[row, : len(case.token_ids)] = torch.tensor(case.token_ids)
            mask_ST[row, : len(case.token_ids)] = 1
            types_ST[row, case.answer_at : len(case.token_ids)] = 1
        return {"token_ids": ids_ST, "attention_mask": mask_ST} | ({"token_type_ids": types_ST} if self.has_types else {})


class EncoderRewardModel(nn.Module):
    """A sequence classifier with one label."""

    def __init__(self, classifier: PreTrainedModel) -> None:
        super().__init__()
        if classifier.config.num_labels != 1:
            raise ModelError(f"an encoder reward model has one label, this one {classifier.config.num_labels}")
        self.classifier = classifier

    @property
    def context_length(self) -> int:
        """The most tokens that a case may have."""
        longest = int(self.classifier.config.max_position_embeddings)
        # RoBERTa and its kin count positions from behind the padding token's.
        offset = self.classifier.config.pad_token_id + 1 if self.classifier.config.model_type in _COUNT_FROM_PADDING else 0
        return longest - offset

    def forward(self, token_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """Rewards [S] in float32."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        logits = self.classifier(input_ids=token_ids, attention_mask=attention_mask, **types).logits
        return cast(Tensor, logits)[:, 0].float()


_COUNT_FROM_PADDING = ("roberta", "xlm-roberta", "camembert")


def new_encoder(name: str) -> tuple[EncoderRewardModel, PreTrainedTokenizerBase]:
    """A pretrained encoder with a new, untrained head of one label."""
    path = resolve(name)
    with reading(f"the backbone '{name}' cannot be read as a sequence classifier"):
        tokenizer = AutoTokenizer.from_pretrained(path)
        classifier = read_weights(AutoModelForSequenceClassification, path, backbone=True, num_labels=1, dtype=torch.float32)
        if not torch.cuda.is_available():
            # For attention with dropout PyTorch has no fused CPU kernel; its fallback is slower than eager attention.
            classifier.set_attn_implementation("eager")
    return EncoderRewardModel(classifier), tokenizer


def save_encoder(
    directory: Path,
    model: EncoderRewardModel,
    tokenizer: PreTrainedTokenizerBase,
    meta: ModelMeta,
    state: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a directory that `AutoModelForSequenceClassification` loads, and `themis.json`."""
    whole: Mapping[str, Any] = model.state_dict() if state is None else state
    # The names begin with our own attribute `classifier`; BERT's head of the same name comes after it.
    own = {name.removeprefix("classifier."): tensor.contiguous() for name, tensor in whole.items()}
    model.classifier.save_pretrained(directory, state_dict=own)
    tokenizer.save_pretrained(directory)
    let_read(directory)
    write_meta(directory, meta)


def read_encoder(directory: Path) -> tuple[EncoderRewardModel, PreTrainedTokenizerBase]:
    """The encoder reward model in a directory, and its tokenizer."""
    with reading(f"the model in {directory} cannot be read, it may be cut off or incomplete"):
        classifier = read_weights(AutoModelForSequenceClassification, directory, dtype=torch.float32)
        return EncoderRewardModel(classifier), AutoTokenizer.from_pretrained(directory)
