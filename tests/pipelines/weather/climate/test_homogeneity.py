"""Tests of homogeneity: the statistics of pyhomogeneity 1.1, and breaks where there are some."""

import numpy as np
import pytest

from yachay.pipelines.weather.climate.homogeneity import find_breaks

YEARS = np.arange(1980, 2020)


def test_statistics_are_those_of_pyhomogeneity():
    noise, values = np.random.default_rng(1).normal(size=40), np.zeros(40)
    for place in range(40):
        values[place] = (0.6 * values[place - 1] if place else 0) + noise[place]
    found = find_breaks(YEARS, np.round(values + 0.05 * np.arange(40), 3))
    assert found.statistics["pettitt"] == 259.0
    assert found.statistics["snht"] == pytest.approx(15.470437599378181)
    assert found.statistics["buishand"] == pytest.approx(1.7564813925731553)
    # Theirs is simulated from normal numbers: .0012, .0005, .0090.
    assert found.p == pytest.approx({"pettitt": 0.0012, "snht": 0.0005, "buishand": 0.009, "von_neumann": 0}, abs=0.005)


def test_a_step_is_found_where_it_is_and_noise_has_none():
    noise = np.random.default_rng(4).normal(size=40)
    found = find_breaks(YEARS, noise + 3 * (YEARS > 1999))
    assert (found.year, found.verdict) == (1999, "suspect")
    assert found.after - found.before == pytest.approx(3, abs=0.7)
    assert find_breaks(YEARS, noise).verdict == "useful"


def test_too_few_years_and_equal_ones_are_not_tested():
    assert find_breaks(YEARS, np.where(YEARS < 1994, YEARS, np.nan)) is None
    assert find_breaks(YEARS, np.zeros(40)) is None
