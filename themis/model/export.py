"""Export to models with a number at their last token, for programs that know nothing of Themis.

That is an `AutoModelForSequenceClassification` with one label, or a causal language model with a value head, as
LLaMA-Factory has it. Both read the text of a judgement up to and including `<|reward|>` and give the same reward, at
the last token that is not padding. So no judgement may end with the padding token, which is checked.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerBase

from themis.errors import ModelError
from themis.files import new_directory
from themis.model.checkpoint import ModelMeta, let_read, load_model, save_model
from themis.model.forms import writer_of
from themis.traces.text import RATIONALE, REWARD, SPECIAL_TOKENS

VALUE_HEAD_FILE = "value_head.safetensors"
_MEANING = {
    RATIONALE: "It stops where the judge has called no tool, so this is the reward of a judge without tools (`themis score "
    "--tool-calls 0 --rationale skip`). With a trace in its place, up to and including `<|reward|>`, the reward is the judge's own.",
    REWARD: "The reward is that of `themis score`.",
}


def export_classifier(name: str | Path, out: Path, dtype: torch.dtype | None = None) -> Path:
    """Write model `name` as a sequence classifier into `out`, in float32 unless `dtype` is another; returns `out`."""
    with new_directory(out):
        classifier, tokenizer, meta = _classifier(name, dtype)
        if meta.form == "plain":
            _explain(out, "classifier.md", Path(name).name, tokenizer, meta)
        classifier.save_pretrained(out)
        tokenizer.save_pretrained(out)
        let_read(out)
    return out


def export_value_head(name: str | Path, out: Path, dtype: torch.dtype | None = None) -> Path:
    """Write model `name` as a causal language model with `value_head.safetensors` into `out`; returns `out`.

    The value is the hidden state times `v_head.summary.weight` ([1, width], float32) plus `v_head.summary.bias` ([1]),
    which is zero.
    Source: `load_valuehead_params` of LLaMA-Factory, and TRL's `ValueHead`, which LLaMA-Factory loads them into.
    """
    with new_directory(out):
        model, tokenizer, meta = load_model(name, dtype or torch.float32)
        _check_padding(name, tokenizer)
        if meta.form == "plain":
            _explain(out, "value_head.md", Path(name).name, tokenizer, meta)
        model.lm.save_pretrained(out)
        tokenizer.save_pretrained(out)
        weight = model.score.weight.detach().float().contiguous().cpu()
        save_file({"v_head.summary.weight": weight, "v_head.summary.bias": torch.zeros(1)}, out / VALUE_HEAD_FILE)
        let_read(out)
    return out


def _check_padding(name: str | Path, tokenizer: PreTrainedTokenizerBase) -> None:
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id == tokenizer.convert_tokens_to_ids(REWARD):
        raise ModelError(f"the tokenizer of '{name}' needs a padding token of its own to be exported")


def _explain(out: Path, usage: str, name: str, tokenizer: PreTrainedTokenizerBase, meta: ModelMeta) -> None:
    """A chat template that writes the model's own form, and a README that says what the reward means."""
    ending = REWARD if meta.kind == "vanilla" else RATIONALE
    template = resources.files(__package__).joinpath("exported", "template.jinja").read_text(encoding="utf-8")
    opening = str(tokenizer.decode(writer_of(meta, tokenizer).opening))
    tokenizer.chat_template = template.replace("OPENING", opening).replace("ENDING", ending)
    slots = {"name": name, "kind": meta.kind, "ending": ending, "tokens": "`, `".join(SPECIAL_TOKENS), "meaning": _MEANING[ending]}
    pages = [resources.files(__package__).joinpath("exported", page).read_text(encoding="utf-8") for page in (usage, "form.md")]
    text = "\n".join(pages)
    for slot, filling in slots.items():
        text = text.replace("{" + slot + "}", filling)
    (out / "README.md").write_text(text, encoding="utf-8")


def _classifier(name: str | Path, dtype: torch.dtype | None) -> tuple[Any, PreTrainedTokenizerBase, ModelMeta]:
    dtype = dtype or torch.float32  # the judge computes the reward in float32, and a classifier has one dtype for all
    model, tokenizer, meta = load_model(name, dtype)
    _check_padding(name, tokenizer)
    config = AutoConfig.for_model(**{**model.config.to_dict(), "num_labels": 1, "pad_token_id": tokenizer.pad_token_id})
    try:
        classifier = AutoModelForSequenceClassification.from_config(config, dtype=dtype)
    except ValueError as error:
        raise ModelError(f"transformers has no sequence classifier for {model.config.model_type}") from error
    classifier.base_model.load_state_dict(model.lm.base_model.state_dict())
    head = next(
        (getattr(classifier, part) for part in ("score", "classifier") if isinstance(getattr(classifier, part, None), torch.nn.Linear)),
        None,
    )
    if head is None or head.bias is not None:
        raise ModelError(f"the sequence classifier of {model.config.model_type} has no linear head without bias to put our reward into")
    head.load_state_dict(model.score.state_dict())
    return classifier, tokenizer, meta


def export_merged(name: str | Path, out: Path, dtype: torch.dtype | None = None) -> Path:
    """Write model `name` as a whole Themis model into `out`, adapters merged into its weights; returns `out`."""
    with new_directory(out):
        model, tokenizer, meta = load_model(name, dtype)
        save_model(out, model, tokenizer, meta, dtype)
    return out
