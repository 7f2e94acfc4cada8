"""Bootstrap resamples of records, for the standard error of any statistic that can be computed with weights.

A resample of N records is a vector of how often each was drawn. `Resamples` holds many of them as the columns of one
matrix whose first column is all ones: a statistic that is computed for every column gives its value and its sampling
distribution together. Differences are plain arithmetic on such rows, and are paired since every statistic sees the same
resamples. `intervals` makes intervals of their standard errors: quantiles of the resamples themselves hold the true
value far too seldom where records are few.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np

from ...evaluator.statistics import Labels, Statistic, Values
from ..report import Estimate
from . import intervals

Rows = Labels | slice

MAX_RESAMPLES = 2000
MIN_RESAMPLES = 200
# Measured in `tests/benchmarks/coverage.py`.
MIN_RECORDS = 30
MIN_BINNED_RECORDS = 300
MIN_CLUSTERS = 10
ALL_ROWS = slice(None)

_WORK = 20_000_000
_CHUNK = 2_000_000
_MIN_SHARE_KNOWN = 0.9


def num_resamples(num_rows: int, num_classes: int = 1) -> int:
    """Returns how many resamples are drawn: 2,000, and down to 200 where records times classes are many."""
    return int(np.clip(_WORK // max(num_rows * num_classes, 1), MIN_RESAMPLES, MAX_RESAMPLES))


class Resamples:
    """Bootstrap resamples of records (Efron, 1979), drawn once.

    Records that belong together are drawn together: the cluster bootstrap (Davison and Hinkley, 1997, section 3.8).
    Alone they would seem to show more than they do. Rows of fewer than `MIN_CLUSTERS` have no interval.

    Args:
        num_rows: int. Number of records, N.
        num_resamples: int. Number of resamples; 0 gives values without intervals.
        seed: int.
        clusters: int array of shape `(N,)`. The group of each record, from 0, as `Splitter.clusters` returns it.
            Defaults to each record on its own.
    """

    def __init__(self, num_rows: int, num_resamples: int, seed: int, clusters: Labels | None = None) -> None:
        # Written a resample at a time, and read some at a time.
        counts = np.ones((num_rows, num_resamples + 1), np.uint16, order="F")
        generator = np.random.default_rng(seed)
        num_clusters = 0 if clusters is None else int(clusters.max(initial=-1)) + 1
        for column in range(1, num_resamples + 1):
            if clusters is None:
                counts[:, column] = np.bincount(generator.integers(0, num_rows, num_rows), minlength=num_rows)
            else:
                drawn = generator.integers(0, num_clusters, num_clusters)
                counts[:, column] = np.bincount(drawn, minlength=num_clusters)[clusters]
        self._counts = counts
        self._clusters = clusters

    @property
    def are_clustered(self) -> bool:
        """Whether records were drawn in groups."""
        return self._clusters is not None

    def num_units(self, rows: Rows = ALL_ROWS) -> int:
        """Returns how many records of some rows, or groups of them, were drawn apart."""
        if self._clusters is None:
            return len(self._counts[rows])
        return len(np.unique(self._clusters[rows]))

    def compute(self, statistic: Statistic, rows: Rows = ALL_ROWS) -> Values:
        """Returns a statistic of some rows for the records as they are and for each resample.

        Args:
            statistic: `Statistic` of those rows.
            rows: int array of row numbers. Defaults to all.

        Returns:
            Float array of shape `(R + 1,)` or `(M, R + 1)`.
        """
        [values] = self.compute_each([statistic], rows)
        return values

    def compute_each(self, statistics: Sequence[Statistic], rows: Rows = ALL_ROWS) -> list[Values]:
        """Returns what `compute` does for each of several statistics, of which each resample is made once.

        They are computed in threads, some of the resamples in each.
        """
        counts = self._counts[rows]
        step = max(_CHUNK // max(len(counts), 1), 1)

        @np.errstate(divide="ignore", invalid="ignore")
        def compute_some(start: int) -> list[Values]:
            weights = counts[:, start : start + step].astype(np.float64, order="C")
            return [statistic(weights) for statistic in statistics]

        with ThreadPoolExecutor(joblib.cpu_count()) as threads:
            parts = list(threads.map(compute_some, range(0, counts.shape[1], step)))
        return [np.concatenate(one, axis=-1) for one in zip(*parts, strict=True)]

    def estimate(
        self,
        values: Values,
        rows: Rows = ALL_ROWS,
        value: float | None = None,
        *,
        bounds: intervals.Bounds = (None, None),
        is_enough: bool = True,
        units_at_bound: float | None = None,
        unseen: float = 0.0,
        beyond: float = 0.0,
        rarest: int | None = None,
    ) -> Estimate:
        """Returns a number with its interval, or without one where the records are too few.

        Args:
            values: float array of shape `(R + 1,)`, as `compute` gives it.
            rows: int array. The rows that they are of. Defaults to all.
            value: float. The number of another source, such as the gate. Defaults to the first of `values`.
            bounds: pair of floats. The least and the largest value there is, None for none. Defaults to none.
            is_enough: bool. Whether the caller too finds the records enough. Defaults to True.
            units_at_bound: float. As `bounded_interval` takes it. Defaults to the number of records or groups.
            unseen: float. The standard error that the records cannot show, as of a loss that is rarely large. Defaults
                to 0.
            beyond: float. The standard error that is added on the side away from the only bound. Defaults to 0.
            rarest: int. The records of the rarer class, where the number varies with these, as an AUC does. Defaults to
                all.
        """
        value = finite(values[0] if value is None else value)
        if value is None or len(values) < 2:
            return Estimate(value=value)
        units = self.num_units(rows)
        if not is_enough or units < (MIN_CLUSTERS if self.are_clustered else MIN_RECORDS):
            return Estimate(value=value, is_too_few=True)
        at_bound = units if units_at_bound is None else min(units, units_at_bound)
        units = units if rarest is None else min(units, rarest)
        error = self._error(values, units)
        if error is None:
            return Estimate(value=value, is_too_few=True)
        error = math.hypot(error, unseen)
        return intervals.as_estimate(value, intervals.bounded_interval(value, error, units, bounds, at_bound, beyond))

    def share(
        self,
        hits: Values,
        of: Values,
        rows: Rows = ALL_ROWS,
        value: float | None = None,
        quantile: float | None = None,
    ) -> Estimate:
        """Returns a share of records with Wilson's interval.

        Args:
            hits: float array of shape `(R + 1,)`, as `compute` gives it. The records that count.
            of: float array likewise. All of which they are a share.
            rows: int array. The rows that they are of. Defaults to all.
            value: float. The share of another source, such as the gate. Defaults to that of the records.
            quantile: float. How many standard errors the interval reaches. Defaults to those of 95 %.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = hits / of
        value = finite(shares[0] if value is None else value)
        if value is None or len(shares) < 2:
            return Estimate(value=value)
        num_records = float(of[0])
        quantile = intervals.normal_quantile() if quantile is None else quantile
        if self.are_clustered:
            units = self.num_units(rows)
            error = self._error(shares, units)
            if units < MIN_CLUSTERS or error is None:
                return Estimate(value=value, is_too_few=True)
            effective = value * (1 - value) / error**2 if error and 0 < value < 1 else units
            num_records = min(num_records, effective)
            quantile *= intervals.student_quantile(units - 1) / intervals.normal_quantile()
        return intervals.as_estimate(value, intervals.score_interval(value, num_records, quantile))

    def calibration_error(self, gaps: Values) -> Estimate:
        """Returns the expected calibration error of all records.

        Args:
            gaps: float array of shape `(B, R + 1)`, as `compute` gives it of `calibration_gaps`.
        """
        value, units = float(np.abs(gaps[:, 0]).sum()), self.num_units()
        if gaps.shape[1] < 2:
            return Estimate(value=value)
        is_few = units < (MIN_CLUSTERS if self.are_clustered else MIN_BINNED_RECORDS)
        return intervals.as_estimate(value, None if is_few else intervals.calibration_interval(gaps, units))

    def correlation(self, first: Values, second: Values) -> float:
        """Returns that of two statistics over the resamples, 0 where either has no spread."""
        pair = np.stack([first[1:], second[1:]])
        pair = pair[:, np.isfinite(pair).all(axis=0)]
        if not pair.size or (np.ptp(pair, axis=1) == 0).any():
            return 0.0
        return float(np.asarray(np.corrcoef(pair))[0, 1])

    def _error(self, values: Values, units: int) -> float | None:
        """Returns the standard error; None where too many resamples have no number, as where a class has no record."""
        known = values[1:][np.isfinite(values[1:])]
        if len(known) < _MIN_SHARE_KNOWN * (len(values) - 1):
            return None
        # The spread of resamples is that of a mean of `units - 1`.
        return float(known.std()) * math.sqrt(units / (units - 1))


def finite(value: Any) -> float | None:
    """Returns a number, or None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None
