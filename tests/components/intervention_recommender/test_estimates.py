"""Estimates from replicates."""

import numpy as np

from yachay.components.intervention_recommender.estimates import complete_draws, estimate, interval, refute
from yachay.components.intervention_recommender.replicates import Bags, Replicate, draw_bags

NAN = np.nan


def test_a_draw_takes_the_next_replicate_that_scored_a_community():
    values = np.array([[1.0, NAN, 3.0], [NAN, 20.0, NAN], [100.0, NAN, 300.0]])
    np.testing.assert_array_equal(complete_draws(values), [[1, 20, 3], [100, 20, 300], [100, 20, 300]])


def test_an_interval_holds_its_mean():
    found = interval(np.array([[0.0], [0.0], [0.0], [0.0], [10.0]]), level=0.2)
    assert found.lower <= found.mean <= found.upper


def replicate(rows, outcome, change, origins=None):
    rows, outcome = np.array(rows), np.array(outcome, np.float32)
    changed = (outcome + np.array(change, np.float32))[None]
    none = np.zeros((0, len(rows)), np.float32)
    return Replicate(rows, outcome[:, None], outcome, changed, changed[0], none, rows if origins is None else origins)


def test_an_effect_is_positive_where_a_lower_outcome_is_better():
    found = estimate([replicate([0, 1], [50, 60], [-2, -4])], np.array([[True, False]]), False, 0.8)

    assert found.effects.mean.tolist() == [[2, 0]]
    assert found.ranks[0].tolist() == [2, 1]


def test_ranks_have_intervals():
    ranks = estimate(
        [replicate([0, 1, 2], [10, 20, 30], [0, 0, 0]), replicate([0, 1, 2], [20, 10, 30], [0, 0, 0])],
        np.ones((1, 3), bool),
        True,
        0.8,
    ).ranks
    assert ranks[1].tolist() == [1, 1, 3]
    assert ranks[2].tolist() == [2, 2, 3]


def test_bags_leave_a_region_out_in_turn_and_score_what_is_out_of_them():
    regions = [f"r{number % 6}" for number in range(60)]
    groups = np.arange(60) % 12  # Two groups a region.
    bags = draw_bags(groups, regions, None, replicates=24, placebos=3, seed=1)

    assert bags.num_replicates == 24
    for trained, scored in zip(bags.trained, bags.scored, strict=True):
        assert not set(groups[trained]) & set(groups[scored])
        assert {regions[row] for row in scored} - {regions[row] for row in trained}
    left_out = [{regions[row] for row in scored} for scored in bags.scored[:6]]
    assert set.union(*left_out) == set(regions)


def test_a_placebo_as_large_as_the_effect_refutes_it():
    regions = np.repeat(np.arange(4), 5)
    rows = np.arange(20)
    trained = tuple(np.flatnonzero(regions != number % 4) for number in range(13))
    bags = Bags(trained, (rows,) * 13, 9)
    fits = np.ones((1, 20), bool)

    def found(placebo):
        real = [replicate(rows, np.full(20, 50.0), np.full(20, 2.0)) for _ in range(4)]
        placebos = [replicate(rows, np.full(20, 50.0), np.full(20, placebo)) for _ in range(9)]
        return refute([*real, *placebos], bags, fits, regions, True)[0]

    assert found(0.1).placebo_p == 0.1
    assert found(3.0).placebo_p == 1
    assert found(0.1).same_sign == 1
    assert found(0.1).least_ratio == 1


def test_a_placebo_counts_where_the_features_that_it_moves_fit():
    regions, rows = np.repeat(np.arange(4), 5), np.arange(20)
    bags = Bags((rows[5:],) * 11, (rows,) * 11, 9)
    fits = (rows % 2 == 0)[None]
    order = rows[::-1]
    real = [replicate(rows, np.full(20, 50.0), np.full(20, 2.0)) for _ in range(2)]
    # As large as the real effect in those that fit, and nothing in the others, which cannot move.
    placebos = [replicate(rows, np.full(20, 50.0), 2.0 * fits[0, order], order) for _ in range(9)]

    assert refute([*real, *placebos], bags, fits, regions, True)[0].placebo_p == 1
