"""How far two distributions of counts lie apart, how sure that is, and whether chance alone explains it.

- **Distance**: Jensen and Shannon's to the base of 2, between 0 (the same) and 1 (nothing in common) (Lin, IEEE
  Transactions on Information Theory 1991; Endres and Schindelin 2003 for its root, a metric). Between two samples it is
  larger than between what they were drawn from; the expectation of that excess, to the first order, is taken off.
- **Interval** of 95 %: the delta method, with the variance of the excess (a quadratic form of counts, as chi-squared)
  added, which is all there is where the two are the same.
- **Test**: Pearson's chi-squared of homogeneity of the two samples, so that the noise of the training sample counts as
  much as that of the window. Bins are joined until each is expected to have 5 rows in the window (Cochran, Biometrics
  1954), which keeps the error rate where it should be. Joined bins hide what is rare and tells most, missing and new
  values: each of these bins has Fisher's exact test beside it. As the bins are made from the training, none of its
  values is new; those that only one record has stand for them (Good, Biometrika 1953). Of these tests the least p-value
  counts, times the number of those that could find anything (Bonferroni; Tarone, Biometrics 1990).

Counts are rows of a table `(W, B)`: `W` windows, `B` bins.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_EXPECTED = 5
_Z = 1.959964

Counts = NDArray[Any]
Values = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Distances:
    """Of each of `W` windows.

    Args:
        raw: float array `(W,)`. The distance of the two samples.
        value: float array `(W,)`. The distance less what chance adds.
        low: float array `(W,)`. The lower end of its interval.
        high: float array `(W,)`. The upper end.
        p_value: float array `(W,)`. Of the test that both samples are of one distribution.
    """

    raw: Values
    value: Values
    low: Values
    high: Values
    p_value: Values


def compare(reference: Counts, windows: Counts, alone: Mapping[int, int] | None = None) -> Distances:
    """Returns how far each window lies from the reference.

    Args:
        reference: int array `(B,)`, not all 0.
        windows: int array `(W, B)`, no row all 0.
        alone: mapping of the bins that are tested on their own too, for more rows than before, to the reference's rows
            that count as such. Defaults to none.
    """
    reference, windows = np.asarray(reference, np.float64), np.asarray(windows, np.float64)
    num_reference, num_rows = reference.sum(), windows.sum(axis=1)
    p, q = reference / num_reference, windows / num_rows[:, np.newaxis]
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        slope_p = np.where(p > 0, np.log2(p / middle) / 2, 0.0)
        slope_q = np.where(q > 0, np.log2(q / middle) / 2, 0.0)
    divergence = np.clip((p * slope_p).sum(axis=1) + (q * slope_q).sum(axis=1), 0, 1)
    noise = (1 / num_reference + 1 / num_rows) / (8 * np.log(2))
    freedom = ((reference + windows) > 0).sum(axis=1) - 1
    corrected = np.maximum(divergence - freedom * noise, 0)
    variance = _variance(p, slope_p) / num_reference + _variance(q, slope_q) / num_rows + 2 * freedom * noise**2
    reach = _Z * np.sqrt(variance)
    return Distances(
        raw=np.sqrt(divergence),
        value=np.sqrt(corrected),
        low=np.sqrt(np.maximum(divergence - freedom * noise - reach, 0)),
        high=np.sqrt(np.clip(divergence - freedom * noise + reach, 0, 1)),
        p_value=np.array([_p_value(reference, window, alone or {}) for window in windows]),
    )


def _variance(shares: Values, slopes: Values) -> Values:
    variance: Values = (shares * slopes**2).sum(axis=-1) - (shares * slopes).sum(axis=-1) ** 2
    return np.maximum(variance, 0)


def _p_value(reference: Values, window: Values, alone: Mapping[int, int]) -> float:
    sizes = int(reference.sum()), int(window.sum())
    tests = [
        _exact((before, int(window[place])), sizes) for place, before in alone.items() if before + window[place] > 0
    ]
    tests.append(_chi_squared(reference, window))
    return min(min(tests) * len(tests), 1.0)


def _exact(counts: tuple[int, int], sizes: tuple[int, int]) -> float:
    """Returns the p-value of Fisher's test that the second sample has no larger share than the first."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(counts[1] - 1, sum(sizes), sum(counts), sizes[1]))


def _chi_squared(reference: Values, window: Values) -> float:
    from scipy.special import chdtrc

    total = reference + window
    smaller = min(reference.sum(), window.sum())
    groups = _joined(total * smaller / total.sum())
    joined = np.array([np.bincount(groups, counts) for counts in (reference, window)])
    if joined.shape[1] < 2:
        return 1.0
    expected = joined.sum(axis=0) * joined.sum(axis=1, keepdims=True) / joined.sum()
    statistic = ((joined - expected) ** 2 / expected).sum()
    return float(chdtrc(joined.shape[1] - 1, statistic))


def _joined(expected: Values) -> NDArray[np.int64]:
    """Returns the group of each bin: bins that are expected to have too few rows are joined, the smallest first."""
    groups = np.zeros(len(expected), np.int64)
    group, held = 0, 0.0
    for place in np.argsort(expected, kind="stable"):
        if held >= LEAST_EXPECTED:
            group, held = group + 1, 0.0
        groups[place] = group
        held += expected[place]
    if held < LEAST_EXPECTED and group:  # What is left joins the group before.
        groups[groups == group] = group - 1
    return groups
