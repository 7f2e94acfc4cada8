"""Tests that would show that an effect is none, from the same replicates as the effect.

    tests = refute(replicates, bags, fits, regions, higher_is_better)

The p-value of the placebo test is (1 + b) / (1 + n), where b of n placebos have an effect as large: Phipson and Smyth
(2010), Permutation p-values should never be zero, Statistical Applications in Genetics and Molecular Biology 9(1), 39.
A placebo's effect is the mean of fewer models than the effect's, so that its spread is wider and p errs upwards.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..text import Text
from . import text
from .document import HELD_OUT, KNOWN_SIGN, PLACEBO, Refutation
from .replicates import Bags, Replicate

Numbers = NDArray[np.float64]

MAX_P_VALUE = 0.05
MIN_SAME_SIGN = 0.8
MIN_RATIO = 0.5
MIN_IN_REGION = 5
"""The fewest communities of a region that an action fits for its sign to count."""


@dataclasses.dataclass(frozen=True)
class Refuted:
    """The statistics of the tests of an action; None where one cannot be computed.

    Args:
        placebo_p: float. The chance of an effect as large, by models that saw its features permuted.
        same_sign: float. The share of regions in which models that never saw the region find an effect of the same
            sign.
        least_ratio: float. The mean effect without the region that matters most, over that of all.
        mean_effect: float. Of all models, in the communities that the action fits.
    """

    placebo_p: float | None = None
    same_sign: float | None = None
    least_ratio: float | None = None
    mean_effect: float | None = None


@dataclasses.dataclass(frozen=True)
class _Test:
    """A test: which statistic is compared with which bound."""

    test: str
    title: Text
    statistic: Callable[[Refuted], float | None]
    passes: Callable[[float], bool]
    expected: str
    explanation: Text


_TESTS = (
    _Test(
        PLACEBO,
        text.PLACEBO,
        lambda one: one.placebo_p,
        lambda p_value: p_value <= MAX_P_VALUE,
        f"≤ {MAX_P_VALUE:g}",
        text.PLACEBO_EXPLAINED,
    ),
    _Test(
        HELD_OUT,
        text.SAME_SIGN,
        lambda one: one.same_sign,
        lambda share: share >= MIN_SAME_SIGN,
        f"≥ {MIN_SAME_SIGN:g}",
        text.SAME_SIGN_EXPLAINED,
    ),
    _Test(
        HELD_OUT,
        text.LEAST_RATIO,
        lambda one: one.least_ratio,
        lambda ratio: ratio >= MIN_RATIO,
        f"≥ {MIN_RATIO:g}",
        text.LEAST_RATIO_EXPLAINED,
    ),
    _Test(
        KNOWN_SIGN,
        text.KNOWN_SIGN,
        lambda one: one.mean_effect,
        lambda effect: effect > 0,
        "> 0",
        text.KNOWN_SIGN_EXPLAINED,
    ),
)


def refutations(refuted: Refuted) -> tuple[Refutation, ...]:
    """Returns the tests of an action; none where there is no effect to test."""
    if refuted.placebo_p is None:
        return ()
    return tuple(
        Refutation(
            test=one.test,
            title=one.title,
            statistic=(statistic := one.statistic(refuted)),
            expected=one.expected,
            passed=statistic is not None and one.passes(statistic),
            explanation=one.explanation,
        )
        for one in _TESTS
    )


def refute(
    replicates: Sequence[Replicate],
    bags: Bags,
    fits: NDArray[np.bool_],
    regions: NDArray[np.int64],
    higher_is_better: bool,
) -> list[Refuted]:
    """Returns for each action what the tests find.

    Args:
        replicates: sequence of all replicates, those of placebos last.
        bags: `Bags` of them.
        fits: bool array `(A, N)`.
        regions: int array `(N,)`. Codes from 0.
        higher_is_better: bool. Of the outcome.
    """
    sign = 1.0 if higher_is_better else -1.0
    num_regions = int(regions.max()) + 1
    num_actions = len(fits)
    # Sums and counts by replicate, action and the region that is scored.
    sums = np.zeros((len(replicates), num_actions, num_regions))
    counts = np.zeros_like(sums)
    for number, one in enumerate(replicates):
        fitting = fits[:, one.origins]  # A placebo moves the features of another community: where they fit that one.
        changes = sign * (one.actions.astype(np.float64) - one.outcome) * fitting
        for action in range(num_actions):
            sums[number, action] = np.bincount(regions[one.rows], changes[action], num_regions)
            counts[number, action] = np.bincount(regions[one.rows], fitting[action], num_regions)
    lacks = np.ones((bags.num_replicates, num_regions), bool)
    for number, rows in enumerate(bags.trained[: bags.num_replicates]):
        lacks[number, np.unique(regions[rows])] = False
    of_placebos = (bags.num_placebos, bags.models_per_placebo, num_actions, num_regions)
    placebo_sums, placebo_counts = (
        values[bags.num_replicates :].reshape(of_placebos).sum(axis=(1, 3)) for values in (sums, counts)
    )
    placebos = placebo_sums / np.maximum(placebo_counts, 1)
    real = slice(0, bags.num_replicates)
    return [
        _refute(
            sums[real, action],
            counts[real, action],
            placebos[:, action],
            lacks,
            np.bincount(regions, fits[action], num_regions),
        )
        for action in range(num_actions)
    ]


def _refute(
    sums: Numbers, counts: Numbers, placebos: Numbers, lacks: NDArray[np.bool_], fitting: NDArray[np.int64]
) -> Refuted:
    if not counts.sum() or not (overall := sums.sum() / counts.sum()):
        return Refuted()
    p_value = (1 + np.count_nonzero(np.abs(placebos) >= abs(overall))) / (1 + len(placebos))
    same, judged, ratios = 0, 0, []
    for region in range(sums.shape[1]):
        without = lacks[:, region]
        if fitting[region] >= MIN_IN_REGION and counts[without, region].sum():
            judged += 1
            same += bool(sums[without, region].sum() * overall > 0)
        if without.any() and counts[without].sum():
            ratios.append(float(sums[without].sum() / counts[without].sum() / overall))
    return Refuted(float(p_value), same / judged if judged else None, min(ratios) if ratios else None, float(overall))
