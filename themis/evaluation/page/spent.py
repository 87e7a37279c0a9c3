"""The cost of judging, and accuracy against cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from themis.evaluation.costs import Cost
from themis.evaluation.page.markup import TEXTS, Markup, element, figure, section, table
from themis.evaluation.page.plots import Plot, Point, Series, around, draw
from themis.evaluation.page.runs import Run
from themis.evaluation.results import Average, Rival
from themis.evaluation.tables import percent


@dataclass(frozen=True, slots=True)
class Spent:
    """The cost of one judge of a run."""

    name: str
    cost: Cost
    draws: int
    """Traces of each answer."""
    accuracy: Average | Rival | None

    @property
    def tokens(self) -> float:
        """Tokens of an answer, read and written."""
        return self.draws * (self.cost["read_tokens"] + self.cost["new_tokens"])

    @property
    def seconds(self) -> float:
        """Seconds of an answer."""
        return self.draws * self.cost["seconds"]


def cost_section(runs: Sequence[Run]) -> Markup:
    """The cost of a judgement, and how tools were called."""
    spent = [one for run in runs for one in _spent(run)]
    if not spent:
        return Markup("")
    plots = [_plot(spent, "tokens", "tokens read and written for an answer"), _plot(spent, "seconds", "seconds of an answer")]
    costs = table(TEXTS["cost"]["headings"], [_row(one.name, one.cost) for one in spent])
    tools = [
        [one.name, tool, calls["calls"], calls["ok"], calls["error"], calls["failed"]]
        for one in spent
        for tool, calls in one.cost["tools"].items()
    ]
    by_tool = table(["run", "tool", "calls", "answered", "rejected", "failed"], tools, texts=2) if tools else ""
    return section("Cost", element("div", *plots, class_="plots"), costs, by_tool, note=TEXTS["cost"]["note"])


def _spent(run: Run) -> list[Spent]:
    """The judge's cost, and that of the model it was compared with."""
    result = run.result
    micro = result["averages"].get("micro")
    judges: list[tuple[str, Cost | None, int, Average | Rival | None]] = [
        (run.name, result["cost"], result["draws"]["samples"] if result["draws"] else 1, micro),
        (f"{run.name}, against: {result['against']}", result["against_cost"], 1, micro["rivals"].get("against") if micro else None),
    ]
    return [Spent(name, cost, draws, accuracy) for name, cost, draws, accuracy in judges if cost is not None]


def _row(name: str, cost: Cost) -> list[Any]:
    calls = [percent(cost["with_call"]), f"{cost['calls']:.2f}", percent(cost["valid"]), percent(cost["answered"]), cost["malformed"]]
    tokens = [f"{cost['read_tokens']:.0f}", f"{cost['new_tokens']:.0f}"]
    seconds = [f"{cost['seconds']:.2f}", f"{cost['seconds_p95']:.2f}"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in cost["reasons"].items())
    return [name, cost["judgements"], *calls, *tokens, *seconds, reasons or "-"]


def _plot(spent: Sequence[Spent], key: str, label: str) -> Markup:
    series = [Series(one.name, [Point(getattr(one, key), at["accuracy"], at["ci95"], one.name)]) for one in spent if (at := one.accuracy)]
    if not series:
        return Markup("")
    points = [point for one in series for point in one.points]
    ys = [value for point in points for value in (point.y, *(point.ci95 or ()))]
    across = around([0.0, *(point.x for point in points)], label)
    return figure(draw(Plot(across, around(ys, "micro accuracy, %", percent=True), series)), f"Accuracy against {key}.")
