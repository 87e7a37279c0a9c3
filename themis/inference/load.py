"""From the name of a model to its judge."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from themis import __version__
from themis.errors import ConfigError
from themis.inference.judgement import Budget, Tools
from themis.traces.judge import Judge


def load_judge(
    model: str | Path = "nano",
    *,
    toolbox: Tools | None = None,
    budget: Budget | None = None,
    rationale: Literal["write", "skip"] = "write",
    batch_size: int = 16,
    device: str | None = None,
    strict: bool = False,
) -> Judge:
    """A judge of `nano`, a model directory, or a Hub repository, on a GPU where there is one, or on `device`.

    Without a `toolbox` it opens `default_toolbox()`: live tools, with the settings of the nearest themis.toml. Close
    the judge to close that toolbox: it is a context manager. An encoder calls no tools, and opens none. `strict` gives
    no reward where it would be degraded. Raises `ModelError` where the model cannot be read, `ConfigError` where a
    setting is wrong.
    """
    if str(model).startswith(("http://", "https://")):
        raise ConfigError(f"{model} is a URL, and judges on servers are not supported yet: give `nano`, a directory, or owner/name")
    import torch

    from themis.inference.encoder import EncoderJudge
    from themis.model.checkpoint import load_meta, read_model, resolve
    from themis.model.encoder import read_encoder

    path = resolve(model)
    meta = load_meta(path)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if meta.kind == "encoder":
        encoder, tokenizer = read_encoder(path)
        encoder.to(device)
        return EncoderJudge(encoder, tokenizer, meta, batch_size)

    from themis.inference.causal import CausalJudge
    from themis.tools import default_toolbox

    reward_model, tokenizer = read_model(path, torch.float32 if device == "cpu" else None)
    reward_model.to(device)
    with ExitStack() as opened:
        tools = opened.enter_context(default_toolbox()) if toolbox is None else toolbox
        judge = CausalJudge(
            reward_model,
            tokenizer,
            tools,
            meta=meta,
            budget=budget or Budget(),
            rationale=rationale,
            batch_size=batch_size,
            strict=strict,
        )
        judge.opened = opened.pop_all()
    return judge


def known_by(model: str | Path, tools: Mapping[str, Any], budget: Budget, rationale: str, strict: bool) -> dict[str, Any]:
    """All that decides the verdict of a case, as JSON. `tools` is what `Toolbox.known_by` says."""
    import torch

    from themis.model.checkpoint import weights_of

    precision = "as stored" if torch.cuda.is_available() else "float32"
    told = {"model": str(model), "weights": weights_of(model), "rationale": rationale, "strict": strict, "budget": asdict(budget)}
    return {**told, "precision": precision, **tools, "themis": __version__}
