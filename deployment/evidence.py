"""How strongly counts speak for or against a candidate, valid however often they are looked at.

Each function returns the logarithm of an e-value, whose expectation is at most 1 where the hypothesis holds. It ever
reaches `1 / level` with a probability of at most `level` (Ville's inequality), so that a rollout may look as often and
stop as early as it likes: Ramdas et al. 2023, Game-theoretic statistics and safe anytime-valid inference, Statistical
Science 38. They are likelihood ratios with a uniform mixture of alternatives, as in the mixture sequential probability
ratio test (Robbins 1970; Johari et al. 2022, Always valid inference, Operations Research 70). An average of e-values
is one, whatever their dependence (Vovk and Wang 2021, Annals of Statistics 49).
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, betaln, logsumexp, xlog1py, xlogy

Numbers = NDArray[np.float64]

_STANDARD_ERRORS = np.linspace(0, 8, 33)
_BELOW_ONE = 1 - 1e-9


def more_than(hits: ArrayLike, trials: ArrayLike, share: ArrayLike) -> Numbers:
    """Returns what `hits` of `trials` say against a share of at most `share`.

    It is the logarithm of the mean over `p` in `(share, 1)` of
    `p^hits (1 - p)^misses / (share^hits (1 - share)^misses)`.
    """
    hits, trials, share = (np.asarray(values, float) for values in (hits, trials, share))
    misses = trials - hits
    with np.errstate(divide="ignore"):
        above = np.log(betaincc(hits + 1, misses + 1, share))
    of_share = xlogy(hits, share) + xlog1py(misses, -share)
    return np.asarray(betaln(hits + 1, misses + 1) + above - np.log1p(-share) - of_share)


def less_than(hits: ArrayLike, trials: ArrayLike, share: ArrayLike) -> Numbers:
    """Returns what `hits` of `trials` say against a share of at least `share`."""
    hits, trials, share = (np.asarray(values, float) for values in (hits, trials, share))
    return more_than(trials - hits, trials, 1 - share)


def increased(hits: ArrayLike, trials: float, hits_before: ArrayLike, trials_before: float) -> Numbers:
    """Returns what the hits of two versions over the same time say against "the candidate has no more of them".

    Of all hits a candidate that is no worse gets its part of the requests, whatever the share of hits is and however
    it changes. Of `K` shares at once the average is returned.

    Args:
        hits: array `(K,)`. Of the candidate's `trials`.
        trials: float.
        hits_before: array `(K,)`. Of the stable version's `trials_before`.
        trials_before: float.
    """
    hits = np.atleast_1d(np.asarray(hits, float))
    part = trials / (trials + trials_before)
    return average(more_than(hits, hits + np.asarray(hits_before, float), part))


def changed(hits: ArrayLike, trials: float, hits_before: ArrayLike, trials_before: float) -> Numbers:
    """Returns what the hits of two versions over the same time say against "both have as many"; see `increased`."""
    hits = np.atleast_1d(np.asarray(hits, float))
    part, total = trials / (trials + trials_before), hits + np.asarray(hits_before, float)
    return average(np.concatenate([more_than(hits, total, part), less_than(hits, total, part)]))


def no_worse(
    hits: ArrayLike, trials: ArrayLike, hits_before: ArrayLike, trials_before: ArrayLike, increase: ArrayLike
) -> Numbers:
    """Returns what the hits say against "the candidate's share is at least `increase` above the stable version's".

    For every share that the stable version may have, either its own hits or the candidate's must speak against it; the
    least evidence is at a share between the observed one and what its hits speak against.

    Args:
        hits: array `(K,)`. Of the candidate's trials.
        trials: array `(K,)` or float.
        hits_before: array `(K,)`. Of the stable version's trials.
        trials_before: array `(K,)` or float.
        increase: array `(K,)` or float.

    Returns:
        Array `(K,)`.
    """
    before, total = _column(hits_before), np.maximum(_column(trials_before), 1.0)
    observed = before / total
    error = np.sqrt((observed * (1 - observed) + 1 / total) / total)
    shares = np.clip(observed - _STANDARD_ERRORS * error, 0, _BELOW_ONE)
    limits = shares + _column(increase)
    below = less_than(_column(hits), _column(trials), np.minimum(limits, _BELOW_ONE))
    of_candidate = np.where(limits < 1, below, np.inf)
    return np.asarray(average(np.stack([more_than(before, total, shares), of_candidate])).min(axis=1))


def _column(values: ArrayLike) -> Numbers:
    return np.atleast_1d(np.asarray(values, float))[:, None]


def average(values: Numbers) -> Numbers:
    """Returns the logarithm of the average over the first axis of e-values given by their logarithms."""
    return np.asarray(logsumexp(values, axis=0) - math.log(len(values)))


def distance(counts: Mapping[str, float], counts_before: Mapping[str, float]) -> float:
    """Returns the total variation distance of two distributions: half the sum of the differences of their shares."""
    total, total_before = sum(counts.values()), sum(counts_before.values())
    return 0.5 * sum(
        abs(counts.get(name, 0) / total - counts_before.get(name, 0) / total_before)
        for name in {*counts, *counts_before}
    )


def distance_margin(total: float, total_before: float, level: float) -> float:
    """Returns by how much the distance of what is counted may be below the true one, at every look at once.

    McDiarmid's inequality for the distance of the observed shares, whose expectation is not below the true distance;
    it holds for half the sum of differences as for the largest difference of the shares above a bound.
    `level` is spent over looks at powers of two of the smaller count, `6 / (pi j)^2` of it at the j-th.
    """
    look = math.floor(math.log2(max(2.0, min(total, total_before))))
    spent = level * 6 / (math.pi * look) ** 2
    return math.sqrt(math.log(1 / spent) / 2 * (1 / total + 1 / total_before))
