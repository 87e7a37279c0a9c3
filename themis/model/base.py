"""Which model adapters were trained on: digests that tell another model, or another vocabulary, in a moment."""

import hashlib
import json
from pathlib import Path

from themis.files import digest
from themis.model import known

_ENDS = 1 << 20
"""Bytes that are read from either end of a file of weights: gigabytes would take a minute."""


def base_digests(name: str, directory: Path) -> dict[str, str]:
    """Digests of a model's `weights` and of its `words`, the tokens by their number."""
    entry = known.known_models().get(name)
    found = {"weights": entry.sha256 if entry else _of_weights(directory)}
    return found | ({"words": _of_words(directory / "tokenizer.json")} if (directory / "tokenizer.json").is_file() else {})


def _of_weights(directory: Path) -> str:
    return digest({file.name: _of_ends(file) for suffix in ("safetensors", "bin") for file in directory.glob(f"*.{suffix}")})


def _of_ends(file: Path) -> str:
    size = file.stat().st_size
    with file.open("rb") as opened:
        found = hashlib.sha256(opened.read(_ENDS))
        opened.seek(max(0, size - _ENDS))
        found.update(opened.read(_ENDS))
    return f"{size} {found.hexdigest()}"


def _of_words(tokenizer: Path) -> str:
    raw = json.loads(tokenizer.read_text(encoding="utf-8"))
    return digest({"model": raw["model"].get("vocab"), "added": [token["content"] for token in raw.get("added_tokens", [])]})
