"""LoRA through peft: adapters inside a language model, in peft's files, and merged.

The adapters are put into the layers of the model, so other code sees the same model as before. An adapter directory
holds `adapter_config.json` and `adapter_model.safetensors` as peft writes them, beside the scalar head and
`themis.json`. If tokens were added, the embeddings are stored, too.
Source: LoRA, arXiv:2106.09685.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from themis.errors import ConfigError, ModelError
from themis.hyperparameters import Lora
from themis.model.weights import check_names

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
_ADAPTER = "default"
_NAMELESS = re.compile(r"(\.lora_\w+)\.weight$")
"""peft leaves out the name of the adapter on disk."""


def is_adapter(directory: Path) -> bool:
    """True if the directory holds adapters instead of a whole model."""
    return (directory / CONFIG_FILE).is_file()


def add_lora(lm: PreTrainedModel, lora: Lora, base: str, train_embeddings: bool) -> None:
    """Put new adapters into `lm`. Nothing else is trained, except for the embeddings if `train_embeddings` is set."""
    peft = _peft()
    config = peft.LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(lora.targets),
        bias="none", task_type="CAUSAL_LM", base_model_name_or_path=base,
    )  # fmt: skip
    try:
        peft.inject_adapter_in_model(config, lm, _ADAPTER)
    except ValueError as error:
        raise ConfigError(f"lora.targets: the backbone {base} has no layers named {', '.join(lora.targets)}") from error
    if train_embeddings:
        for embeddings in _embeddings(lm).values():
            embeddings.requires_grad_(True)


def has_adapters(lm: nn.Module) -> bool:
    """True if the model has adapters."""
    return bool(getattr(lm, "peft_config", None))


def adapter_state(lm: PreTrainedModel, state: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The trained weights by the names of peft. For a sharded model, `state` is the state of the whole model."""
    peft = _peft()
    whole = dict(lm.state_dict() if state is None else state)
    adapters = peft.get_peft_model_state_dict(lm, state_dict=whole, adapter_name=_ADAPTER, save_embedding_layers=False)
    trained = {
        name: whole[name]
        for module, embeddings in _embeddings(lm).items()
        if any(parameter.requires_grad for parameter in embeddings.parameters())
        for name in (f"{module}.weight",)
        if name in whole
    }
    return {_PREFIX + name: tensor.detach() for name, tensor in (adapters | trained).items()}


def save_adapters(directory: Path, lm: PreTrainedModel, state: Mapping[str, Tensor] | None = None) -> None:
    """Write the trained weights as peft does."""
    directory.mkdir(parents=True, exist_ok=True)
    peft_config: Any = lm.peft_config[_ADAPTER]
    peft_config.inference_mode = True
    peft_config.save_pretrained(directory)
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
    found = lm.load_state_dict({name: tensor for name, tensor in stored.items() if name not in adapters}, strict=False)
    check_names(directory, [], found.unexpected_keys)


def stored_adapters(directory: Path) -> dict[str, Tensor]:
    """The weights that `save_adapters` wrote, by the names of a model that has adapters."""
    stored = load_file(directory / WEIGHTS_FILE)
    return {_NAMELESS.sub(rf"\1.{_ADAPTER}.weight", name.removeprefix(_PREFIX)): tensor for name, tensor in stored.items()}


def base_of(directory: Path) -> str:
    """The name of the model that the adapters were trained on."""
    try:
        name = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{directory / CONFIG_FILE} names no base model: is {directory} cut off?") from error
    return str(name)


def with_adapters(lm: PreTrainedModel, directory: Path) -> PreTrainedModel:
    """`lm` with the adapters of a directory merged into its weights, its embeddings resized to the stored ones."""
    peft = _peft()
    stored = load_file(directory / WEIGHTS_FILE)
    rows = [len(tensor) for name, tensor in stored.items() if ".lora_" not in name]
    if rows and rows[0] != cast(nn.Embedding, lm.get_input_embeddings()).num_embeddings:
        lm.resize_token_embeddings(rows[0])
    peft.inject_adapter_in_model(peft.LoraConfig.from_pretrained(directory), lm, _ADAPTER)
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
    del lm.peft_config
    lm._hf_peft_config_loaded = False
    return lm.requires_grad_(True)


def _embeddings(lm: PreTrainedModel) -> dict[str, nn.Module]:
    """Input and output embeddings by name. If they are tied, only one of them."""
    wanted = {id(lm.get_input_embeddings()), id(lm.get_output_embeddings())}
    found = {name: module for name, module in lm.named_modules() if id(module) in wanted}
    tied = len({id(parameter) for module in found.values() for parameter in module.parameters()}) < len(found)
    return dict(list(found.items())[:1]) if tied else found


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise ConfigError("LoRA needs peft: pip install 'themis-rm[lora]'") from error
    return peft
