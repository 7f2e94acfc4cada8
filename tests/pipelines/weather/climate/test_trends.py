"""Trends: the numbers of pymannkendall 1.4.3 and SciPy where there are no gaps, and the right years where there are."""

import numpy as np
import pytest
from scipy import stats

from yachay.pipelines.weather.climate import trends
from yachay.pipelines.weather.climate.trends import find_trend, has_enough_years

YEARS = np.arange(1980, 2020)


def make_values(seed, alike, slope):
    noise, values = np.random.default_rng(seed).normal(size=40), np.zeros(40)
    for place in range(40):
        values[place] = (alike * values[place - 1] if place else 0) + noise[place]
    return np.round(values + slope * np.arange(40), 3)


@pytest.mark.parametrize(
    ("series", "slope", "p", "inflation", "p_prewhitened"),
    [
        ((1, 0.6, 0.05), 0.024746794871794868, 0.14911633372824795, 1.797530487804878, 0.042125865775026305),
        ((2, 0.0, 0.03), 0.03032692307692307, 0.03918554717058398, 1.0, 0.03973739578667357),
        ((3, 0.8, 0.0), 0.05132986111111111, 0.13850703060948444, 1.9820098499061913, 0.0010901833379530768),
    ],
)
def test_slope_and_tests_are_those_of_pymannkendall(series, slope, p, inflation, p_prewhitened, monkeypatch):
    # original_test, hamed_rao_modification_test(lag=10), trend_free_pre_whitening_modification_test
    monkeypatch.setattr(trends, "_inflation_by_neighbours", lambda _: 1.0)
    trend = find_trend(YEARS, make_values(*series))
    assert trend.per_decade == pytest.approx(10 * slope)
    assert trend.inflation == pytest.approx(inflation)
    assert (trend.p, trend.p_prewhitened) == (pytest.approx(p), pytest.approx(p_prewhitened))
    assert not trend.is_certain or (p < 0.05 and p_prewhitened < 0.05)


def test_of_independent_years_the_interval_is_that_of_sen():
    values = make_values(2, 0.0, 0.03)
    trend, theirs = find_trend(YEARS, values), stats.theilslopes(values, YEARS)
    assert (trend.low, trend.high) == (pytest.approx(10 * theirs.low_slope), pytest.approx(10 * theirs.high_slope))
    assert trend.is_certain


def test_years_that_are_alike_make_the_interval_wider():
    values = make_values(3, 0.8, 0.0)
    trend, theirs = find_trend(YEARS, values), stats.theilslopes(values, YEARS)
    assert theirs.low_slope > 0 > trend.low
    assert not trend.is_certain


def test_a_gap_moves_no_years_together():
    values = 0.1 * np.arange(40.0)
    values[10:20] = np.nan
    trend = find_trend(YEARS, values)
    assert trend.per_decade == pytest.approx(1.0)
    assert trend.num_years == 30


def test_equal_years_have_no_trend():
    trend = find_trend(YEARS, np.full(40, 3.0))
    assert (trend.per_decade, trend.low, trend.high, trend.p, trend.is_certain) == (0, 0, 0, 1, False)


@pytest.mark.parametrize(
    ("missing", "is_enough"),
    [(range(0), True), (range(10, 20), True), (range(10, 23), False), (range(9, 40), False),
     (range(10, 40), True)],
)  # fmt: skip
def test_a_trend_needs_enough_years_and_both_ends(missing, is_enough):
    values = np.arange(40.0)
    values[list(missing)] = np.nan
    assert has_enough_years(values) == is_enough
    assert (find_trend(YEARS, values) is not None) == is_enough


def test_the_interval_of_years_that_depend_on_the_one_before_holds_what_it_says():
    held = certain = 0
    for seed in range(200):
        trend = find_trend(YEARS, make_values(seed, 0.5, 0.0))
        held += trend.low <= 0 <= trend.high
        certain += trend.is_certain
    assert held >= 180
    assert certain <= 18


def test_few_years_show_too_little_of_their_autocorrelation():
    years = np.array([1.0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0])
    shown = trends._autocorrelation(years, 1)
    assert trends._inflation_by_neighbours(years) > (1 + shown) / (1 - shown)
    assert trends._inflation_by_neighbours(np.resize([0.0, 1.0], 12)) == 1.0
