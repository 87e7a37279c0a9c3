"""Plots as SVG: points, lines and 95 % intervals on two axes. Knows nothing of what they mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10

from themis.evaluation.page.markup import Markup, element, joined

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")
"""The palette of Okabe and Ito, which colour-blind readers can tell apart."""
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 12, 44
GREY, INK = "#d9dde3", "#4a5563"


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`, with a name; a `percent` axis labels 0.5 as 50."""

    name: str
    low: float
    high: float
    percent: bool = False

    def share(self, value: float) -> float:
        """The place of a value from 0 to 1; values beyond an end are placed at it."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self) -> list[float]:
        """Four to nine round values."""
        step = 10 ** floor(log10((self.high - self.low) / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if (self.high - self.low) / (step * factor) <= 8)
        first = ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, floor(self.high / step + 1e-9) + 1)]

    def label(self, value: float) -> str:
        return f"{value * 100 if self.percent else value:.6g}"


@dataclass(frozen=True, slots=True)
class Point:
    """A value, perhaps with its interval, and the text of its tooltip."""

    x: float
    y: float
    ci95: tuple[float, float] | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one colour."""

    name: str
    points: Sequence[Point]
    line: bool = True
    dots: bool = True


@dataclass(frozen=True, slots=True)
class Plot:
    """Two axes and the series between them."""

    x: Axis
    y: Axis
    series: Sequence[Series]
    width: int = 460
    height: int = 300
    diagonal: bool = False
    """Draw the line on which both axes have the same value."""
    names: Sequence[str] = field(default=())
    """Names of rows in place of the ticks of y, from the top."""


def around(values: Sequence[float], name: str, percent: bool = False) -> Axis:
    """An axis around these values, with a margin."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    start = low - room if low < 0 else max(0.0, low - room)
    return Axis(name, start, min(1.0, high + room) if percent else high + room, percent)


def draw(plot: Plot) -> Markup:
    """The plot as an SVG element; several series have a legend below it."""
    left = LEFT if not plot.names else 24 + 7 * max(map(len, plot.names))
    right_end, bottom = plot.width - RIGHT, plot.height - BOTTOM

    def across(value: float) -> float:
        return round(left + plot.x.share(value) * (right_end - left), 1)

    def up(value: float) -> float:
        return round(bottom - plot.y.share(value) * (bottom - TOP), 1)

    pieces = [_frame(plot, across, up, left, right_end, bottom)]
    if plot.diagonal:
        low, high = max(plot.x.low, plot.y.low), min(plot.x.high, plot.y.high)
        pieces.append(_line(across(low), up(low), across(high), up(high), stroke=INK, stroke_dasharray="4 4"))
    pieces += [_series(one, at, across, up, bool(plot.names)) for at, one in enumerate(plot.series)]
    svg = element("svg", *pieces, viewBox=f"0 0 {plot.width} {plot.height}", width=plot.width, height=plot.height, role="img")
    keys = legend([one.name for one in plot.series]) if len(plot.series) > 1 else ""
    return element("div", svg, keys, class_="plot", style=f"width:{plot.width}px")


def legend(names: Sequence[str]) -> Markup:
    """The colours of the series. With more series than colours, the later ones are paler and their lines dashed."""
    marks = [
        element("i", style=f"background:{COLOURS[at % len(COLOURS)]}", class_="second" if at >= len(COLOURS) else None)
        for at in range(len(names))
    ]
    return element("div", *(element("span", mark, name, class_="key") for mark, name in zip(marks, names, strict=True)), class_="legend")


Place = Callable[[float], float]


def _frame(plot: Plot, across: Place, up: Place, left: float, right_end: float, bottom: float) -> Markup:
    pieces: list[Markup] = []
    for value in plot.x.ticks():
        pieces.append(_line(across(value), TOP, across(value), bottom, stroke=GREY))
        pieces.append(_text(plot.x.label(value), across(value), bottom + 16, "middle"))
    if plot.names:
        for row, name in enumerate(plot.names):
            pieces.append(_text(name, left - 8, up(-row) + 4, "end"))
    else:
        for value in plot.y.ticks():
            pieces.append(_line(left, up(value), right_end, up(value), stroke=GREY))
            pieces.append(_text(plot.y.label(value), left - 6, up(value) + 4, "end"))
        name = element(
            "text", plot.y.name, transform=f"translate(13 {(TOP + bottom) / 2}) rotate(-90)", text_anchor="middle", class_="name"
        )
        pieces.append(name)
    pieces.append(_text(plot.x.name, (left + right_end) / 2, bottom + 36, "middle", "name"))
    return joined(*pieces)


def _series(series: Series, at: int, across: Place, up: Place, sideways: bool) -> Markup:
    """`sideways` intervals are of x, for plots with a named row for each value."""
    colour, dashes = COLOURS[at % len(COLOURS)], "5 4" if at >= len(COLOURS) else None
    places = [(across(point.x), up(point.y)) for point in series.points]
    pieces: list[Markup] = []
    if series.line and len(places) > 1:
        path = " ".join(f"{x},{y}" for x, y in places)
        pieces.append(element("polyline", points=path, fill="none", stroke=colour, stroke_width=1.8, stroke_dasharray=dashes))
    for point, (x, y) in zip(series.points, places, strict=True):
        if point.ci95 is not None:
            low, high = point.ci95
            ends = (across(low), y, across(high), y) if sideways else (x, up(low), x, up(high))
            pieces.append(_line(*ends, stroke=colour, stroke_width=2, stroke_opacity=0.55))
        if series.dots:
            pieces.append(element("circle", element("title", point.title or series.name), cx=x, cy=y, r=3.6, fill=colour))
    return joined(*pieces)


def _line(x1: float, y1: float, x2: float, y2: float, **style: object) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **style)


def _text(text: str, x: float, y: float, anchor: str, kind: str | None = None) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=kind)
