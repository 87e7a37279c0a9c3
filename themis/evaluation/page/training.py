"""Logs of training: the loss and its terms, and the measurements during training."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from themis.evaluation.page.markup import Markup, element, figure, section, table
from themis.evaluation.page.plots import Plot, Point, Series, around, draw
from themis.evaluation.page.runs import Run
from themis.evaluation.tables import percent

TERMS = ("loss", "ranking", "early", "answer", "action", "observation", "rationale")
_SHOWN = ("accuracy", "calls")


def training_section(runs: Sequence[Run]) -> Markup:
    """All runs in one plot, then each run by itself."""
    if not runs:
        return Markup("")
    losses = [Series(run.name, points_of(run, "loss"), dots=False) for run in runs]
    parts = [_plot(losses, "loss", "Loss of training."), _summary(runs)]
    for run in runs:
        terms = [Series(name, points_of(run, name), dots=False) for name in TERMS[1:]]
        terms = [one for one in terms if any(point.y for point in one.points)]
        names = sorted({key for line in run.content for key in line if key.startswith("eval_") and key.endswith(_SHOWN)})
        measured = [Series(name.removeprefix("eval_").replace("_", " "), points_of(run, name)) for name in names]
        plots = [
            _plot(terms, "loss", f"{run.name}: terms of the loss."),
            _plot(measured, "share, %", f"{run.name}: measurements during training.", percent_=True),
        ]
        parts += [element("h3", run.name), element("div", *plots, class_="plots")]
    return section("Training", *parts)


def points_of(run: Run, key: str) -> list[Point]:
    """A point for each logged line that has the figure."""
    pairs = [(line.get("step"), line.get(key)) for line in run.content]
    return [Point(float(step), float(value)) for step, value in pairs if _is_number(step) and _is_number(value)]


def _summary(runs: Sequence[Run]) -> Markup:
    rows: list[list[Any]] = []
    for run in runs:
        losses = points_of(run, "loss")
        measured = [line for line in run.content if any(key.startswith("eval_") for key in line)]
        last = {
            key: value for key, value in (measured[-1] if measured else {}).items() if key.startswith("eval_held") and _is_number(value)
        }
        held = ", ".join(f"{key.removeprefix('eval_').replace('_', ' ')} {percent(value)}" for key, value in last.items())
        seconds = run.meta.get("training", {}).get("seconds") if isinstance(run.meta.get("training"), dict) else None
        end = [f"{losses[-1].x:.0f}", f"{losses[-1].y:.3f}"] if losses else ["-", "-"]
        rows.append([run.name, *end, f"{seconds:.0f}" if _is_number(seconds) else "-", held or "-"])
    return table(["run", "steps", "last loss", "seconds", "last measured, %"], rows)


def _plot(series: Sequence[Series], name: str, caption: str, percent_: bool = False) -> Markup:
    drawn = [one for one in series if one.points]
    if not drawn:
        return Markup("")
    xs, ys = ([getattr(point, axis) for one in drawn for point in one.points] for axis in ("x", "y"))
    return figure(draw(Plot(around([0.0, *xs], "step"), around(ys, name, percent=percent_), drawn, width=520)), caption)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
