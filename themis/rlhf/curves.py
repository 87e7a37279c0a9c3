"""A run's numbers as curves, at its end."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from themis.training.curves import curve, drawing

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
    pyplot = drawing(notice)
    if pyplot is None:
        return
    figure, axes = pyplot.subplots(2, 4, figsize=(18, 7), layout="constrained")
    for panel, (title, names, limits) in zip(axes.flat, PANELS, strict=True):
        for name in names:
            curve(panel, rows, name, name.replace("_", " "))
        panel.set(title=title, xlabel="step")
        if limits:
            panel.set_ylim(*limits)
        if panel.lines:
            panel.legend(fontsize="small")
    figure.savefig(file, dpi=90)
    pyplot.close(figure)
