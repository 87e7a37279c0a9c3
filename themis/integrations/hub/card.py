"""The card of a model: what its own files say of it, and what evaluations of its very weights found.

Metadata are those of the Hugging Face Hub. What a file says is untrusted, and is escaped.
"""

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.errors import ConfigError
from themis.integrations.hub.results import metadata, plain, read_result, table
from themis.model import known
from themis.model.named import base_of, is_adapter

if TYPE_CHECKING:
    from themis.model.checkpoint import ModelMeta

CARD = "README.md"
TAGS = ("reward-model", "themis", "tool-use")


def model_card(directory: Path, repo: str, license: str = "", results: Sequence[Path] = ()) -> str:
    """The text of the card. Raises `ConfigError` without a licence, `DataError` for a result of other weights."""
    from huggingface_hub import ModelCardData

    from themis.model.checkpoint import load_meta

    meta = load_meta(directory)
    base = base_of(directory) if is_adapter(directory) else _recipe(meta, "model").get("name")
    backbone = known.known_models().get(str(base))
    license = license or (backbone.licence.lower() if backbone else "")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", license):
        raise ConfigError(f"--license: name the licence of these weights as the Hub does, such as apache-2.0; found '{license}'")
    base_model = backbone.hub.partition("::")[0] if backbone else str(base) if re.fullmatch(r"[\w.-]+/[\w.-]+", str(base)) else None
    found = [read_result(file, directory) for file in results]
    data = ModelCardData(
        model_name=repo.partition("/")[2],
        base_model=base_model or None,
        license=license,
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=[*TAGS, *([] if meta.kind == "themis" else [meta.kind])],
        datasets=[name for name in _recipe(meta, "data").get("files", []) if re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name)] or None,
        eval_results=[each for result in found for each in metadata(result)] or None,
    )
    page = resources.files(__package__).joinpath("card.md").read_text(encoding="utf-8")
    slots = {"METADATA": data.to_yaml(), "NAME": repo.partition("/")[2], "REPO": repo, "KIND": _KINDS[meta.kind]}
    slots |= {"TRAINING": _training(meta, base_model or base), "MEASURED": _measured(directory), "RESULTS": table(found)}
    for slot, text in slots.items():
        page = page.replace("{" + slot + "}", text)
    return re.sub(r"\n{3,}", "\n\n", page)


_KINDS = {
    "themis": "It calls tools, reads what they say, writes down why, and only then gives a reward.",
    "vanilla": "It reads a question and an answer, and gives a reward at once: it calls no tools.",
    "encoder": "It is an encoder: it reads a question and an answer, and gives a reward. It calls no tools.",
}


def _recipe(meta: "ModelMeta", part: str) -> Mapping[str, Any]:
    recipe = meta.training.get("recipe")
    found = recipe.get(part) if isinstance(recipe, dict) else None
    return found if isinstance(found, dict) else {}


def _training(meta: "ModelMeta", base: str | None) -> str:
    """A row for each thing that `themis.json` says."""
    run, data = _recipe(meta, "run"), _recipe(meta, "data")
    seconds = meta.training.get("seconds")
    told = {
        "begun from": base or "scratch",
        "steps": _steps(meta) or None,
        "epochs": run.get("epochs") or None,
        "learning rate": run.get("learning_rate"),
        "seed": run.get("seed"),
        "hours": f"{seconds / 3600:.1f}" if isinstance(seconds, int | float) else None,
        "data": ", ".join(map(str, [*data.get("mixture", []), *data.get("files", [])])) or None,
        "tools": ", ".join(meta.tools) or None,
        "mean and deviation of rewards": f"{meta.reward_mean:.3f}, {meta.reward_std:.3f}",
    }
    return "\n".join(f"| {name} | {plain(value, 2_000)} |" for name, value in told.items() if value is not None)


def _steps(meta: "ModelMeta") -> str:
    """Of the run, or of each stage by its name."""
    whole, recipe = _recipe(meta, "run").get("steps"), meta.training.get("recipe")
    stages = recipe.get("stages") or [] if isinstance(recipe, dict) else []
    each = [f"{stage['name']} {(stage.get('run') or {}).get('steps', whole)}" for stage in stages]
    return ", ".join(each) or str(whole or "")


def _measured(directory: Path) -> str:
    """The last shares in the log of the run, as percentages."""
    try:
        log = json.loads((directory / "log.json").read_text(encoding="utf-8"))
        shares = {name: value for row in log for name, value in row.items() if name.endswith(("accuracy", "calls"))}
        told = [f"{plain(name.removeprefix('eval_').replace('_', ' '))} {100 * value:.1f} %" for name, value in shares.items()]
    except (OSError, ValueError, TypeError, AttributeError):
        return ""
    return f"Measured last while it trained: {', '.join(told)}." if told else ""
