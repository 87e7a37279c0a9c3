"""LoRA through peft: adapters inside a language model, in peft's files, and merged.

The adapters are put into the layers of the model, so other code sees the same model as before. What is trained is
float32, whatever the type of the frozen weights: in bfloat16 the steps of the optimizer would be lost in rounding. An
adapter directory holds `adapter_config.json` and `adapter_model.safetensors` as peft writes them, beside the scalar
head and `themis.json`. If tokens were added, their rows of the embeddings are trained and stored, too (`new_tokens`).
Source: LoRA, arXiv:2106.09685.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from themis.errors import ConfigError
from themis.hyperparameters import Lora
from themis.model.new_tokens import NAME, STORED, NewTokens, table_names
from themis.model.weights import check_names

WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_ADAPTER = "default"
_NAMELESS = re.compile(r"(\.lora_\w+)\.weight$")
"""peft leaves out the name of the adapter on disk."""


def add_lora(lm: PreTrainedModel, lora: Lora, base: str, new_tokens: Sequence[int] = (), autocast: bool = False) -> None:
    """Put new adapters into `lm`. Nothing else is trained, but for the rows of `new_tokens` in the embeddings.

    Say `autocast` if the model is only ever read in it.
    """
    peft = _peft()
    config = peft.LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(lora.targets),
        bias="none", task_type="CAUSAL_LM", base_model_name_or_path=base,
    )  # fmt: skip
    try:
        peft.inject_adapter_in_model(config, lm, _ADAPTER)
    except ValueError as error:
        raise ConfigError(f"lora.targets: the backbone {base} has no layers named {', '.join(lora.targets)}") from error
    if new_tokens:
        lm.add_module(NAME, NewTokens(lm, new_tokens))
    layer: Any
    for layer in lm.modules():
        # Autocast has the products in bf16 all the same; peft would first copy each input to float32.
        if hasattr(layer, "cast_input_dtype_enabled"):
            layer.cast_input_dtype_enabled = not autocast
    for parameter in lm.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    _freeze_first(lm, lora.frozen_layers)


def _freeze_first(lm: PreTrainedModel, count: int) -> None:
    """Train nothing that the first layers read or hold."""
    if count == 0:
        return
    layers = cast(nn.ModuleList, lm.base_model.layers)
    if not 0 < count < len(layers):
        raise ConfigError(f"lora.frozen_layers must be from 0 to {len(layers) - 1} for this backbone, found {count}")
    layers[:count].requires_grad_(False)
    if isinstance(new_tokens := getattr(lm, NAME, None), NewTokens):
        new_tokens.freeze_read()


def has_adapters(lm: nn.Module) -> bool:
    """True if the model has adapters."""
    return bool(getattr(lm, "peft_config", None))


def adapter_state(lm: PreTrainedModel, state: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The trained weights by the names of peft. For a sharded model, `state` is the state of the whole model."""
    peft = _peft()
    whole = dict(lm.state_dict() if state is None else state)
    adapters = peft.get_peft_model_state_dict(lm, state_dict=whole, adapter_name=_ADAPTER, save_embedding_layers=False)
    rows = {_stored_name(lm, name): tensor for name, tensor in whole.items() if name.startswith(f"{NAME}.")}
    return {_PREFIX + name: tensor.detach() for name, tensor in (adapters | rows).items()}


def save_adapters(directory: Path, lm: PreTrainedModel, state: Mapping[str, Tensor] | None = None) -> None:
    """Write the trained weights as peft does."""
    directory.mkdir(parents=True, exist_ok=True)
    peft_config: Any = lm.peft_config[_ADAPTER]
    peft_config.inference_mode = True
    peft_config.trainable_token_indices = _token_indices(lm)
    peft_config.save_pretrained(directory)
    peft_config.trainable_token_indices = None
    peft_config.inference_mode = False
    tensors = {name: tensor.contiguous().cpu() for name, tensor in adapter_state(lm, state).items()}
    save_file(tensors, directory / WEIGHTS_FILE, metadata={"format": "pt"})


def put_adapters(lm: PreTrainedModel, directory: Path) -> None:
    """Load the weights of an adapter directory into a model that has adapters of the same shape."""
    stored = {name.removeprefix(_PREFIX): tensor for name, tensor in load_file(directory / WEIGHTS_FILE).items()}
    adapters = {name: tensor for name, tensor in stored.items() if ".lora_" in name}
    own = _peft().get_peft_model_state_dict(lm, adapter_name=_ADAPTER, save_embedding_layers=False)
    check_names(directory, own.keys() - adapters.keys(), adapters.keys() - own.keys())
    _peft().set_peft_model_state_dict(lm, adapters, adapter_name=_ADAPTER)
    others = {name: tensor for name, tensor in stored.items() if name not in adapters}
    rows = {name.removesuffix(STORED): others.pop(name) for name in list(others) if name.endswith(STORED)}
    if isinstance(new_tokens := getattr(lm, NAME, None), NewTokens):
        check_names(directory, new_tokens.rows(lm).keys() - rows.keys(), rows.keys() - new_tokens.rows(lm).keys())
        new_tokens.put(lm, rows)
    elif rows:
        check_names(directory, [], rows)
    found = lm.load_state_dict(others, strict=False)  # of earlier versions: whole tables of embeddings
    check_names(directory, [], found.unexpected_keys)


def stored_adapters(directory: Path, lm: PreTrainedModel) -> dict[str, Tensor]:
    """The weights that `save_adapters` wrote, by the names of `lm`, a model that has adapters."""
    stored = load_file(directory / WEIGHTS_FILE)
    own = {_stored_name(lm, name): name for name, _ in lm.named_parameters() if name.startswith(f"{NAME}.")}
    bare = {name.removeprefix(_PREFIX): tensor for name, tensor in stored.items()}
    return {own.get(name) or _NAMELESS.sub(rf"\1.{_ADAPTER}.weight", name): tensor for name, tensor in bare.items()}


def have_shape(directory: Path, lora: Lora) -> bool:
    """True if stored adapters are of these settings, but for the dropout."""
    config: Any = _peft().LoraConfig.from_pretrained(directory)
    return bool(config.r == lora.r and config.lora_alpha == lora.alpha and set(config.target_modules) == set(lora.targets))


def added_tokens(directory: Path) -> list[int]:
    """The ids of tokens whose rows are stored beside the adapters."""
    config: Any = _peft().LoraConfig.from_pretrained(directory)
    indices = config.trainable_token_indices or {}
    return list(next(iter(indices.values()), [])) if isinstance(indices, dict) else list(indices)


def fit_embeddings(lm: PreTrainedModel, tokens: Sequence[int]) -> None:
    """Make the embeddings larger if they lack a row for a token."""
    rows = cast(nn.Embedding, lm.get_input_embeddings()).num_embeddings
    if (wanted := max(tokens, default=-1) + 1) > rows:
        lm.resize_token_embeddings(wanted, mean_resizing=False)  # its rows are stored, or begun by `new_tokens`


def with_adapters(lm: PreTrainedModel, directory: Path) -> PreTrainedModel:
    """`lm` with the adapters of a directory merged into its weights, its embeddings resized to the stored ones."""
    peft = _peft()
    stored = load_file(directory / WEIGHTS_FILE)
    config: Any = peft.LoraConfig.from_pretrained(directory)
    new_tokens = added_tokens(directory)
    whole = [len(tensor) for name, tensor in stored.items() if ".lora_" not in name and not name.endswith(STORED)]
    if whole and whole[0] != cast(nn.Embedding, lm.get_input_embeddings()).num_embeddings:
        lm.resize_token_embeddings(whole[0], mean_resizing=False)
    fit_embeddings(lm, new_tokens)
    config.trainable_token_indices = None
    peft.inject_adapter_in_model(config, lm, _ADAPTER)
    if new_tokens:
        lm.add_module(NAME, NewTokens(lm, new_tokens))
    put_adapters(lm, directory)
    return merge(lm)


def merge(lm: PreTrainedModel) -> PreTrainedModel:
    """The same model with plain layers: each adapter is added to the weights of its layer."""
    from peft.tuners.lora import LoraLayer

    for name, layer in list(lm.named_modules()):
        if isinstance(layer, LoraLayer):
            layer.merge()
            parent, _, own = name.rpartition(".")
            setattr(lm.get_submodule(parent), own, layer.get_base_layer())
    if isinstance(new_tokens := getattr(lm, NAME, None), NewTokens):
        new_tokens.merge(lm)
        delattr(lm, NAME)
    del lm.peft_config
    lm._hf_peft_config_loaded = False
    return lm.requires_grad_(True)


def _stored_name(lm: PreTrainedModel, name: str) -> str:
    """The name on disk of a parameter of `NewTokens`."""
    read, written = table_names(lm)
    return (read if name.endswith("read_KH") else written) + STORED


def _token_indices(lm: PreTrainedModel) -> dict[str, list[int]] | None:
    """Which rows are trained, by the last part of the table's name, as peft has it; None without any."""
    new_tokens = getattr(lm, NAME, None)
    if not isinstance(new_tokens, NewTokens):
        return None
    return {name.rpartition(".")[2]: new_tokens.token_ids.tolist() for name in new_tokens.rows(lm)}


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise ConfigError("LoRA needs peft: pip install 'themis-rm[lora]'") from error
    return peft
