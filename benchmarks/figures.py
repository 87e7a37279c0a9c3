"""Figures of what the paper never measured: accuracy against training rows, against parameters, and with one tool switched off.

    python -m benchmarks.figures rows 500=a.json 2000=b.json ... --out rows.png
    python -m benchmarks.figures parameters 3.05e6=a.json 20e6=b.json,c.json ... --out parameters.png
    python -m benchmarks.figures tools all=all.json calculator=without.json ... --out tools.png

Takes what `themis eval tara --json` wrote. Several files of one number are runs with other seeds, of which the mean is drawn. Intervals
are the 95 % intervals of the results (of several seeds: the mean of their ends). Judges nothing.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.table import Named, columns_of, figure, read_named, run_script
from themis.errors import ConfigError, DataError
from themis.evaluation.page.plots import COLOURS, GREY
from themis.evaluation.tables import NAMES

INK = "#1c2430"
DRAWN = COLOURS[:6]
"""Those that differ from the ink; where there are more lines or bars, the colours come again, dashed or hatched."""
AVERAGE = "micro"
ALL = "all"
WIDTH, HEIGHT, DOTS = 9.0, 5.2, 200
"""Inches, and dots to an inch: at 900 pixels across, letters are as large as a page's."""


@dataclass(frozen=True, slots=True)
class Share:
    """An accuracy in percent with its interval."""

    accuracy: float
    low: float
    high: float

    @property
    def bars(self) -> tuple[float, float]:
        """Below and above."""
        return max(0.0, self.accuracy - self.low), max(0.0, self.high - self.accuracy)


def rows(named: Named, axes: Any) -> None:
    """Accuracy against the pairs that a model was trained on."""
    _curves(named, axes, "pairs that the model was trained on")


def parameters(named: Named, axes: Any) -> None:
    """Accuracy against the size of the backbone."""
    _curves(named, axes, "parameters of the model")


def tools(named: Named, axes: Any) -> None:
    """A group of bars for each task, a bar for each run: all tools, then without one of them."""
    if ALL not in named or len(named) < 2:
        raise ConfigError("tools needs the run with all tools and at least one without a tool: all=all.json calculator=without.json")
    order = [ALL, *(name for name in named if name != ALL)]
    columns = [AVERAGE, *_tasks(named)]
    width = 0.82 / len(order)
    for at, name in enumerate(order):
        shares = [share_of(named, name, column) if column != AVERAGE or _has_all_tasks(named, name) else None for column in columns]
        places = [place + (at - (len(order) - 1) / 2) * width for place, share in enumerate(shares) if share]
        drawn = [share for share in shares if share]
        label = "all tools" if name == ALL else f"without {name}"
        colour = INK if name == ALL else DRAWN[(at - 1) % len(DRAWN)]
        hatch = "/////" if at > len(DRAWN) else None
        axes.bar(
            places,
            [share.accuracy for share in drawn],
            width * 0.94,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
            label=label,
        )
        axes.errorbar(places, [share.accuracy for share in drawn], yerr=_bars(drawn), fmt="none", ecolor="#7d8794", elinewidth=1.1)
    axes.set_xticks(range(len(columns)), [column.replace("_", " ") for column in columns], rotation=25, ha="right", rotation_mode="anchor")
    axes.axvline(0.5, color=GREY)
    axes.set(xlabel="task", ylim=(0, 103))
    axes.grid(axis="y", color=GREY)


def _has_all_tasks(named: Named, name: str) -> bool:
    """A run of the switched-off tool's tasks alone has an average that says nothing beside the one of all."""
    return set(_tasks({name: named[name]})) == set(_tasks({ALL: named[ALL]}))


KINDS: dict[str, tuple[str, Callable[[Named, Any], None]]] = {
    "rows": ("Accuracy by training rows", rows),
    "parameters": ("Accuracy by parameters", parameters),
    "tools": ("Accuracy with one tool switched off", tools),
}


def draw(kind: str, words: Sequence[str], out: Path) -> None:
    """Read the results that the words name, and write the figure."""
    if out.suffix not in (".png", ".svg", ".pdf"):
        raise ConfigError(f"--out {out}: give a file that ends with .png, .svg or .pdf")
    named = read_named(words)
    pyplot = _pyplot()
    title, onto = KINDS[kind]
    drawn, axes = pyplot.subplots(figsize=(WIDTH, HEIGHT), layout="constrained")
    try:
        onto(named, axes)
        first = next(iter(named.values()))[0]
        bench = " ".join(word for word in (NAMES.get(first["bench"], first["bench"]), first["split"]) if word)
        axes.set_title(f"{title}, {bench}", fontsize=13, loc="left", color=INK)
        axes.set_ylabel("accuracy, % (bars: 95 % interval)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        drawn.legend(loc="outside right upper", frameon=False, fontsize=9.5)
        drawn.savefig(out, dpi=DOTS)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        pyplot.close(drawn)


def share_of(named: Named, name: str, column: str) -> Share | None:
    """The mean of the seeds; None where one of them has not that task."""
    found = [row for result in named[name] if (row := figure(result, column)) is not None]
    if len(found) < len(named[name]):
        return None
    means = [fmean(values) for values in zip(*((row["accuracy"], *row["ci95"]) for row in found), strict=True)]
    return Share(*(100 * value for value in means))


def _curves(named: Named, axes: Any, label: str) -> None:
    """A line for each task, and a thick one for the average, over the numbers that the runs are named by."""
    numbers: dict[float, str] = {}
    for name in named:
        if (number := _number(name)) in numbers:
            raise ConfigError(f"'{numbers[number]}' and '{name}' are the same number: give the files of its seeds with commas")
        numbers[number] = name
    if len(numbers) < 2:
        raise ConfigError("a curve needs two numbers at least: 500=a.json 2000=b.json")
    places, tasks = sorted(numbers), _tasks(named)
    points = [(place, numbers[place]) for place in places]
    average = {"color": INK, "linewidth": 2.8, "elinewidth": 1.8, "capsize": 4, "markersize": 6, "zorder": 5}
    _curve(axes, named, points, AVERAGE, average)
    for at, task in enumerate(tasks):
        colour = DRAWN[at % len(DRAWN)]
        style = {"color": colour, "linewidth": 1.3, "linestyle": "--" if at >= len(DRAWN) else "-", "markersize": 3.5}
        # Beside each other, so that no interval hides another one.
        beside = (places[-1] / places[0]) ** (0.009 * (at - (len(tasks) - 1) / 2))
        _curve(axes, named, [(place * beside, name) for place, name in points], task, style | {"ecolor": (colour, 0.45), "elinewidth": 1.0})
    axes.set_xscale("log")
    axes.set_xticks(places, [written(place) for place in places])
    axes.minorticks_off()
    axes.set(xlabel=f"{label} (logarithmic)", ylim=(_floor(axes), 101.5))
    axes.grid(axis="y", color=GREY)


def _curve(axes: Any, named: Named, points: Sequence[tuple[float, str]], column: str, style: dict[str, Any]) -> None:
    shares = [(place, share) for place, name in points if (share := share_of(named, name, column)) is not None]
    if shares:
        heights = [share.accuracy for _, share in shares]
        label = f"{column.replace('_', ' ')} average" if column == AVERAGE else column.replace("_", " ")
        axes.errorbar([place for place, _ in shares], heights, yerr=_bars([share for _, share in shares]), marker="o", label=label, **style)


def _bars(shares: Sequence[Share]) -> list[list[float]]:
    return [list(ends) for ends in zip(*(share.bars for share in shares), strict=True)] if shares else [[], []]


def _tasks(named: Named) -> list[str]:
    """The averaged ones; raises `DataError` where a run has no average."""
    for name, results in named.items():
        if any(AVERAGE not in result["averages"] for result in results):
            raise DataError(f"{name}: its result has no average, since none of its tasks was run that needs a tool")
    results = [result for each in named.values() for result in each]
    return [column for column in columns_of(results) if any(column in result["tasks"] for result in results)]


def _floor(axes: Any) -> float:
    """The next ten below all that is drawn."""
    return float(max(0, axes.dataLim.ymin // 10 * 10))


def _number(name: str) -> float:
    try:
        number = float(name.replace(",", "").replace("_", ""))
    except ValueError:
        number = 0.0
    if not isfinite(number) or number <= 0:
        raise ConfigError(f"'{name}' is no number above zero: name each result by what stands on the axis, as in 2000=b.json")
    return number


def written(number: float) -> str:
    """2000 as 2,000, and 3.05e6 as 3.05M."""
    for unit, letter in ((1e9, "B"), (1e6, "M")):
        if number >= unit:
            return f"{number / unit:.3g}{letter}"
    return f"{number:,.6g}"


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise ConfigError("figures are drawn by matplotlib: pip install matplotlib") from error
    matplotlib.use("agg")
    from matplotlib import pyplot

    return pyplot


def main(words: Sequence[str]) -> None:
    """Draw what the words ask for."""
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.figures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("results", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(words)
    draw(given.kind, given.results, given.out)
    print(given.out)


if __name__ == "__main__":
    run_script("benchmarks.figures", __doc__, main)
