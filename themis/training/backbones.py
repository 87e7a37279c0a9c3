"""The model and the tokenizer that a recipe names, checked before any long work starts."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from themis.data.mixture import Mixture
from themis.errors import ConfigError, ModelError
from themis.model.adapters import add_lora, added_tokens, fit_embeddings, have_shape, put_adapters
from themis.model.checkpoint import ModelMeta, base_directory, load_meta, load_model, load_score, prepare_tokenizer
from themis.model.encoder import CaseWriter, new_encoder
from themis.model.forms import writer_of
from themis.model.known import directory_of, names_gguf
from themis.model.named import base_of, is_adapter, is_themis_model, resolve
from themis.model.new_tokens import begin_rows
from themis.model.precision import has_bf16
from themis.model.reward_model import RewardModel
from themis.model.tokenizer import train_tokenizer
from themis.model.weights import first_line, read_weights, reading
from themis.traces import Trace
from themis.traces.segments import SegmentWriter
from themis.traces.text import observation_text, rationale_text, step_text
from themis.training.batches.encode import PairEncoder
from themis.training.collators import CausalCollator, EncoderCollator
from themis.training.learners import CausalLearner, EncoderLearner, Learner
from themis.training.recipe import Backbone, TrainRecipe

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_Read = tuple[RewardModel, PreTrainedTokenizerBase, Sequence[int]]
"""A model, its tokenizer, and the ids of the tokens that were added to it."""


def make_learner(recipe: TrainRecipe, mixture: Mixture, tools: tuple[str, ...], kept: Path, notice: Callable[[str], None]) -> Learner:
    """The model of the recipe with its losses.

    A tokenizer that is trained for it is written to `kept`, where a resumed run reads it.
    """
    if recipe.kind == "encoder":
        return _encoder(recipe)
    run, backbone = recipe.run, recipe.model
    begun = _same_adapters(backbone)
    if begun:
        model, tokenizer, added = _base_of_adapters(begun, backbone)
    else:
        model, tokenizer, added = _language_model(backbone, lambda: _tokenizer_texts(run.seed, mixture), kept)
    if not model.is_causal():
        name = backbone.name or "of model.config"
        raise ModelError(f"the backbone {name} ({model.config.model_type}) is not a causal language model; try kind=encoder")
    _check_length(run.lengths[-1], _most_tokens(model.config))
    if backbone.lora:
        if backbone.name is None:
            raise ConfigError("model.lora: adapters need a pretrained backbone; give model.name")
        # Adapters are also read from elsewhere.
        base = base_of(begun) if begun else str(Path(backbone.name).resolve()) if Path(backbone.name).is_dir() else backbone.name
        add_lora(model.lm, backbone.lora, base, new_tokens=added, autocast=run.bf16 and has_bf16())
        if begun:
            put_adapters(model.lm, begun)
    if run.fsdp and not recipe.loss.alpha:
        model.freeze_lm_head()
    if run.gradient_checkpointing:
        # Its name since transformers 5.24, and the one before.
        enable = getattr(model.lm, "activation_checkpointing_enable", model.lm.gradient_checkpointing_enable)
        enable({"use_reentrant": False})
    packed = bool(run.epochs) and model.enable_packing()
    if run.epochs and not packed:
        notice(f"pads its batches: the backbone {model.config.model_type} cannot read several sequences joined into one")
    encoder = PairEncoder(_writer(backbone.form, tokenizer, tools), vanilla=recipe.kind == "vanilla")
    collator = CausalCollator(encoder, int(tokenizer.pad_token_id), packed, recipe.data.margin)
    return CausalLearner(model, tokenizer, collator, recipe.loss, run.lengths[-1])


def _writer(form: str, tokenizer: PreTrainedTokenizerBase, tools: tuple[str, ...]) -> SegmentWriter:
    try:
        return writer_of(ModelMeta(form=form, tools=tools), tokenizer)
    except ModelError as error:
        raise ConfigError(f"model.form: {error}") from error


def _encoder(recipe: TrainRecipe) -> EncoderLearner:
    backbone = recipe.model
    if not recipe.run.epochs:
        raise ConfigError("kind 'encoder': give run.epochs; an encoder is trained on files")
    if backbone.lora:
        raise ConfigError("kind 'encoder': lora is for language models; leave the key out")
    if backbone.name is None:
        raise ConfigError("kind 'encoder': give model.name, a model that AutoModelForSequenceClassification loads")
    if is_themis_model(backbone.name) and (kind := load_meta(resolve(backbone.name)).kind) != "encoder":
        raise ConfigError(f"kind 'encoder': {backbone.name} is a reward model of kind '{kind}', not a sequence classifier")
    model, tokenizer = new_encoder(backbone.name)
    _set_padding(tokenizer, backbone)
    if model.classifier.config.pad_token_id is None:
        model.classifier.config.pad_token_id = tokenizer.pad_token_id
    _check_length(recipe.run.lengths[-1], model.context_length)
    return EncoderLearner(model, tokenizer, EncoderCollator(CaseWriter(tokenizer), recipe.data.margin), recipe.loss, recipe.run.lengths[-1])


def _check_length(longest: int, most: int) -> None:
    if longest > most:
        raise ConfigError(f"run.lengths: the backbone reads at most {most} tokens, and the recipe asks for {longest}")


def _most_tokens(config: Any) -> int:
    """How many tokens a backbone reads."""
    most = getattr(config.get_text_config(), "max_position_embeddings", None)
    if most is None:
        raise ConfigError(f"model: the configuration of a '{config.model_type}' lacks max_position_embeddings, the most tokens it reads")
    return int(most)


def _language_model(backbone: Backbone, texts: Callable[[], Iterator[str]], kept: Path) -> _Read:
    """One that Themis trained, a pretrained one, or one from scratch."""
    if backbone.name and is_themis_model(backbone.name):
        return _trained_by_themis(backbone, backbone.name)
    if backbone.name:
        return _pretrained(backbone, backbone.name)
    if "model_type" not in backbone.config:
        raise ConfigError("model: give `name` of a pretrained model, or `config` with its model_type")
    if kept.is_dir():
        tokenizer = AutoTokenizer.from_pretrained(kept)
    else:
        most = _most_tokens(configured(backbone.config))
        tokenizer = train_tokenizer(texts(), backbone.vocabulary, most)
        tokenizer.save_pretrained(kept)
    special = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": None, "eos_token_id": None}
    config = configured(backbone.config, vocab_size=len(tokenizer), **special)
    return RewardModel(_from_config(config)), tokenizer, ()


def _same_adapters(backbone: Backbone) -> Path | None:
    """The directory of adapters of the recipe's own shape that the model is named by: these are trained on."""
    if not (backbone.lora and backbone.name and is_themis_model(backbone.name) and is_adapter(resolve(backbone.name))):
        return None
    directory = resolve(backbone.name)
    return directory if have_shape(directory, backbone.lora) else None


def _base_of_adapters(directory: Path, backbone: Backbone) -> _Read:
    """The model under adapters, before they are put in."""
    _check_form(directory, load_meta(directory).form, backbone)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    lm = read_weights(AutoModelForCausalLM, base_directory(directory), backbone=True, dtype=_number_type(backbone))
    added = added_tokens(directory)
    fit_embeddings(lm, added)
    lm.config.pad_token_id = tokenizer.pad_token_id
    model = RewardModel(lm)
    load_score(model, directory)
    return model, tokenizer, added


def _number_type(backbone: Backbone) -> torch.dtype:
    """The recipe's, but float32 where the machine cannot multiply in bf16: it would take 40 times as long."""
    return _DTYPES[backbone.dtype] if has_bf16() else torch.float32


def _check_form(name: str | Path, form: str, backbone: Backbone) -> None:
    if form != backbone.form:
        raise ConfigError(f"model.form: {name} was trained in the form '{form}', and the recipe says '{backbone.form}'")


def _trained_by_themis(backbone: Backbone, name: str) -> _Read:
    """With more positions where the recipe gives them."""
    model, tokenizer, meta = load_model(name, torch.float32)
    _check_form(name, meta.form, backbone)
    # Rotary positions have no weights: a model reads as far as its configuration says, and learns to by reading.
    positions = backbone.config.get("max_position_embeddings", 0)
    # Adapters are read with the positions of their base.
    if positions > model.context_length and not backbone.lora:
        model.lm.config.max_position_embeddings = positions
    tokenizer.model_max_length = model.context_length
    return model.train(), tokenizer, ()


def configured(fields: dict[str, Any], **others: Any) -> Any:
    """A transformers configuration of `model_type` and the fields of a recipe."""
    rest = {key: value for key, value in fields.items() if key != "model_type"}
    _check_fields(fields["model_type"], rest)
    try:
        return AutoConfig.for_model(fields["model_type"], **{**others, **rest})
    except (ValueError, TypeError, StrictDataclassError) as error:
        raise ConfigError(f"model.config: transformers rejects it: {first_line(error)}") from error


def _check_fields(model_type: str, fields: dict[str, Any]) -> None:
    """transformers accepts any field and ignores those that it does not know."""
    if model_type not in CONFIG_MAPPING:
        near = difflib.get_close_matches(model_type, CONFIG_MAPPING.keys(), n=1)
        raise ConfigError(f"model.config: no model_type '{model_type}' in transformers" + (f", did you mean '{near[0]}'?" if near else ""))
    usual = CONFIG_MAPPING[model_type]()
    known = {*usual.to_dict(), *usual.attribute_map}
    for name in fields:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if name not in known and not hasattr(usual, name) and near:
            raise ConfigError(f"unknown key 'model.config.{name}', did you mean 'model.config.{near[0]}'?")


def _from_config(config: Any) -> Any:
    try:
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    except ValueError as error:
        raise ConfigError(f"model.config: '{config.model_type}' is not a causal language model: {first_line(error)}") from error


def _pretrained(backbone: Backbone, name: str) -> _Read:
    if backbone.sha256 and not names_gguf(name):
        raise ConfigError("model.sha256: only a GGUF file has one; leave the key out")
    path = directory_of(name, backbone.sha256) if backbone.sha256 else resolve(name)
    if not (path / "config.json").is_file():
        raise ModelError(f"the backbone '{name}' is not a model: {path} holds no config.json")
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"the backbone '{name}' has no tokenizer that transformers can read") from error
    with reading(f"the backbone '{name}' cannot be read as a causal language model"):
        lm = read_weights(AutoModelForCausalLM, path, backbone=True, dtype=_number_type(backbone))
    if lm.get_output_embeddings() is None or getattr(lm.config, "is_encoder_decoder", False):
        raise ModelError(f"the backbone '{name}' ({lm.config.model_type}) is not a decoder with a language-model head; try kind=encoder")
    _set_padding(tokenizer, backbone)
    added = prepare_tokenizer(tokenizer)
    fit_embeddings(lm, range(len(tokenizer)))
    begin_rows(lm, tokenizer, added)
    lm.config.pad_token_id = tokenizer.pad_token_id
    return RewardModel(lm), tokenizer, added


def _set_padding(tokenizer: PreTrainedTokenizerBase, backbone: Backbone) -> None:
    wanted, name = backbone.pad_token, backbone.name
    if wanted is not None:
        if wanted not in tokenizer.get_vocab():
            raise ConfigError(f"model.pad_token: the tokenizer of '{name}' has no token '{wanted}'")
        tokenizer.pad_token = wanted
    if tokenizer.pad_token_id is None:
        likely = next((token for token in ("<pad>", "<|pad|>", "<unk>") if token in tokenizer.get_vocab()), "<unk>")
        raise ConfigError(f"the tokenizer of '{name}' lacks a padding token: name one of its own, such as model.pad_token='{likely}'")


def _tokenizer_texts(seed: int, mixture: Mixture) -> Iterator[str]:
    """Texts that the tokenizer is trained on: pairs as training will draw them, and every numeral."""
    rng = Random(f"{seed}/tokenizer")
    yield from (" ".join(f"{number:02}" for number in range(100)) for _ in range(20_000))
    for _ in range(8_000):
        _, pair = mixture.draw(rng)
        for side in (pair.chosen, pair.rejected):
            yield f"### USER:\nQuestion: {pair.question}\nAnswer: {side.answer}\n### ASSISTANT:\n{_written(side.trace)}"


def _written(trace: Trace | None) -> str:
    if trace is None:
        return ""
    steps = "".join(step_text(step) + (observation_text(step.observation) if step.observation else "") for step in trace.steps)
    return steps + rationale_text(trace.rationale or "")
