"""The plots of a dataset card as PNG: rows by task, lengths of answers, surface cues. Equal data give equal bytes.

Knows nothing of the card's text (`card`). matplotlib comes with the extra `build`.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from themis.builder.quality.audit import MOST_BY_RULE, MOST_BY_WORDS, Audit, Share
from themis.errors import ConfigError
from themis.traces import Pair

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WRONG, OTHER = "#2a7f8f", "#d17a22", "#9aa5ab"
_BINS = 24
_DPI = 110


def counts_plot(counts: Mapping[str, Mapping[str, int]]) -> bytes:
    """Rows of each task, by split."""
    figure = _figure(8, 0.42 * len(counts) + 1.3)
    axes = figure.subplots()
    tasks = list(counts)[::-1]
    train, test = ([counts[task].get(split, 0) for task in tasks] for split in ("train", "test"))
    axes.barh(tasks, train, color=RIGHT, label="training")
    axes.barh(tasks, test, left=train, color=WRONG, label="test")
    for place, (of_train, of_test) in enumerate(zip(train, test, strict=True)):
        axes.text(of_train + of_test, place, f"  {of_train:,} + {of_test:,}", va="center", fontsize=9)
    axes.set_xlim(0, 1.22 * max(1, *(one + other for one, other in zip(train, test, strict=True))))
    axes.set_xlabel("rows")
    axes.legend(loc="lower right", frameon=False)
    return _png(figure)


def lengths_plot(pairs: Mapping[str, Sequence[Pair]]) -> bytes:
    """Characters of right and wrong answers by task, on a logarithmic scale."""
    import numpy as np

    columns = 3
    lines = -(-len(pairs) // columns)
    figure = _figure(9, 2.1 * lines + 0.6)
    grid = figure.subplots(lines, columns, squeeze=False).flat
    for axes, (task, some) in zip(grid, pairs.items(), strict=False):
        right, wrong = (
            [max(1, len(side.answer)) for side in sides] for sides in zip(*((pair.chosen, pair.rejected) for pair in some), strict=True)
        )
        edges = np.geomspace(min(right + wrong), max(right + wrong) + 1, _BINS)
        axes.hist(right, edges, histtype="stepfilled", color=RIGHT, alpha=0.45, label="right")
        axes.hist(wrong, edges, histtype="step", color=WRONG, linewidth=1.6, label="wrong")
        axes.set_xscale("log")
        axes.set_title(task, fontsize=10)
        axes.tick_params(labelsize=8)
    for axes in list(figure.axes)[len(pairs) :]:
        axes.axis("off")
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("characters of the answer", fontsize=9)
    return _png(figure)


def audit_plot(audits: Mapping[str, Audit], published: Mapping[str, Audit]) -> bytes:
    """How often each rule is right, by task, beside published TARA; lines mark the bounds."""
    rules = [share.rule for share in next(iter(audits.values())).rules] + ["bag of words"]
    figure = _figure(9, 0.42 * len(audits) + 1.6)
    tasks = list(audits)
    for axes, place in zip(figure.subplots(1, len(rules), sharey=True, squeeze=False).flat, range(len(rules)), strict=True):
        limit = MOST_BY_WORDS if place == len(rules) - 1 else MOST_BY_RULE
        for number, task in enumerate(reversed(tasks)):
            _point(axes, number + 0.17, _share(audits[task], place), RIGHT)
            if task in published:
                _point(axes, number - 0.17, _share(published[task], place), OTHER)
        axes.axvline(100 * limit, color="#b3261e", linewidth=1, linestyle="--")
        axes.axvline(50, color="black", linewidth=0.8)
        axes.set_yticks(range(len(tasks)), reversed(tasks), fontsize=9)
        axes.set_xlim(35, 100)
        axes.tick_params(axis="x", labelsize=8)
        axes.set_title(rules[place].replace(" with the question", ""), fontsize=10)
    from matplotlib.patches import Patch

    handles = [Patch(color=RIGHT, label="this set"), *([Patch(color=OTHER, label="TARA as published")] if published else [])]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    figure.axes[len(rules) // 2].set_xlabel("right, %", fontsize=9)
    return _png(figure)


def _share(audit: Audit, place: int) -> Share:
    return audit.words if place == len(audit.rules) else audit.rules[place]


def _point(axes: Any, height: float, share: Share, color: str) -> None:
    low, high = share.interval
    axes.plot([100 * low, 100 * high], [height, height], color=color, linewidth=1.6)
    axes.plot([100 * share.share], [height], "o", color=color, markersize=5)


def _figure(width: float, height: float) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("matplotlib is missing: pip install 'themis-rm[build]'") from error
    return Figure(figsize=(width, height), layout="constrained", dpi=_DPI)


def _png(figure: "Figure") -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    written = BytesIO()
    # Without the library's version and the date, equal data give equal bytes.
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()
