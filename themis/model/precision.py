"""The number type in which a model computes. Imports torch when it is called."""

import json
from pathlib import Path
from typing import Any

LARGE = 100_000_000
"""Bytes of weights from which a model on a CPU computes in bfloat16, as it is stored: some 50 million parameters."""


def has_bf16() -> bool:
    """Can this machine multiply in bf16? A CPU without these instructions needs 40 times as long as in float32."""
    import torch

    return torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def number_type(directory: Path, device: str) -> Any:
    """The type that the weights in a directory are loaded in; None for the stored one.

    On a CPU that is float32, but bfloat16 for a large model that is stored so, where the CPU multiplies in it. A small
    one takes as long in float32.
    """
    import torch

    if device != "cpu":
        return None
    stored = _config(directory).get("dtype") or _config(directory).get("torch_dtype")
    large = sum(file.stat().st_size for file in directory.glob("*.safetensors")) >= LARGE
    return torch.bfloat16 if large and stored == "bfloat16" and has_bf16() else torch.float32


def _config(directory: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((directory / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
