"""How sure a share is: pure functions of counts."""

from math import sqrt

Z_95 = 1.959964
"""The normal quantile that leaves 2.5 % on either side."""


def share(count: float, total: int) -> float | None:
    """`count` of `total`, or None where there was nothing to count."""
    return count / total if total else None


def mean(values: list[float]) -> float | None:
    """The plain mean, or None of nothing."""
    return sum(values) / len(values) if values else None


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share; unlike count ± deviation it stays within 0..1 and is honest near both ends.

    Source: Wilson, Journal of the American Statistical Association 22 (1927); without continuity correction.
    """
    if not total:
        return 0.0, 1.0
    p, spread = count / total, Z_95**2 / total
    centre = (p + spread / 2) / (1 + spread)
    half = sqrt(spread * (p * (1 - p) + spread / 4)) / (1 + spread)
    return (0.0 if count == 0 else centre - half), (1.0 if count == total else centre + half)
