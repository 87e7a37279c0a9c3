"""Chances and outcomes, by hand."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.evaluation.calibration import COLDEST, HOTTEST, calibration, fit_temperature, reliability, sigmoid, surprise


def test_a_judge_that_is_right_as_often_as_it_says_is_calibrated() -> None:
    """A margin of log 3 says three of four."""
    found = reliability([log(3)] * 3 + [-log(3)], 1.0)
    assert found["ece"] == pytest.approx(0)
    assert [(entry["n"], entry["accuracy"]) for entry in found["bins"]] == [(4, 0.75)]
    assert found["bins"][0]["confidence"] == pytest.approx(0.75)
    assert found["nll"] == pytest.approx(-(3 * log(0.75) + log(0.25)) / 4)


def test_the_error_is_the_distance_weighted_by_the_size_of_the_bins() -> None:
    """Three preferences of chance 0.75, one right; one of chance 0.5, a tie."""
    found = reliability([log(3), -log(3), -log(3), 0.0], 1.0)
    assert found["ece"] == pytest.approx((3 * abs(1 / 3 - 0.75) + 1 * 0) / 4)


def test_the_fitted_temperature_makes_the_chances_those_of_the_outcomes() -> None:
    """Right in three of four at margin 10: sigmoid(10 / T) = 3/4 at T = 10 / log 3."""
    assert fit_temperature([10, 10, 10, -10]) == pytest.approx(10 / log(3))
    found = calibration([10.0, 10.0, 10.0, 10.0, 10.0, 10.0, -10.0, -10.0])
    assert found is not None
    assert found["after"] is not None
    assert found["before"]["ece"] == pytest.approx(0.25, abs=1e-3)
    assert found["after"]["ece"] == pytest.approx(0, abs=1e-6)
    assert found["after"]["temperature"] == pytest.approx(10 / log(3))


def test_the_error_after_is_measured_on_items_that_the_temperature_was_not_fitted_on() -> None:
    """Even places are all right, odd places all wrong: what each half learns is wrong of the other."""
    found = calibration([1.0, -1.0] * 10)
    assert found is not None
    assert found["after"] is not None
    assert found["after"]["ece"] > 0.4


def test_margins_that_never_err_or_never_help_end_at_the_bounds() -> None:
    assert fit_temperature([1.0, 2.0]) == pytest.approx(COLDEST)
    assert fit_temperature([-1.0, -2.0]) == pytest.approx(HOTTEST)


def test_the_stored_temperature_is_measured_where_there_is_one() -> None:
    of_one = calibration([5.0])
    found = calibration([log(9)] * 3 + [-log(9)], stored_temperature=2.0)
    assert of_one is not None
    assert found is not None
    assert (of_one["after"], of_one["stored"]) == (None, None)
    assert found["stored"] is not None
    assert found["stored"]["temperature"] == 2.0
    assert found["stored"]["ece"] == pytest.approx(0)
    assert calibration([]) is None


@given(st.floats(-1e6, 1e6))
def test_chances_mirror_and_nothing_overflows(margin: float) -> None:
    assert sigmoid(margin) + sigmoid(-margin) == pytest.approx(1)
    assert surprise(margin) - surprise(-margin) == pytest.approx(-margin, abs=1e-6)
