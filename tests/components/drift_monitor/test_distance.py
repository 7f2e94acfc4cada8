"""Distances, their intervals and tests: against scipy, and by simulation."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency

from yachay.components.drift_monitor.bins import numeric_bins, numeric_distribution
from yachay.components.drift_monitor.decision import adjusted
from yachay.components.drift_monitor.distance import compare


def test_the_distance_and_the_test_are_those_of_scipy() -> None:
    reference, window = np.array([100, 200, 300]), np.array([[40, 50, 60]])
    found = compare(reference, window)

    assert found.raw[0] == pytest.approx(jensenshannon(reference / 600, window[0] / 150, base=2))
    assert found.p_value[0] == pytest.approx(chi2_contingency([reference, window[0]], correction=False).pvalue)


def test_all_joined_bins_are_expected_to_have_five_rows() -> None:
    # Some 4 rows are expected in each: the last two bins, then the next two, which the first one joins.
    reference, window = np.full(5, 40), np.array([[8, 4, 4, 2, 2]])
    found = compare(reference, window)

    joined = [[80, 120], [4, 16]]
    assert found.p_value[0] == pytest.approx(chi2_contingency(joined, correction=False).pvalue)


def test_the_interval_holds_the_true_distance() -> None:
    generator = np.random.default_rng(1)
    p, q = np.array([0.2, 0.3, 0.3, 0.15, 0.05]), np.array([0.3, 0.3, 0.2, 0.15, 0.05])
    for other in (p, q):
        true = jensenshannon(p, other, base=2)
        held = 0
        for _ in range(300):
            found = compare(generator.multinomial(2000, p), generator.multinomial(400, other, 1))
            held += found.low[0] - 1e-9 <= true <= found.high[0] + 1e-9
        assert held >= 0.92 * 300


def test_chance_alone_is_found_as_often_as_it_should_be() -> None:
    generator = np.random.default_rng(2)
    shares = generator.dirichlet(np.full(12, 0.5))
    p_values = np.concatenate(
        [
            compare(generator.multinomial(3000, shares), generator.multinomial(150, shares, 20)).p_value
            for _ in range(100)
        ]
    )

    assert 0.03 < (p_values < 0.05).mean() < 0.07
    assert (p_values < 0.001).mean() < 0.004


def test_bins_of_few_rows_are_joined() -> None:
    found = compare(np.array([1000, 0, 0, 1]), np.array([[20, 1, 1, 0]]))

    assert 0 < found.p_value[0] <= 1


def test_holm_adjusts_as_it_should() -> None:
    assert adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjusted([]).tolist() == []


def test_a_number_that_many_have_is_a_bin_of_its_own() -> None:
    values = np.r_[np.zeros(800), np.arange(1, 201)].astype(float)
    before = numeric_distribution(values)
    moved = np.bincount(numeric_bins(np.where(values == 0, 0.5, values), before), minlength=before.num_bins)

    assert compare(np.array(before.counts), moved[np.newaxis]).value[0] > 0.5


def test_values_that_are_missing_all_at_once_are_found_in_few_rows() -> None:
    before, window = np.array([1000, 800, 200, 0]), np.array([[48, 36, 8, 8]])

    assert compare(before, window).p_value[0] > 1e-6
    assert compare(before, window, alone={-1: 0}).p_value[0] < 1e-8
