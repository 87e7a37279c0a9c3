"""The mean of several models' weights. It is often better than any of them where one was initialised from another.

Source: Model soups, arXiv:2203.05482.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from transformers import PreTrainedTokenizerBase

from themis.errors import ConfigError, ModelError
from themis.files import new_directory
from themis.model.checkpoint import ModelMeta, load_model, save_model
from themis.model.reward_model import RewardModel

_ONLY = "average only runs that were initialised from one another"


def average(names: Sequence[str], out: Path) -> Path:
    """Write the mean of models of one kind, shape and vocabulary into `out`, in the dtype of the first; returns `out`.

    Raises `ModelError` if two models do not fit, `ConfigError` if there is only one or if `out` holds files.
    """
    if len(names) < 2:
        raise ConfigError("a mean needs two models or more: give their directories")
    with new_directory(out):
        model, tokenizer, meta = mean_of(names)
        training = {"mean_of": [Path(name).name for name in names], **meta.training}
        save_model(out, model, tokenizer, replace(meta, training=training), model.lm.dtype)
    return out


def mean_of(names: Sequence[str | Path]) -> tuple[RewardModel, PreTrainedTokenizerBase, ModelMeta]:
    """The mean of models, the tokenizer of the first, the meta data of all. Raises `ModelError` if two do not fit."""
    first, tokenizer, meta = load_model(names[0])
    total = {key: tensor.double() for key, tensor in first.state_dict().items()}
    metas = [meta]
    for name in names[1:]:
        model, its_tokenizer, its_meta = load_model(name)
        state = model.state_dict()
        if its_tokenizer.get_vocab() != tokenizer.get_vocab():
            raise ModelError(f"{names[0]} and {name} have different vocabularies: {_ONLY}")
        if {key: tensor.shape for key, tensor in state.items()} != {key: tensor.shape for key, tensor in total.items()}:
            raise ModelError(f"{names[0]} and {name} have different shapes: {_ONLY}")
        if (its_meta.kind, its_meta.form) != (meta.kind, meta.form):
            raise ModelError(
                f"{names[0]} is of kind '{meta.kind}', form '{meta.form}', and {name} of '{its_meta.kind}', '{its_meta.form}': {_ONLY}"
            )
        total = {key: tensor + state[key].double() for key, tensor in total.items()}
        metas.append(its_meta)
    if broken := [key for key, tensor in total.items() if not tensor.isfinite().all()]:
        raise ModelError(f"one of {', '.join(map(str, names))} holds values that are not finite, in {broken[0]}: leave it out")
    stored = first.lm.dtype
    first.float().load_state_dict({key: (tensor / len(names)).float() for key, tensor in total.items()})
    cast(Any, first.lm).to(stored)
    return first, tokenizer, _of_all(metas)


def _of_all(metas: Sequence[ModelMeta]) -> ModelMeta:
    """The tools of all, the mean of their reward statistics, and no fitted temperature."""
    return replace(
        metas[-1],
        tools=tuple(sorted({tool for meta in metas for tool in meta.tools})),
        reward_mean=fmean(meta.reward_mean for meta in metas),
        reward_std=fmean(meta.reward_std for meta in metas),
        temperature=1.0,
    )
