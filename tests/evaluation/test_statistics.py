"""Shares and how sure they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.evaluation.statistics import mean, share, wilson_interval


def test_a_wilson_interval_is_the_published_one() -> None:
    """15 of 20, by hand: p = 0.75, z²/n = 0.19207; centre 0.84604 / 1.19207, half-width 0.21239 / 1.19207."""
    assert wilson_interval(15, 20) == pytest.approx((0.5313, 0.8881), abs=1e-4)


def test_all_right_of_few_is_far_from_sure() -> None:
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert share(0, 0) is None
    assert mean([]) is None


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share_and_mirrors(counts: tuple[int, int]) -> None:
    count, total = counts
    low, high = wilson_interval(count, total)
    assert 0 <= low <= count / total <= high <= 1
    assert wilson_interval(total - count, total) == pytest.approx((1 - high, 1 - low))


def test_more_pairs_make_a_narrower_interval() -> None:
    few, many = wilson_interval(9, 10), wilson_interval(90, 100)
    assert many[1] - many[0] < few[1] - few[0]
