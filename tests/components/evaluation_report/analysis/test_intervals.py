"""Intervals from a number and its standard error, beside scipy's and published ones."""

import math

import numpy as np
import pytest
from scipy import stats

from yachay.components.evaluation_report.analysis import intervals
from yachay.components.evaluation_report.report import Estimate

Z = float(stats.norm.ppf(0.975))


def estimate(hits: int, of: int) -> Estimate:
    return intervals.as_estimate(hits / of, intervals.score_interval(hits / of, of, Z))


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (9, 10), (10, 10), (1, 29), (250, 300), (4999, 5000)])
def test_the_interval_of_a_share_is_scipys_wilson(hits: int, of: int) -> None:
    theirs = stats.binomtest(hits, of).proportion_ci(method="wilson")

    assert intervals.score_interval(hits / of, of, Z) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_it_holds_a_true_share_of_95_percent_where_ten_records_of_ten_are_right() -> None:
    low, high = intervals.score_interval(1.0, 10, Z)

    # statsmodels 0.14: proportion_confint(10, 10, method="wilson").
    assert (low, high) == pytest.approx((0.7224672001371107, 1.0))


def test_the_difference_of_two_shares_is_newcombes() -> None:
    # Statistics in Medicine 17 (1998) 873-890, table II, example (a), method 10.
    ends = intervals.difference(estimate(56, 70), estimate(48, 80))

    assert ends == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_a_difference_of_numbers_that_vary_together_is_narrower() -> None:
    apart = intervals.difference(estimate(56, 70), estimate(48, 70))
    together = intervals.difference(estimate(56, 70), estimate(48, 70), 0.8)

    assert apart is not None
    assert together is not None
    assert together[1] - together[0] < 0.6 * (apart[1] - apart[0])


@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_a_ratio_may_be_one_where_the_difference_may_be_none(correlation: float) -> None:
    for hits in range(1, 60, 3):
        pair = estimate(hits, 60), estimate(40, 70)
        gap, ratio = intervals.difference(*pair, correlation), intervals.ratio(*pair, correlation)
        assert gap is not None
        assert ratio is not None
        assert (gap[0] <= 0 <= gap[1]) == (ratio[0] <= 1 <= ratio[1])


def test_the_ratio_to_a_number_that_may_be_none_has_no_interval() -> None:
    assert intervals.ratio(estimate(5, 10), estimate(0, 10)) is None


def test_all_differences_together_take_tukeys_quantile() -> None:
    assert intervals.range_quantile(2) == pytest.approx(Z, abs=1e-6)
    assert intervals.range_quantile(10) == pytest.approx(4.474 / math.sqrt(2), abs=1e-3)


def test_a_number_in_bounds_has_the_interval_of_the_share_with_its_error() -> None:
    found = intervals.bounded_interval(0.6, 0.2 * math.sqrt(0.8 * 0.2 / 50) * 10, 10**9, (-1.0, 1.0), 50)

    low, high = intervals.score_interval(0.8, 50, Z)
    assert found == pytest.approx((2 * low - 1, 2 * high - 1), abs=1e-6)


def test_a_number_at_its_bound_has_the_interval_of_as_many_alike_records() -> None:
    quantile = intervals.student_quantile(39)

    assert intervals.bounded_interval(1.0, 0.0, 40, (0.0, 1.0), 12) == intervals.score_interval(1.0, 12, quantile)


def test_an_error_that_is_never_negative_has_an_interval_in_proportion() -> None:
    low, high = intervals.bounded_interval(2.0, 0.4, 30, (0.0, None), 30) or (0, 0)

    assert low * high == pytest.approx(4.0)
    assert math.log(high / 2) == pytest.approx(stats.t.ppf(0.975, 29) * 0.2)
    assert intervals.bounded_interval(0.0, 0.0, 30, (0.0, None), 30) is None


def test_an_interval_reaches_further_from_the_bound_by_what_the_records_may_lack() -> None:
    for value, bounds, near in ((2.0, (0.0, None), 0), (-1.0, (None, 1.0), 1)):
        ends = intervals.bounded_interval(value, 0.4, 30, bounds, 30) or ()
        wider = intervals.bounded_interval(value, 0.4, 30, bounds, 30, beyond=0.2) or ()
        far = (intervals.bounded_interval(value, 0.6, 30, bounds, 30) or ())[1 - near]

        assert wider[near] == ends[near]
        assert wider[1 - near] == pytest.approx(far)


def test_a_skill_lies_below_one() -> None:
    low, high = intervals.bounded_interval(0.9, 0.09, 30, (None, 1.0), 30) or (0, 0)

    assert low < 0.9 < high < 1
    assert (1 - low) * (1 - high) == pytest.approx(0.01)


def test_a_number_without_bounds_has_a_symmetric_interval() -> None:
    low, high = intervals.bounded_interval(0.1, 1.0, 30, (None, None), 30) or (0, 0)

    assert (low + high) / 2 == pytest.approx(0.1)


def test_the_calibration_error_of_a_calibrated_model_may_be_none() -> None:
    rng = np.random.default_rng(0)
    gaps = np.concatenate([np.zeros((10, 1)), 0.01 * rng.normal(size=(10, 500))], axis=1)
    gaps[:, 0] = 0.01 * rng.normal(size=10)
    gaps[:, 1:] += gaps[:, :1]

    low, high = intervals.calibration_interval(gaps, 200)

    assert low == 0
    assert high >= np.abs(gaps[:, 0]).sum()


def test_the_calibration_error_of_a_wrong_model_is_above_none() -> None:
    rng = np.random.default_rng(0)
    gaps = 0.05 + 0.002 * rng.normal(size=(10, 501))

    low, high = intervals.calibration_interval(gaps, 200)

    assert 0.4 < low < 0.5 < high < 0.6
