"""Estimates from replicates."""

import numpy as np
import pytest
from recommendation_samples import replicate

from yachay.components.intervention_recommender.estimates import complete_draws, estimate, interval
from yachay.components.intervention_recommender.replicates import Replicate, draw_bags

NAN = np.nan


def test_a_draw_takes_the_next_replicate_that_scored_a_community():
    values = np.array([[1.0, NAN, 3.0], [NAN, 20.0, NAN], [100.0, NAN, 300.0]])
    np.testing.assert_array_equal(complete_draws(values), [[1, 20, 3], [100, 20, 300], [100, 20, 300]])


def test_an_interval_holds_its_mean():
    found = interval(np.array([[0.0], [0.0], [0.0], [0.0], [10.0]]), level=0.2)
    assert found.lower <= found.mean <= found.upper


def test_an_effect_is_positive_where_a_lower_outcome_is_better():
    found = estimate([replicate([0, 1], [50, 60], [-2, -4])], *2 * [np.array([[True, False]])], False, 0.8)

    assert found.effects.mean.tolist() == [[2, 0]]
    assert found.ranks[0].tolist() == [2, 1]


def test_ranks_have_intervals():
    ranks = estimate(
        [replicate([0, 1, 2], [10, 20, 30], [0, 0, 0]), replicate([0, 1, 2], [20, 10, 30], [0, 0, 0])],
        np.ones((1, 3), bool),
        np.ones((1, 3), bool),
        True,
        0.8,
    ).ranks
    assert ranks[1].tolist() == [1, 1, 3]
    assert ranks[2].tolist() == [2, 2, 3]


def test_what_all_actions_at_once_have_is_compared_with_the_sizes_of_the_effects():
    def found(effects, together, fits=True, at_once=True):
        """Returns the measure of a community with some effects beside one with a single action."""
        rows, outcome = np.arange(2), np.full(2, 50, np.float32)
        changes = np.column_stack([effects, [7.0, *[0.0] * (len(effects) - 1)]])
        none = np.zeros((0, 2), np.float32)
        one = Replicate(
            rows, outcome[:, None], outcome, outcome + changes, np.add(outcome, [together, 7.0]), none, rows
        )
        where = [np.broadcast_to(np.atleast_1d(given)[:, None], changes.shape) for given in (fits, at_once)]
        return estimate([one], *where, True, 0.8).not_additive

    assert found([2.0, 2.0], 3.0) == 0.25
    # A harm beside a help: their sum is nearly nothing, and is no measure of how far off it is.
    assert found([3.0, -2.9], 0.1) == pytest.approx(0, abs=1e-6)
    assert found([3.0, -3.0], 1.5) == 0.25
    # The second excludes the first, or fits only after it.
    assert np.isnan(found([2.0, 2.0], 2.0, at_once=[True, False]))
    assert np.isnan(found([2.0, 2.0], 2.0, fits=[True, False]))


def test_bags_leave_a_region_out_in_turn_and_score_what_is_out_of_them():
    regions = [f"r{number % 6}" for number in range(60)]
    groups = np.arange(60) % 12  # Two groups a region.
    bags = draw_bags(groups, regions, None, replicates=24, placebos=3, models_per_placebo=2, seed=1)

    assert bags.num_replicates == 24
    assert [bags.placebo_of(number) for number in (1, 24, 25, 26, 27, 30)] == [None, None, 0, 0, 1, 2]
    for trained, scored in zip(bags.trained, bags.scored, strict=True):
        assert not set(groups[trained]) & set(groups[scored])
        assert {regions[row] for row in scored} - {regions[row] for row in trained}
    left_out = [{regions[row] for row in scored} for scored in bags.scored[:6]]
    assert set.union(*left_out) == set(regions)
