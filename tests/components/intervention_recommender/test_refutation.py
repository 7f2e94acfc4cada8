"""The tests that could refute an effect."""

import numpy as np
import pytest
from recommendation_samples import replicate

from yachay.components.intervention_recommender.refutation import Refuted, refutations, refute
from yachay.components.intervention_recommender.replicates import Bags

ROWS = np.arange(20)
REGIONS = np.repeat(np.arange(4), 5)


def changed(change, num=1):
    return [replicate(ROWS, np.full(20, 50.0), np.full(20, change)) for _ in range(num)]


def test_the_p_value_counts_the_placebos_as_large_as_the_effect_and_is_never_zero():
    trained = tuple(np.flatnonzero(number % 4 != REGIONS) for number in range(23))
    bags = Bags(trained, (ROWS,) * 23, num_placebos=19, models_per_placebo=1)
    fits = np.ones((1, 20), bool)

    def found(placebo, num_large=19):
        placebos = changed(placebo, num_large) + changed(0.0, 19 - num_large)
        return refute([*changed(2.0, 4), *placebos], bags, fits, REGIONS, True)[0]

    assert found(0.1).placebo_p == 0.05
    assert found(3.0).placebo_p == 1
    assert found(-3.0, num_large=4).placebo_p == 0.25
    assert found(0.1).same_sign == 1
    assert found(0.1).least_ratio == 1


def test_the_effect_of_a_placebo_is_the_mean_of_its_models():
    bags = Bags((ROWS[5:],) * 8, (ROWS,) * 8, num_placebos=2, models_per_placebo=3)
    # One placebo has 3, 0 and 0, whose mean is below the effect of 2, the other 3, 3 and 3.
    placebos = [*changed(3.0), *changed(0.0, 2), *changed(3.0, 3)]
    [found] = refute([*changed(2.0, 2), *placebos], bags, np.ones((1, 20), bool), REGIONS, True)
    assert found.placebo_p == pytest.approx(2 / 3)


def test_a_placebo_counts_where_the_features_that_it_moves_fit():
    bags = Bags((ROWS[5:],) * 11, (ROWS,) * 11, num_placebos=9, models_per_placebo=1)
    fits = (ROWS % 2 == 0)[None]
    order = ROWS[::-1]
    # As large as the real effect in those that fit, and nothing in the others, which cannot move.
    placebos = [replicate(ROWS, np.full(20, 50.0), 2.0 * fits[0, order], order) for _ in range(9)]

    assert refute([*changed(2.0, 2), *placebos], bags, fits, REGIONS, True)[0].placebo_p == 1


def test_chance_and_harm_are_decisive_and_a_region_that_matters_is_not():
    found = {one.title.en: one for one in refutations(Refuted(0.05, 0.7, 0.4, -1.0))}

    assert {title: one.passed for title, one in found.items()} == {
        "Placebo feature": True,
        "Held-out region: direction": False,
        "Held-out region: size": False,
        "Known sign": False,
    }
    assert [one.is_decisive for one in found.values()] == [True, False, False, True]
    assert found["Placebo feature"].expected == "≤ 0.05"
    assert not refutations(Refuted(0.06, 1.0, 1.0, 1.0))[0].passed
    assert refutations(Refuted()) == ()
