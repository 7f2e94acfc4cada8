"""A test of whether a rate is the same in all groups.

The largest gap between groups is always above 0, and the more groups there are the larger it is by chance alone:
whether it stands out is a question to all groups together.
"""

import math
from collections.abc import Sequence

import numpy as np

from ...evaluator.statistics import Values

MIN_EXPECTED = 5.0
NUM_DRAWS = (999, 9_999)

_FAR_FROM_FOUND = 0.1


def alike_p_value(hits: Values, of: Values) -> float:
    """Returns the p-value of Pearson's test that the rate `hits / of` is one in all groups.

    Where a group has fewer than 5 records expected of either kind (Cochran, Biometrics 1954), the p-value is that of
    the exact law of the hits among the groups given their sum: of two groups in full, of more from 9,999 draws, or
    999 where they show no difference.

    Args:
        hits: float array of shape `(G,)`. Counts of whole records.
        of: float array likewise, above 0.
    """
    from scipy import stats

    total, found = int(of.sum()), int(hits.sum())
    if len(of) < 2 or found in (0, total):
        return 1.0
    observed = _pearson(hits, of)
    if min(found, total - found) * of.min() / total >= MIN_EXPECTED:
        return float(stats.chi2.sf(observed, len(of) - 1))
    whole = of.astype(np.int64)
    if len(of) == 2:
        first = np.arange(max(0, found - int(whole[1])), min(int(whole[0]), found) + 1)
        law = stats.hypergeom.pmf(first, total, whole[0], found)
        return float(
            min(
                1.0,
                law[_pearson(np.stack([first, found - first], axis=1).astype(np.float64), of) >= observed - 1e-9].sum(),
            )
        )
    for num_draws in NUM_DRAWS:
        draws = np.random.default_rng(0).multivariate_hypergeometric(whole, found, num_draws).astype(np.float64)
        p_value = float((1 + (_pearson(draws, of) >= observed - 1e-9).sum()) / (1 + num_draws))
        if p_value > _FAR_FROM_FOUND:
            break
    return p_value


def alike_p_value_of_clusters(hits: Values, of: Values, num_clusters: int) -> float:
    """Returns the p-value of records in clusters: of Pearson's statistic, corrected by its mean and variance.

    The correction is that of Rao and Scott (Annals of Statistics 1984), of the second order, with the covariance of the
    rates over resampled clusters, and the F distribution of Thomas and Rao (JASA 1987).

    Args:
        hits: float array of shape `(G, R + 1)`, of the records as they are and of each resample.
        of: float array likewise.
        num_clusters: int.
    """
    from scipy import stats

    with np.errstate(divide="ignore", invalid="ignore"):
        rates = hits / of
    sizes, pooled = of[:, 0], hits[:, 0].sum() / of[:, 0].sum()
    known = rates[:, 1:][:, np.isfinite(rates[:, 1:]).all(axis=0)]
    if len(sizes) < 2 or not 0 < pooled < 1 or known.shape[1] < 2:
        return 1.0
    form = (np.diag(sizes) - np.outer(sizes, sizes) / sizes.sum()) / (pooled * (1 - pooled))
    product = form @ (np.cov(known) * num_clusters / (num_clusters - 1))
    mean, square = np.trace(product), np.trace(product @ product)
    if not mean > 0 or num_clusters < 2:
        return 1.0
    degrees = mean**2 / square
    statistic = float(rates[:, 0] @ form @ rates[:, 0]) / mean
    return float(stats.f.sf(statistic, degrees, degrees * (num_clusters - 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values that hold for all of them together (Holm, Scandinavian Journal of Statistics 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted, largest = [math.nan] * len(order), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _pearson(hits: Values, of: Values) -> Values:
    """Returns the statistic of counts of shape `(..., G)`."""
    rate = hits.sum(axis=-1, keepdims=True) / of.sum()
    expected = of * rate
    statistic: Values = ((hits - expected) ** 2 / (expected * (1 - rate))).sum(axis=-1)
    return statistic
