"""Actions applied to communities."""

import numpy as np
import pandas as pd
import recommendation_samples as samples

from yachay.components.intervention_recommender.actions import apply_action, apply_together, extrapolates
from yachay.components.intervention_recommender.catalogue import CatalogueAction


def action(where=(), **move):
    moves = [{"feature": "a", "direction": "up", "evidence": "assumed"} | move]
    fields = {"title": "A", "moves": moves, "cost_per_person": 1, "cost_source": "assumed", "fits": {"where": where}}
    return CatalogueAction.model_validate(fields)


def test_a_move_ends_at_both_bounds_and_a_missing_value_stays():
    applied = apply_action(pd.DataFrame({"a": [10.0, 85.0, 95.0, np.nan]}), action(by_at_most=10, to_at_most=90))

    np.testing.assert_array_equal(applied.columns["a"], [20, 90, 95, np.nan])
    np.testing.assert_array_equal(applied.change, [10, 5, 0, 0])
    assert applied.fits.tolist() == [True, True, False, False]


def test_a_move_down_ends_at_its_bound():
    applied = apply_action(pd.DataFrame({"a": [30.0, 8.0]}), action(direction="down", by_at_most=10, to_at_most=5))
    assert applied.columns["a"].tolist() == [20, 5]


def test_other_parts_of_the_whole_fall_in_proportion_and_not_below_zero():
    table = pd.DataFrame({"a": [50.0, 50.0], "b": [30.0, 3.0], "c": [10.0, 1.0]})
    applied = apply_action(table, action(by_at_most=8, takes_from=["b", "c"]))

    np.testing.assert_allclose(applied.columns["b"], [24, 0])
    np.testing.assert_allclose(applied.columns["c"], [8, 0])


def test_a_column_that_contains_the_moved_one_is_never_below_it():
    table = pd.DataFrame({"a": [50.0, 50.0], "b": [52.0, 90.0]})
    assert apply_action(table, action(by_at_most=10, raises=["b"])).columns["b"].tolist() == [60, 90]


def test_a_move_does_not_pass_another_column():
    table = pd.DataFrame({"a": [4.0, 6.0], "b": [5.0, 6.0]})
    applied = apply_action(table, action(by_at_most=3, not_above="b"))
    assert applied.columns["a"].tolist() == [5, 6]
    assert applied.fits.tolist() == [True, False]


def test_conditions_look_at_sums_and_at_words():
    table = pd.DataFrame({"a": [1.0, 1.0, 1.0], "b": [20.0, 5.0, 20.0], "place": ["coast", "coast", "forest"]})
    where = [{"columns": ["a", "b"], "at_least": 10}, {"columns": "place", "one_of": ["coast"]}]
    assert apply_action(table, action(where, by_at_most=1)).fits.tolist() == [True, False, False]


def test_an_action_without_moves_changes_nothing():
    applied = apply_action(samples.communities(5), samples.catalogue().actions["teaching"])
    assert applied.columns == {}
    assert applied.fits.all()


def test_of_actions_that_exclude_each_other_the_first_is_applied():
    table = samples.communities(5).assign(water_pct=[20.0, 50, 84, 86, 94], river_pct=0.0)
    found = samples.catalogue(noise={"needs": [], "excludes": ["water"]})
    columns, at_once = apply_together(table, found)
    assert at_once.tolist() == [[True] * 3 + [False] * 2, [False] * 3 + [True] * 2, [True] * 5]
    assert columns["water_pct"].tolist() == [30, 60, 90, 86, 94]
    np.testing.assert_allclose(columns["noise"], table["noise"] + [0, 0, 0, 1, 1])


def test_a_value_that_no_similar_community_has_extrapolates():
    table = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0)})
    chosen = action(by_at_most=10)
    beyond = extrapolates(table, ["a", "b"], chosen, apply_action(table, chosen), similar=10)

    # Of those that are alike in b the values of a reach 9 further, at the end of the range, and elsewhere 5.
    assert beyond[1:].all()
    small = action(by_at_most=2)
    assert not extrapolates(table, ["a", "b"], small, apply_action(table, small), similar=10)[:30].any()


def test_beside_an_unknown_bound_a_known_value_stays():
    table = pd.DataFrame({"a": [1.0, 1.0], "b": [np.nan, 9.0]})
    applied = apply_action(table, action(by_at_most=2, not_above="b"))
    assert applied.columns["a"].tolist() == [1, 3]
    assert applied.fits.tolist() == [False, True]
