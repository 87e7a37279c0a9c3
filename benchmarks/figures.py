"""A figure of what the paper never measured: accuracy with one tool switched off.

    python -m benchmarks.figures all=all.json calculator=without.json ... --out tools.png

Takes what `themis eval tara --out` wrote. Several files of one name, with commas, are runs with other seeds, of which
the mean is drawn. Intervals are the 95 % intervals of the results (of several seeds: the mean of their ends). Judges
nothing.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
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


def tools(named: Named, axes: Any) -> None:
    """A group of bars for each task, a bar for each run: all tools, then without one of them."""
    if ALL not in named or len(named) < 2:
        raise ConfigError("give the run with all tools and at least one without a tool: all=all.json calculator=without.json")
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


def draw(words: Sequence[str], out: Path) -> None:
    """Read the results that the words name, and write the figure."""
    if out.suffix not in (".png", ".svg", ".pdf"):
        raise ConfigError(f"--out {out}: give a file that ends with .png, .svg or .pdf")
    named = read_named(words)
    pyplot = _pyplot()
    drawn, axes = pyplot.subplots(figsize=(WIDTH, HEIGHT), layout="constrained")
    try:
        tools(named, axes)
        first = next(iter(named.values()))[0]
        bench = " ".join(word for word in (NAMES.get(first["bench"], first["bench"]), first["split"]) if word)
        axes.set_title(f"Accuracy with one tool switched off, {bench}", fontsize=13, loc="left", color=INK)
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


def _bars(shares: Sequence[Share]) -> list[list[float]]:
    return [list(ends) for ends in zip(*(share.bars for share in shares), strict=True)] if shares else [[], []]


def _tasks(named: Named) -> list[str]:
    """The averaged ones; raises `DataError` where a run has no average."""
    for name, results in named.items():
        if any(AVERAGE not in result["averages"] for result in results):
            raise DataError(f"{name}: its result has no average, since none of its tasks was run that needs a tool")
    results = [result for each in named.values() for result in each]
    return [column for column in columns_of(results) if any(column in result["tasks"] for result in results)]


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
    parser.add_argument("results", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(words)
    draw(given.results, given.out)
    print(given.out)


if __name__ == "__main__":
    run_script("benchmarks.figures", __doc__, main)
