"""A run's numbers as curves, at its end."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

LOSSES = ("ranking", "early", "answer", "action", "observation", "rationale", "centre")
REWARDS = ("chosen", "rejected", "margin")


def plot(history: Sequence[Mapping[str, Any]], file: Path, notice: Callable[[str], None]) -> None:
    """Losses by term, rewards and shares over the steps; without matplotlib a notice."""
    pyplot = drawing(notice)
    if pyplot is None:
        return
    figure, (losses, rewards, shares) = pyplot.subplots(1, 3, figsize=(15, 4), layout="constrained")
    for name in ("loss", *LOSSES):
        curve(losses, history, name, name)
    for name in REWARDS:
        curve(rewards, history, name, name)
    for name in sorted({name for line in history for name in line if name == "accuracy" or name.startswith(("eval_held", "eval_live"))}):
        curve(shares, history, name, name.removeprefix("eval_").replace("_", " "))
    for axes, title in ((losses, "loss by term"), (rewards, "mean reward"), (shares, "share of pairs, of calls")):
        axes.set(title=title, xlabel="step")
        if axes.lines:
            axes.legend(fontsize="small")
    losses.set_yscale("log")
    shares.set_ylim(0, 1.02)
    figure.savefig(file, dpi=100)
    pyplot.close(figure)


def drawing(notice: Callable[[str], None]) -> Any:
    """matplotlib's `pyplot`, which draws into files; without matplotlib None, and a notice."""
    try:
        import matplotlib
    except ImportError:
        notice("draws no curves: pip install matplotlib")
        return None
    matplotlib.use("agg")
    from matplotlib import pyplot

    return pyplot


def curve(axes: Any, history: Sequence[Mapping[str, Any]], name: str, label: str) -> None:
    """One number over the steps that have it."""
    points = [(line["step"], line[name]) for line in history if line.get(name) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), label=label, marker="." if len(points) < 20 else None)
