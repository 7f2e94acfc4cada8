"""Intervals of outcomes that are calibrated on other groups."""

import numpy as np
import pytest

from yachay.components.cross_validator.intervals import MAX_PARTS, OutcomeSpread
from yachay.errors import DataError

pytestmark = pytest.mark.integration


def country(num_groups=40, num_rows=2000, seed=3):
    """Returns predictions, outcomes, groups and sizes: groups are missed alike, small records by more."""
    random = np.random.default_rng(seed)
    groups = random.integers(num_groups, size=num_rows)
    predicted, size = random.uniform(20, 80, num_rows), random.uniform(2, 6, num_rows)
    noise = (8 - size) * (0.5 * random.normal(size=num_groups)[groups] + random.normal(size=num_rows))
    return predicted, predicted + noise, groups, size


@pytest.fixture(scope="module")
def spread():
    predicted, observed, groups, size = country()
    return OutcomeSpread.of(predicted, observed, groups, [size])


def holds(ends, outcomes):
    return (outcomes >= ends[0]) & (outcomes <= ends[1])


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_intervals_hold_their_share_of_the_outcomes_of_new_groups(level, spread):
    _, observed, _, size = country()
    held = holds(spread.interval(level), observed)
    assert held.mean() == pytest.approx(level, abs=0.03)
    small = size < np.quantile(size, 0.25)
    assert held[small].mean() == pytest.approx(level, abs=0.06)


def test_intervals_are_wider_where_outcomes_are_noisier(spread):
    predicted, observed, groups, size = country()
    lower, upper = spread.interval(0.8)
    width = upper - lower
    assert width[size < 3].mean() > 1.5 * width[size > 5].mean()
    lower, upper = OutcomeSpread.of(predicted, observed, groups).interval(0.8)
    assert holds((lower, upper), observed)[size < 3].mean() < 0.7


def test_the_outcomes_of_a_group_have_no_part_in_its_own_intervals(spread):
    predicted, observed, groups, size = country()
    before = spread.interval(0.8)
    missed = np.where(groups == 7, observed + 100, observed)
    after = OutcomeSpread.of(predicted, missed, groups, [size]).interval(0.8)
    own = groups == 7
    np.testing.assert_array_equal(before[1][own], after[1][own])
    assert not holds(after, missed)[own].any()


def test_a_records_residual_has_no_part_in_what_it_is_divided_by(spread):
    predicted, observed, groups, size = country()
    changed = np.where(np.arange(len(groups)) == 5, observed + 100, observed)
    before, after = spread.scales, OutcomeSpread.of(predicted, changed, groups, [size]).scales
    np.testing.assert_array_equal(before[:, 5], after[:, 5])
    assert (before != after).any()


@pytest.mark.parametrize("num_rows", [40, 100])
def test_intervals_of_few_records_hold_their_share(num_rows):
    held = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        predicted, size, noise = random.normal(size=(3, num_rows))
        spread = OutcomeSpread.of(predicted, predicted + noise, np.arange(num_rows) % 10, [size])
        held.append(holds(spread.interval(0.8), predicted + noise).mean())
    assert 0.795 < np.mean(held) < 0.84


def test_draws_miss_a_group_alike():
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(20), 30)
    predicted = random.uniform(0, 100, 600)
    observed = predicted + 10 * random.normal(size=20)[groups] + random.normal(size=600)
    draws = OutcomeSpread.of(predicted, observed, groups).draws(50, seed=2)
    assert draws.shape == (50, 600)
    together = (draws - predicted).reshape(50, 20, 30)
    assert together.mean(axis=2).std() > 3 * together.std(axis=2).mean()
    np.testing.assert_array_equal(draws, OutcomeSpread.of(predicted, observed, groups).draws(50, seed=2))


def test_without_groups_and_with_many_parts_are_left_out_together():
    predicted, observed, groups, size = country()
    for given in (None, np.arange(len(groups))):
        spread = OutcomeSpread.of(predicted, observed, given, [size])
        assert len(spread.scales) == MAX_PARTS
        assert holds(spread.interval(0.8), observed).mean() == pytest.approx(0.8, abs=0.03)


def test_what_is_predicted_exactly_has_intervals_without_width():
    predicted = np.linspace(0, 1, 30)
    lower, upper = OutcomeSpread.of(predicted, predicted, np.arange(30) % 3, [np.full(30, np.nan)]).interval(0.8)
    np.testing.assert_array_equal(lower, predicted)
    np.testing.assert_array_equal(upper, predicted)


def test_one_group_is_an_error():
    values = np.arange(5.0)
    with pytest.raises(DataError, match=r"records of at least 2 groups.*Received: 1\. Give data of more"):
        OutcomeSpread.of(values, values, np.zeros(5, int))
