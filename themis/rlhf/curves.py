"""A run's numbers as curves, at its end."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PANELS = (
    ("reward of the judge", ("reward",), None),
    ("shares of answers", ("true", "ended", "without_reward"), (0, 1.02)),
    ("KL to the reference, an answer", ("kl",), None),
    ("tokens of an answer", ("length",), None),
    ("entropy of a token", ("entropy",), None),
    ("the update", ("approx_kl", "clip_share"), None),
    ("explained variance", ("explained_variance",), (-1, 1.02)),
    ("seconds of a step", ("seconds_writing", "seconds_judging", "seconds_waiting", "seconds_update"), None),
)
"""Title, keys of the log, and limits of the axis."""


def plot(rows: Sequence[Mapping[str, Any]], file: Path, notice: Callable[[str], None]) -> None:
    """The curves of a run; without matplotlib a notice."""
    try:
        import matplotlib
    except ImportError:
        notice("draws no curves: pip install matplotlib")
        return
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 4, figsize=(18, 7), layout="constrained")
    for panel, (title, names, limits) in zip(axes.flat, PANELS, strict=True):
        for name in names:
            points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
            if points:
                panel.plot(*zip(*points, strict=True), label=name.replace("_", " "), marker="." if len(points) < 20 else None)
        panel.set(title=title, xlabel="step")
        if limits:
            panel.set_ylim(*limits)
        if panel.lines:
            panel.legend(fontsize="small")
    figure.savefig(file, dpi=90)
    pyplot.close(figure)
