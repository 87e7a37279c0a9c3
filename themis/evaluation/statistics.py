"""Intervals of a share, of a mean of shares, and of the difference between two judges: pure functions of numbers."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

Z_95 = 1.959964
"""The normal quantile that leaves 2.5 % on either side."""

RESAMPLES = 5_000
_RESAMPLES_AT_ONCE = 250

Interval = tuple[float, float]


def share(count: float, total: int) -> float | None:
    """`count` of `total`, or None where there was nothing to count."""
    return count / total if total else None


def mean(values: Sequence[float]) -> float | None:
    """The plain mean, or None of nothing."""
    return sum(values) / len(values) if values else None


def wilson_interval(count: float, total: int) -> Interval:
    """The 95 % interval of a share. Unlike the normal interval it stays within 0..1 and holds near both ends.

    `count` may be a sum of fractional points, which makes the interval a little too wide.
    Source: Wilson, Journal of the American Statistical Association 22 (1927); without continuity correction.
    """
    if not total:
        return 0.0, 1.0
    p, spread = count / total, Z_95**2 / total
    centre = (p + spread / 2) / (1 + spread)
    half = sqrt(spread * (p * (1 - p) + spread / 4)) / (1 + spread)
    return (0.0 if count == 0 else centre - half), (1.0 if count == total else centre + half)


def macro_interval(counts: Sequence[tuple[float, int]]) -> Interval:
    """The 95 % interval of the plain mean of shares, each `count` of `total`, from the Wilson interval of each.

    Unlike a bootstrap it holds where every share is 0 or 1.
    Source: Zou and Donner, Statistics in Medicine 27 (2008): the variance recovered from each share's own limits.
    """
    if not counts:
        return 0.0, 1.0
    shares = [count / total for count, total in counts]
    limits = [wilson_interval(count, total) for count, total in counts]
    centre = sum(shares) / len(shares)
    below = sqrt(sum((p - low) ** 2 for p, (low, _) in zip(shares, limits, strict=True))) / len(shares)
    above = sqrt(sum((high - p) ** 2 for p, (_, high) in zip(shares, limits, strict=True))) / len(shares)
    return max(0.0, centre - below), min(1.0, centre + above)


def paired_bootstrap(strata: Sequence[Sequence[float]], seed: int = 0) -> Interval:
    """The 95 % interval of the mean over strata of the mean difference; a number is the difference on one item.

    Items are resampled within each stratum, by the percentile method. With one stratum it is the plain paired
    bootstrap. If all differences of a small sample are equal, the interval has no width.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    import numpy as np

    if not strata or not all(strata):
        return -1.0, 1.0
    rng = np.random.default_rng(seed)
    totals: Any = np.zeros(RESAMPLES)
    for stratum in strata:
        values = np.asarray(stratum, dtype=float)
        for start in range(0, RESAMPLES, _RESAMPLES_AT_ONCE):
            drawn = rng.integers(len(values), size=(_RESAMPLES_AT_ONCE, len(values)))
            totals[start : start + _RESAMPLES_AT_ONCE] += values[drawn].mean(axis=1)
    low, high = np.quantile(totals / len(strata), [0.025, 0.975])
    return float(low), float(high)
