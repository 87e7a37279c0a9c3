"""A model on disk: a causal-LM directory of Hugging Face, `score.safetensors` and `themis.json`.

`AutoModelForCausalLM.from_pretrained(dir)` loads the language model. `themis.json` holds the written form of the
model, the tools it was trained with, and the mean and deviation of its rewards on dev data. A model trained by LoRA
holds the adapters of peft instead of the weights (`adapters`); loading merges them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date as Date
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from themis.errors import ModelError
from themis.files import content_of, digest
from themis.model.adapters import has_adapters, save_adapters, with_adapters
from themis.model.base import base_digests
from themis.model.named import ADAPTERS_FILE, META_FILE, at_hand, base_of, check_base, is_adapter, resolve
from themis.model.reward_model import RewardModel
from themis.model.weights import read_weights, reading
from themis.traces.text import SPECIAL_TOKENS

SCORE_FILE = "score.safetensors"
KINDS = ("themis", "vanilla", "encoder")
_BESIDE = (META_FILE, "run.json", "log.json", "trainer_state.json", "training_args.bin")
_BESIDE_WEIGHTS = ("reward_mean", "reward_std", "temperature", "unlikely", "training", "base")
"""Of `themis.json`: they change nothing that the model says."""


@dataclass(frozen=True, slots=True)
class ModelMeta:
    """What `themis.json` holds."""

    form: str = "plain"
    """`plain`: the form of `traces.text`. `chat`: the chat template of the tokenizer (`traces.chat_form`)."""
    kind: str = "themis"
    """`themis` writes a trace first, `vanilla` rewards right after the case. `encoder`: see `model.encoder`."""
    tools: tuple[str, ...] = ()
    date: str = "2026-01-01"
    """The day that a chat template writes, if it writes one."""
    reward_mean: float = 0.0
    reward_std: float = 1.0
    temperature: float = 1.0
    unlikely: float | None = None
    """Calls with a token below this log-probability are unfamiliar; fitted on held rows."""
    training: dict[str, Any] = field(default_factory=dict)
    """The recipe, its seed, steps and seconds: where these weights come from."""
    base: dict[str, str] = field(default_factory=dict)
    """Digests of the model that adapters were trained on (`model.base`); empty without adapters."""


def prepare_tokenizer(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Add those of the four special tokens that are missing; returns the ids of those that were added."""
    missing = [token for token in SPECIAL_TOKENS if token not in tokenizer.get_vocab()]
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL_TOKENS)}, replace_extra_special_tokens=False)
    found: Any = tokenizer.convert_tokens_to_ids(missing)
    return list(found)


def save_model(
    directory: str | Path,
    model: RewardModel,
    tokenizer: PreTrainedTokenizerBase,
    meta: ModelMeta,
    dtype: torch.dtype | None = None,
    state: Mapping[str, Tensor] | None = None,
) -> None:
    """Write the model directory; with `dtype`, the weights of the language model in that type.

    For a sharded model, `state` is the state of the whole model.
    """
    directory = Path(directory)
    whole = model.state_dict() if state is None else state
    lm_state = {name.removeprefix("lm."): tensor for name, tensor in whole.items() if name.startswith("lm.")}
    if has_adapters(model.lm):
        save_adapters(directory, model.lm, lm_state)
        base = base_of(directory)
        if where := at_hand(base):
            meta = replace(meta, base=base_digests(base, where))
    else:
        stored = dtype or model.lm.dtype
        model.lm.save_pretrained(directory, state_dict=_as_type(lm_state, stored))
        _say_dtype(directory / "config.json", stored)
    tokenizer.save_pretrained(directory)
    save_file({"weight": whole["score.weight"].detach().float().contiguous().cpu()}, directory / SCORE_FILE)
    let_read(directory)
    write_meta(directory, meta)


def let_read(directory: Path) -> None:
    """Everybody may read the weights, as they may the other files: safetensors lets only the owner."""
    for file in directory.glob("*.safetensors"):
        file.chmod(0o644)


def _as_type(state: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors in `dtype`. Names that share a tensor still share it, so that tied embeddings are written once."""
    made: dict[tuple[int, torch.Size], Tensor] = {}
    for tensor in state.values():
        made.setdefault((tensor.data_ptr(), tensor.shape), tensor.to(dtype))
    return {name: made[tensor.data_ptr(), tensor.shape] for name, tensor in state.items()}


def write_meta(directory: Path, meta: ModelMeta) -> None:
    """Write `themis.json`."""
    (directory / META_FILE).write_text(json.dumps(asdict(meta), indent=2) + "\n", encoding="utf-8")


def _say_dtype(config_file: Path, dtype: torch.dtype) -> None:
    """Set the dtype in the file, which loaders follow. `save_pretrained` writes that of the model in memory."""
    config = json.loads(config_file.read_text(encoding="utf-8"))
    config["dtype"] = str(dtype).removeprefix("torch.")
    config_file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_model(name: str | Path, dtype: torch.dtype | None = None) -> tuple[RewardModel, PreTrainedTokenizerBase, ModelMeta]:
    """Load `nano`, a directory, or a Hub repository that Themis wrote; ready to judge, in `dtype` or as stored.

    Raises `ModelError` if the directory is missing, cut off, or holds no scalar head.
    """
    path = resolve(name)
    meta = load_meta(path)
    if meta.kind == "encoder":
        raise ModelError(f"{path} is an encoder reward model, which writes nothing: load it with `themis.load_judge`")
    return *read_model(path, dtype), meta


def read_model(directory: Path, dtype: torch.dtype | None = None) -> tuple[RewardModel, PreTrainedTokenizerBase]:
    """The model in a directory, and its tokenizer; ready to judge, in `dtype` or as stored."""
    with reading(f"the model in {directory} cannot be read, it may be cut off or incomplete"):
        tokenizer = AutoTokenizer.from_pretrained(directory)
        if is_adapter(directory):
            base = read_weights(AutoModelForCausalLM, base_directory(directory), backbone=True, dtype=dtype or "auto")
            lm = with_adapters(base, directory)
        else:
            lm = read_weights(AutoModelForCausalLM, directory, dtype=dtype or "auto")
        model = RewardModel(lm)
        load_score(model, directory)
    return model.eval(), tokenizer


def base_directory(adapters: Path) -> Path:
    """The directory of the model that adapters were trained on. Raises `ModelError` if that is missing or changed."""
    base = base_of(adapters)
    check_base(adapters)
    try:
        directory = resolve(base)
    except ModelError as error:
        raise ModelError(f"the adapters in {adapters} need their base: {error}; {adapters / ADAPTERS_FILE} says where it is") from error
    trained_on = load_meta(adapters).base if (adapters / META_FILE).is_file() else {}
    found = base_digests(base, directory) if trained_on else {}
    for part, digest_then in trained_on.items():
        if found.get(part, digest_then) != digest_then:
            raise ModelError(f"the adapters in {adapters} were trained on another {base}: its {part} differ; fetch that model again")
    return directory


def stored_in(directory: Path) -> Path:
    """The directory that holds a model's weights: of adapters, their base."""
    return base_directory(directory) if is_adapter(directory) else directory


def load_score(model: RewardModel, directory: str | Path) -> None:
    """Read the weights of the scalar head into `model`."""
    model.score.load_state_dict(load_file(Path(directory) / SCORE_FILE))


def load_meta(directory: Path) -> ModelMeta:
    """Read `themis.json`; ignores unknown keys of a newer version."""
    try:
        raw = json.loads((directory / META_FILE).read_text(encoding="utf-8"))
        known = {name: raw[name] for name in ModelMeta.__dataclass_fields__ if name in raw}
        meta = ModelMeta(**{**known, "tools": tuple(known.get("tools", ()))})
        Date.fromisoformat(meta.date)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{directory / META_FILE} is missing or not valid JSON: is {directory} a model that Themis trained?") from error
    if meta.kind not in KINDS:
        raise ModelError(f"{directory / META_FILE}: expected 'kind' to be {' or '.join(KINDS)}, found {meta.kind!r}")
    return meta


def weights_of(model: str | Path) -> str:
    """A hash of the weights, the head, the configuration and the tokenizer; of adapters, with those of their base."""
    directory = resolve(model)
    files = [file for file in directory.iterdir() if file.is_file() and not file.name.startswith(".") and file.name not in _BESIDE]
    found: dict[str, Any] = {file.name: content_of(file) for file in files if file.suffix not in (".md", ".png", ".pt", ".pth")}
    if (directory / META_FILE).is_file():
        found[META_FILE] = {name: value for name, value in asdict(load_meta(directory)).items() if name not in _BESIDE_WEIGHTS}
    return digest(found | ({"base": weights_of(base_directory(directory))} if is_adapter(directory) else {}))
