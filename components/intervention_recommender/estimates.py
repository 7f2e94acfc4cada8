"""Estimates from the replicates: predictions and effects with intervals, ranks, draws of all communities.

    estimates = estimate(replicates, ...)

The mean over the models that have not seen a community's group is the estimate, the quantiles over them are its
interval: how much it depends on which groups were seen. It holds no noise of a single measurement. The outcome of a
regression has a wider one, `with_outcomes`: how far what was measured lies from the prediction in other groups.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..cross_validator.intervals import OutcomeSpread
from .replicates import Replicate

Numbers = NDArray[np.float64]

NUM_OUTCOMES = 400
"""Draws of the outcomes of all communities, for the intervals of ranks."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """Estimates `(..., N)` with the ends of their intervals."""

    mean: Numbers
    lower: Numbers
    upper: Numbers


@dataclasses.dataclass(frozen=True)
class Estimates:
    """What the bootstrap says of `N` communities and `A` actions, from `B` models.

    Args:
        scores: float array `(N, K)`. The mean of the models' scores, for metrics.
        outcome: `Interval` `(N,)`.
        effects: `Interval` `(A, N)`. Positive is better; 0 where the action is not for the community.
        ranks: int arrays `(3, N)`: 1 is the greatest barrier; then the ends of its interval.
        draws: float32 array `(A, B, N)`. Effects in draws of all communities, see `complete_draws`.
        not_additive: float. How far the effect of all actions at once lies from the sum of their effects, over the sum
            of their sizes, in communities with several; NaN without any.
        drivers: float array `(F, N)`. The outcome less that with the feature's typical value.
    """

    scores: Numbers
    outcome: Interval
    effects: Interval
    ranks: NDArray[np.int64]
    draws: NDArray[np.float32]
    not_additive: float
    drivers: Numbers


def estimate(
    replicates: Sequence[Replicate],
    fits: NDArray[np.bool_],
    at_once: NDArray[np.bool_],
    higher_is_better: bool,
    level: float,
) -> Estimates:
    """Returns the estimates of replicates that are no placebos.

    Args:
        replicates: sequence of `Replicate`.
        fits: bool array `(A, N)`.
        at_once: bool array `(A, N)`. The actions that the replicates have together.
        higher_is_better: bool. Of the outcome.
        level: float. Coverage of the intervals.
    """
    num_actions, num_rows = fits.shape
    sign = 1.0 if higher_is_better else -1.0
    outcomes = np.full((len(replicates), num_rows), np.nan)
    effects = np.full((num_actions, len(replicates), num_rows), np.nan)
    together = np.full((len(replicates), num_rows), np.nan)
    scores = np.zeros((num_rows, replicates[0].scores.shape[1]))
    drivers, num_drivers = np.zeros((len(_typical(replicates)), num_rows)), np.zeros(num_rows)
    counts = np.zeros(num_rows)
    for number, one in enumerate(replicates):
        outcomes[number, one.rows] = one.outcome
        changes = sign * (one.actions.astype(np.float64) - one.outcome)
        effects[:, number, one.rows] = np.where(fits[:, one.rows], changes, 0)
        together[number, one.rows] = sign * (one.together.astype(np.float64) - one.outcome)
        scores[one.rows] += one.scores
        counts[one.rows] += 1
        if len(one.typical):
            drivers[:, one.rows] += one.outcome - one.typical.astype(np.float64)
            num_drivers[one.rows] += 1
    mean_effects = interval(effects, level)
    return Estimates(
        scores=scores / counts[:, None],
        outcome=interval(outcomes, level),
        effects=mean_effects,
        ranks=_ranks(np.nanmean(outcomes, axis=0), complete_draws(outcomes), higher_is_better, level),
        draws=complete_draws(effects).astype(np.float32),
        not_additive=_not_additive(np.nanmean(together, axis=0), mean_effects.mean, fits, at_once),
        drivers=drivers / np.maximum(num_drivers, 1),
    )


def _not_additive(together: Numbers, effects: Numbers, fits: NDArray[np.bool_], at_once: NDArray[np.bool_]) -> float:
    parts = np.where(at_once, effects, 0)
    # An action may fit only after another one; its effect alone is not known then.
    judged = ((parts != 0).sum(axis=0) > 1) & (fits | ~at_once).all(axis=0)
    sizes = np.abs(parts[:, judged]).sum()
    return float(np.abs(together - parts.sum(axis=0))[judged].sum() / sizes) if sizes else np.nan


def interval(values: Numbers, level: float) -> Interval:
    """Returns mean and quantiles over the last but one axis, NaN left out."""
    tail = (1 - level) / 2
    lower, upper = np.nanquantile(values, [tail, 1 - tail], axis=-2)
    mean = np.nanmean(values, axis=-2)
    # The mean of few skewed values may lie beyond their quantiles.
    return Interval(mean, np.minimum(lower, mean), np.maximum(upper, mean))


def complete_draws(values: Numbers) -> Numbers:
    """Returns draws in which each community has a value: draw `b` takes replicate `b` where that scored it, else the
    next one that did. So communities share models as far as the bags allow, and their errors stay dependent.

    Args:
        values: float array `(..., B, N)`, NaN where a replicate did not score a community.
    """
    found = values.copy()
    for step in range(1, values.shape[-2]):
        missing = np.isnan(found)
        if not missing.any():
            break
        found = np.where(missing, np.roll(values, -step, axis=-2), found)
    return found


def with_outcomes(
    estimates: Estimates, spread: OutcomeSpread, higher_is_better: bool, level: float, seed: int
) -> Estimates:
    """Returns estimates whose intervals of the outcome and of the rank are to hold what is measured.

    Args:
        estimates: `Estimates` of a regression.
        spread: `OutcomeSpread` of its outcomes.
        higher_is_better: bool. Of the outcome.
        level: float. Coverage of the intervals.
        seed: int.
    """
    mean = estimates.outcome.mean
    ranks = _ranks(mean, spread.draws(NUM_OUTCOMES, seed), higher_is_better, level)
    return dataclasses.replace(estimates, outcome=Interval(mean, *spread.interval(level)), ranks=ranks)


def rank_by(values: NDArray[np.floating], higher_is_better: bool) -> NDArray[np.int64]:
    """Returns ranks along the last axis: 1 is the greatest barrier."""
    order = np.argsort(values if higher_is_better else -values, axis=-1, kind="stable")
    return np.asarray(np.argsort(order, axis=-1, kind="stable") + 1)


def _ranks(mean: Numbers, draws: NDArray[np.floating], higher_is_better: bool, level: float) -> NDArray[np.int64]:
    """Returns the rank by the mean, and the quantiles of the ranks in draws of all communities."""
    own = rank_by(mean, higher_is_better)
    tail = (1 - level) / 2
    in_draws = rank_by(draws, higher_is_better)
    lower = np.floor(np.quantile(in_draws, tail, axis=0)).astype(np.int64)
    upper = np.ceil(np.quantile(in_draws, 1 - tail, axis=0)).astype(np.int64)
    return np.stack([own, np.minimum(lower, own), np.maximum(upper, own)])


def _typical(replicates: Sequence[Replicate]) -> NDArray[np.float32]:
    return next((one.typical for one in replicates if len(one.typical)), np.zeros((0, 0), np.float32))
