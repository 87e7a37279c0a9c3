"""From the name of a model, or the address of a server, to its judge."""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

from themis import __version__
from themis.errors import ConfigError
from themis.inference.client import JudgeClient
from themis.inference.judgement import Budget, DescribedTools, Tools
from themis.model.named import check_name, is_address, is_prompted, resolve
from themis.model.precision import number_type
from themis.traces.judge import Judge

Rationale = Literal["write", "skip"]
BATCH_SIZE = 16
SMALL = 50_000_000
"""A model with fewer parameters judges with one thread of the CPU. On busy cores two are several times slower."""


def load_judge(
    model: str | Path = "nano",
    *,
    toolbox: Tools | None = None,
    budget: Budget | None = None,
    rationale: Rationale = "write",
    batch_size: int = BATCH_SIZE,
    device: str | None = None,
    strict: bool = False,
    threads: int | None = None,
) -> Judge:
    """A judge of `nano`, `small`, a model directory, or a Hub repository, on a GPU where there is one, or on `device`.

    The address of a server, such as `http://127.0.0.1:8000`, gives a `JudgeClient` with the token in THEMIS_TOKEN.
    Everything else is then the server's own choice, and is refused here. `openai:MODEL` gives a `PromptedJudge` of a
    chat model, at OPENAI_BASE_URL; `batch_size` is then the number of cases in flight.

    It computes in the stored number type on a GPU. On a CPU that is float32; a large model that is stored in bfloat16
    computes in that, if the CPU can. There it takes `threads`, by default one for a model of less than 50 million
    parameters, and PyTorch's own number for others.

    Without a `toolbox` it opens `default_toolbox()`: live tools, with the settings of the nearest themis.toml. Close
    the judge to close that toolbox: it is a context manager. An encoder calls no tools, and opens none. `strict` gives
    no reward where it would be degraded. Raises `ModelError` where the model cannot be read, `ConfigError` where a
    setting is wrong.
    """
    _check(rationale, batch_size, device, threads)
    if is_address(model):
        changed = {"toolbox": toolbox, "budget": budget, "device": device, "threads": threads, "strict": strict}
        changed |= {"rationale": rationale != "write", "batch_size": batch_size != BATCH_SIZE}
        check_server_decides(model, [name for name, value in changed.items() if value not in (None, False)])
        return JudgeClient(str(model), token=os.environ.get("THEMIS_TOKEN"))
    if is_prompted(model):
        check_nothing_computes(model, [name for name, value in {"device": device, "threads": threads}.items() if value is not None])
        return _prompted(str(model), toolbox, budget or Budget(), rationale, strict, batch_size)
    check_name(model)
    return _local(model, toolbox, budget or Budget(), rationale, batch_size, device, strict, threads)


def _local(
    model: str | Path,
    toolbox: Tools | None,
    budget: Budget,
    rationale: Rationale,
    batch_size: int,
    device: str | None,
    strict: bool,
    threads: int | None,
) -> Judge:
    """A judge whose weights are read here."""
    from themis.inference.encoder import EncoderJudge
    from themis.model.checkpoint import load_meta, read_model, stored_in
    from themis.model.encoder import read_encoder

    path = resolve(model)
    meta = load_meta(path)
    device = device_of(device)
    if meta.kind == "encoder":
        encoder, tokenizer = read_encoder(path)
        encoder.to(device)
        return EncoderJudge(encoder, tokenizer, meta, batch_size, threads=threads or _threads(encoder, device))
    from themis.inference.causal import CausalJudge
    from themis.tools import default_toolbox

    reward_model, tokenizer = read_model(path, number_type(stored_in(path), device))
    reward_model.to(device)
    threads = threads or _threads(reward_model, device)
    if meta.kind == "vanilla":
        reward_model.enable_packing()
    with ExitStack() as opened:
        tools = opened.enter_context(default_toolbox()) if toolbox is None else toolbox
        judge = CausalJudge(
            reward_model, tokenizer, tools, meta=meta, budget=budget, rationale=rationale, batch_size=batch_size,
            strict=strict, threads=threads,
        )  # fmt: skip
        judge.opened = opened.pop_all()
    return judge


def check_server_decides(address: str | Path, given: Sequence[str]) -> None:
    """Raises `ConfigError` for settings that only the server of a judge can have."""
    if given:
        raise ConfigError(f"{given[0]}: the server at {address} decides that; leave it out here, and give it to `themis serve`")


def check_nothing_computes(model: str | Path, given: Sequence[str]) -> None:
    """Raises `ConfigError` for settings of a model that computes here."""
    if given:
        raise ConfigError(f"{given[0]}: {model} computes at its endpoint; leave it out")


def known_by(
    model: str | Path, tools: Mapping[str, Any], budget: Budget, rationale: str, strict: bool, device: str | None = None
) -> dict[str, Any]:
    """All that decides the verdict of a case, as JSON. `tools` is what `Toolbox.known_by` says.

    Of a server it is the hash that the server tells.
    """
    if is_address(model):
        with JudgeClient(str(model), token=os.environ.get("THEMIS_TOKEN")) as client:
            about = client.about()
        return {"model": about.model, "judge": about.judge}
    told = {"model": str(model), "rationale": rationale, "strict": strict, "budget": asdict(budget)}
    if is_prompted(model):
        from themis.inference.prompted import known_by_endpoint

        return {**told, **known_by_endpoint(str(model)), **tools, "themis": __version__}
    from themis.model.checkpoint import stored_in, weights_of

    precision = str(number_type(stored_in(resolve(model)), device_of(device)) or "as stored").removeprefix("torch.")
    return {**told, "weights": weights_of(model), "precision": precision, **tools, "themis": __version__}


def check_device(device: str | None) -> None:
    """Raises `ConfigError` for a mistyped device."""
    if device is not None and not re.fullmatch(r"cpu|(cuda|mps|xpu)(:\d+)?", device):
        raise ConfigError(f"device: must be cpu, cuda, cuda:N, mps or xpu, found '{device}'")


def device_of(device: str | None) -> str:
    """The device as it was given, or the GPU if there is one. Raises `ConfigError` where it is not there."""
    import torch

    check_device(device)
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, place = device.partition(":")
    try:
        count = 1 if kind == "cpu" else torch.get_device_module(kind).device_count()
    except RuntimeError:
        count = 0
    if int(place or 0) >= count:
        raise ConfigError(f"device: this machine, or its PyTorch, has no {device}: give another, such as cpu")
    return device


def _prompted(model: str, toolbox: Tools | None, budget: Budget, rationale: Rationale, strict: bool, at_once: int) -> Judge:
    from themis.inference.prompted import PromptedJudge, settings_of
    from themis.tools import default_toolbox

    settings = settings_of(model)
    with ExitStack() as opened:
        tools = opened.enter_context(default_toolbox()) if toolbox is None else toolbox
        if not isinstance(tools, DescribedTools):
            raise ConfigError(f"toolbox: {model} has to be told of the tools: give a themis.tools.Toolbox, or `names` and `schemas`")
        judge = PromptedJudge(settings, tools, budget=budget, rationale=rationale, strict=strict, at_once=at_once)
        judge.opened = opened.pop_all()
    return judge


def _threads(model: Any, device: str) -> int | None:
    """None for PyTorch's own number."""
    return 1 if device == "cpu" and sum(weight.numel() for weight in model.parameters()) < SMALL else None


def _check(rationale: str, batch_size: int, device: str | None, threads: int | None) -> None:
    if rationale not in get_args(Rationale):
        raise ConfigError(f"rationale: must be 'write' or 'skip', found {rationale!r}")
    for name, value in (("batch_size", batch_size), ("threads", 1 if threads is None else threads)):
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name}: must be a whole number of at least 1, found {value!r}")
    check_device(device)
