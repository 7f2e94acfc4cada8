"""The test of whether a rate is one in all groups, beside scipy's."""

import numpy as np
import pytest
from scipy import stats

from yachay.components.evaluation_report.analysis.alike import alike_p_value, alike_p_value_of_clusters, holm


def test_of_many_records_it_is_pearsons_test() -> None:
    hits, of = np.array([30.0, 45.0, 28.0]), np.array([100.0, 120.0, 90.0])

    theirs = stats.chi2_contingency(np.stack([hits, of - hits])).pvalue
    assert alike_p_value(hits, of) == pytest.approx(theirs)


def test_of_two_small_groups_it_is_exact() -> None:
    hits, of = np.array([1.0, 6.0]), np.array([10.0, 12.0])
    table = np.array([hits, of - hits], int)

    theirs = stats.chi2_contingency(table, correction=False, method=stats.PermutationMethod(20_000, rng=1)).pvalue
    assert alike_p_value(hits, of) == pytest.approx(theirs, abs=0.01)


def test_of_several_small_groups_it_is_scipys_permutation_test() -> None:
    hits, of = np.array([1.0, 6.0, 3.0]), np.array([10.0, 12.0, 11.0])
    table = np.array([hits, of - hits], int)

    theirs = stats.chi2_contingency(table, correction=False, method=stats.PermutationMethod(9_999, rng=1)).pvalue
    assert alike_p_value(hits, of) == pytest.approx(theirs, abs=0.02)


@pytest.mark.parametrize("hits", [[0.0, 0.0], [10.0, 12.0]])
def test_groups_without_a_difference_are_alike(hits: list[float]) -> None:
    assert alike_p_value(np.array(hits), np.array([10.0, 12.0])) == 1.0


@pytest.mark.parametrize(("num_groups", "size"), [(8, 400), (8, 80)])
def test_it_finds_a_gap_between_like_groups_in_at_most_five_percent(num_groups: int, size: int) -> None:
    found = 0
    for draw in range(400):
        rng = np.random.default_rng(draw)
        groups, is_hit = rng.integers(0, num_groups, size), rng.random(size) < 0.2
        of = np.bincount(groups, minlength=num_groups).astype(float)
        hits = np.bincount(groups, is_hit, num_groups)
        found += alike_p_value(hits[of > 0], of[of > 0]) <= 0.05

    # Binomial: .05 + 3 * .0109.
    assert found / 400 <= 0.083


def test_records_of_one_cluster_do_not_make_groups_differ() -> None:
    found = alone = 0
    for draw in range(200):
        rng = np.random.default_rng(draw)
        clusters, groups = np.repeat(np.arange(40), 10), np.repeat(rng.integers(0, 4, 40), 10)
        is_hit = rng.random(400) < np.repeat(rng.choice([0.1, 0.5], 40), 10)
        counts = np.ones((40, 201))
        counts[:, 1:] = rng.multinomial(40, np.full(40, 1 / 40), 200).T
        hits, of = (
            np.stack([np.bincount(groups[mask], minlength=4) for mask in [part]])[0] for part in (is_hit, is_hit >= 0)
        )
        weights = counts[clusters]
        resampled = [
            np.stack([weights[(groups == group) & part].sum(axis=0) for group in range(4)])
            for part in (is_hit, np.ones(400, bool))
        ]
        found += alike_p_value_of_clusters(resampled[0], resampled[1], 40) <= 0.05
        alone += alike_p_value(hits.astype(float), of.astype(float)) <= 0.05

    # Binomial: .05 + 3 * .0154.
    assert found / 200 <= 0.096
    assert alone / 200 > 0.3


def test_p_values_of_several_tests_are_adjusted_together() -> None:
    # R: p.adjust(c(.01, .04, .03, .5), "holm").
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
