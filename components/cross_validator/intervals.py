"""Intervals of an outcome around predictions of records that the models have not seen, calibrated on other groups.

    spread = OutcomeSpread.of(predicted, observed, groups, near=[log_population])
    lower, upper = spread.interval(0.8)

They are conformal: the residuals of out-of-sample predictions say how far an outcome may lie from its prediction, as in
the jackknife+ and CV+ (Barber, Candès, Ramdas and Tibshirani, 2021, Annals of Statistics 49(1), 486-507). Records of a
group are missed alike, so that those of a record's own group have no part in its interval (Dunn, Wasserman and Ramdas,
2023, Journal of the American Statistical Association 118(544), 2491-2502): it is what a record of a new group would
get, and the share of the outcomes that the intervals hold is an honest estimate of what they hold there. Residuals are
divided by their usual size among similar records (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, 2018, Journal of the
American Statistical Association 113(523), 1094-1111), or intervals would be too narrow where outcomes are noisy.

The theory promises a coverage on average over exchangeable groups; few groups can lie far from it. Measure it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError

Numbers = NDArray[np.float64]

NUM_SIMILAR = 100
"""The records, nearest in the prediction and in what else is given, whose residuals say what size is usual."""

MAX_PARTS = 50
"""Above so many groups several are left out together."""


@dataclasses.dataclass(frozen=True)
class OutcomeSpread:
    """How far outcomes lie from their predictions, for each of `N` records by the residuals of other groups.

    Args:
        predicted: float array `(N,)`.
        residuals: float array `(N,)`. Outcome less prediction.
        scales: float array `(P, N)`. The usual size of a residual, for each part by those of the others.
        parts: int array `(N,)`. The part of each record: its group, or some groups.
    """

    predicted: Numbers
    residuals: Numbers
    scales: Numbers
    parts: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        predicted: NDArray[np.floating],
        observed: NDArray[np.floating],
        groups: NDArray[np.int64] | None,
        near: Sequence[NDArray[np.floating]] = (),
    ) -> Self:
        """Measures the residuals.

        Args:
            predicted: float array `(N,)`. By models that have not seen the record's group.
            observed: float array `(N,)`.
            groups: int array `(N,)` or None. None divides the records, which are in an order that is random.
            near: sequence of float arrays `(N,)`, on which the size of a residual may depend beside the prediction,
                such as the logarithm of a population; NaN is taken for the median. Defaults to none.

        Raises:
            DataError: if there are fewer than two groups.
        """
        count = len(predicted)
        codes = np.arange(count) if groups is None else np.unique(groups, return_inverse=True)[1]
        parts = codes.astype(np.int64) % MAX_PARTS
        if (num_parts := int(parts.max(initial=-1)) + 1) < 2:
            raise DataError(
                f"Expected records of at least 2 groups, for intervals are calibrated on other groups. Received: "
                f"{num_parts}. Give data of more."
            )
        residuals = observed.astype(np.float64) - predicted
        places = np.column_stack([_places(values) for values in (predicted, *near)])
        scales = np.stack(
            [_usual_size(np.abs(residuals), places, np.flatnonzero(parts != part)) for part in range(num_parts)]
        )
        return cls(predicted.astype(np.float64), residuals, scales, parts)

    def interval(self, level: float) -> tuple[Numbers, Numbers]:
        """Returns the ends of intervals that are to hold a share of the outcomes.

        Args:
            level: float in (0, 1).
        """
        half = np.empty(len(self.predicted))
        for part, scale in enumerate(self.scales):
            own = self.parts == part
            ratios = np.sort(np.abs(self.residuals[~own]) / scale[~own])
            # One more than the residuals: the new one may be the largest.
            place = min(int(np.ceil(level * (len(ratios) + 1))), len(ratios)) - 1
            half[own] = ratios[place] * scale[own]
        return self.predicted - half, self.predicted + half

    def draws(self, count: int, seed: int) -> NDArray[np.float32]:
        """Returns outcomes `(count, N)` as they may be: in each draw a part has residuals of one other part.

        So records of a group are missed alike, as they are. A part is drawn as often as it has records.

        Args:
            count: int.
            seed: int.
        """
        random = np.random.default_rng(seed)
        rows = [np.flatnonzero(self.parts == part) for part in range(len(self.scales))]
        sizes = np.array([len(own) for own in rows], float)
        draws = np.empty((count, len(self.predicted)), np.float32)
        for part, (own, scale) in enumerate(zip(rows, self.scales, strict=True)):
            chances = np.where(np.arange(len(rows)) == part, 0, sizes)
            ratios = self.residuals / scale
            for draw, other in enumerate(random.choice(len(rows), count, p=chances / chances.sum())):
                draws[draw, own] = self.predicted[own] + scale[own] * random.choice(ratios[rows[other]], len(own))
        return draws


def _places(values: NDArray[np.floating]) -> Numbers:
    """Returns the place of each value among all, in [0, 1]."""
    from scipy.stats import rankdata

    known = np.where(np.isfinite(values), values, np.nanmedian(values) if np.isfinite(values).any() else 0)
    return np.asarray(rankdata(known) / len(known), np.float64)


def _usual_size(sizes: Numbers, places: Numbers, rows: NDArray[np.int64]) -> Numbers:
    """Returns for each record the mean size of the residuals of those other `rows` that are nearest to it."""
    from sklearn.neighbors import NearestNeighbors

    # Of few records all but a few would be alike.
    neighbours = NearestNeighbors(n_neighbors=max(min(NUM_SIMILAR, len(rows) // 4), 1)).fit(places[rows])
    usual, others = sizes.copy(), np.setdiff1d(np.arange(len(sizes)), rows)
    usual[others] = sizes[rows][neighbours.kneighbors(places[others], return_distance=False)].mean(axis=1)
    if len(rows) > 1:
        # Without its own, which a new record's does not have either: intervals would be too narrow.
        usual[rows] = sizes[rows][neighbours.kneighbors(return_distance=False)].mean(axis=1)
    return np.asarray(np.maximum(usual, np.finfo(np.float32).tiny), np.float64)
