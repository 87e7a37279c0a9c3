"""Weights from a directory, through transformers: complete, or one sentence that says what is wrong.

transformers gives random values to tensors that a file lacks, and says so in a log alone.
"""

import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification
from transformers.utils import logging

from themis.errors import ModelError


def read_weights(auto_class: Any, directory: Path, *, backbone: bool = False, **arguments: Any) -> Any:
    """The model of a directory; `auto_class` is a class of transformers such as `AutoModelForCausalLM`.

    The files of a pretrained `backbone` may hold more than the model. Those of an encoder lack its head: transformers
    makes a new one. `arguments` go to `from_pretrained`. Raises `ModelError` where a tensor is missing, of another
    shape, or not the model's.
    """
    with quiet():
        model, found = auto_class.from_pretrained(directory, output_loading_info=True, ignore_mismatched_sizes=True, **arguments)
    missing, unexpected = found["missing_keys"], found["unexpected_keys"]
    if backbone:
        body = [name for name in missing if name.startswith(f"{model.base_model_prefix}.") and ".pooler." not in name]
        if auto_class is AutoModelForSequenceClassification:
            missing = body
        elif missing and not body:
            raise ModelError(f"{directory} lacks a language-model head, so it is not a causal language model; try kind=encoder")
    check_names(directory, missing, [] if backbone else unexpected)
    for name, stored, wanted in sorted(found["mismatched_keys"]):
        raise ModelError(f"{directory}: the tensor {name} has the shape {tuple(stored)}, and config.json asks for {tuple(wanted)}")
    return model


def check_names(directory: Path, missing: Collection[str], unexpected: Collection[str]) -> None:
    """Raises `ModelError` with one of the names if there are any."""
    for names, fault in ((missing, "lacks"), (unexpected, "holds, against its configuration,")):
        if names:
            raise ModelError(f"{directory} {fault} {len(names)} of the model's tensors, such as {min(names)}: write or fetch it again")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """One `ModelError` that starts with `what`, for whatever other libraries raise while they read a model."""
    try:
        yield
    except (OSError, SafetensorError, RuntimeError, ValueError, LookupError, TypeError, StrictDataclassError, struct.error) as error:
        raise ModelError(f"{what}: {first_line(error)}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """No bar and no report of transformers."""
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def first_line(error: Exception) -> str:
    """The first line of another library's error that says something, without its headline."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[1] if lines[0].endswith(":") and len(lines) > 1 else lines[0])[:200]
