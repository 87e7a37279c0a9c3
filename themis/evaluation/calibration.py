"""Calibration: the probability that a judge gives to its preferred answer, against how often it is right.

The probability is sigmoid(margin / temperature). Pure functions of margins: a margin is the better answer's reward
less the worse one's. Knows nothing of models.
Source: Guo et al., On Calibration of Modern Neural Networks, arXiv:1706.04599.
"""

from collections.abc import Sequence
from math import exp, log1p, sqrt
from typing import TypedDict

from themis.evaluation.statistics import mean, wilson_interval

BINS = 10
"""Of equal width, from 0.5 to 1: the preferred answer never has a lower probability."""
COLDEST, HOTTEST = 1e-3, 1e4
"""The ends of the search: margins that are never wrong have no best temperature."""


class Bin(TypedDict):
    """Preferences of about the same probability."""

    low: float
    high: float
    n: int
    confidence: float
    """Their mean probability."""
    accuracy: float
    ci95: tuple[float, float]


class Reliability(TypedDict):
    """How well probabilities and outcomes agree at one temperature."""

    temperature: float
    ece: float
    """Expected calibration error: the mean gap between probability and accuracy over the bins, weighted by size."""
    nll: float
    """Mean of -log of the probability given to the better answer."""
    bins: list[Bin]


class Calibration(TypedDict):
    """Before and after a temperature."""

    n: int
    """Items whose answers all have a reward."""
    before: Reliability
    after: Reliability | None
    """Each half of the items at the temperature fitted on the other half; None for a single item.

    Its `temperature` is the one fitted on all items.
    """
    stored: Reliability | None
    """At the temperature in the model's `themis.json`, if there is one."""


def calibration(margins: Sequence[float], stored_temperature: float = 1.0) -> Calibration | None:
    """Reliability of the raw margins, after a temperature fitted by halves, and at the model's own temperature."""
    if not margins:
        return None
    after = None
    if len(margins) > 1:
        halves = [margins[start::2] for start in range(2)]
        scaled = [margin / fit_temperature(other) for half, other in zip(halves, reversed(halves), strict=True) for margin in half]
        after = reliability(scaled, fit_temperature(margins))
    stored = None if stored_temperature == 1.0 else reliability([margin / stored_temperature for margin in margins], stored_temperature)
    return Calibration(n=len(margins), before=reliability(margins, 1.0), after=after, stored=stored)


def reliability(scaled: Sequence[float], temperature: float) -> Reliability:
    """The bins and the error of margins that were already divided by `temperature`; there is at least one."""
    bins: list[list[float]] = [[] for _ in range(BINS)]
    for margin in scaled:
        bins[min(BINS - 1, int((sigmoid(abs(margin)) - 0.5) * 2 * BINS))].append(margin)
    filled = [_bin(at, margins) for at, margins in enumerate(bins) if margins]
    ece = sum(entry["n"] * abs(entry["accuracy"] - entry["confidence"]) for entry in filled) / len(scaled)
    return Reliability(temperature=temperature, ece=ece, nll=sum(map(surprise, scaled)) / len(scaled), bins=filled)


def fit_temperature(margins: Sequence[float]) -> float:
    """The temperature with the least mean `surprise`, between `COLDEST` and `HOTTEST`.

    The mean is convex in 1 / temperature, so bisection finds where its slope is zero.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(80):
        middle = sqrt(low * high)
        falls = sum(margin * sigmoid(-middle * margin) for margin in margins) >= 0
        low, high = (middle, high) if falls else (low, middle)
    return 1 / sqrt(low * high)


def sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), without overflow."""
    return 1 / (1 + exp(-value)) if value >= 0 else exp(value) / (1 + exp(value))


def surprise(margin: float) -> float:
    """-log sigmoid(margin), without overflow."""
    return log1p(exp(-margin)) if margin >= 0 else log1p(exp(margin)) - margin


def _bin(at: int, margins: list[float]) -> Bin:
    """A margin of zero prefers neither answer and counts as half right."""
    points = sum(0.5 if margin == 0 else float(margin > 0) for margin in margins)
    confidence = mean([sigmoid(abs(margin)) for margin in margins]) or 0.0
    low, high = (0.5 + 0.5 * edge / BINS for edge in (at, at + 1))
    accuracy = points / len(margins)
    return Bin(low=low, high=high, n=len(margins), confidence=confidence, accuracy=accuracy, ci95=wilson_interval(points, len(margins)))
