"""Intervals of 95 % from a number, its standard error and the bounds that it cannot pass.

- A share of records has Wilson's score interval (1927; recommended by Brown, Cai and DasGupta, Statistical Science
  2001). Of records in groups its number of records is an effective one (Korn and Graubard, Survey Methodology 1998).
- Any other number between two bounds, such as an AUC, has the score interval of the share that would have its
  standard error; one above a single bound, such as an RMSE, has an interval on the logarithmic scale, which reaches
  further from the bound where the records may lack the largest errors; others a symmetric one. The quantiles are
  Student's.
- A difference and a ratio take their intervals from those of the two numbers (Newcombe, 1998; Zou and Donner, 2008;
  Donner and Zou, 2012), so that they stay within what is possible.

`tests/benchmarks/coverage.py` measures how often they hold the true value.
"""

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from ...evaluator.statistics import Values
from ..report import Estimate

COVERAGE = 0.95
TAIL = (1 - COVERAGE) / 2

Bounds = tuple[float | None, float | None]
"""The least and the largest value that a number can have, None for no bound."""

_DIGITS = 6
_ROUNDING = 1e-9


def normal_quantile() -> float:
    """Returns how many standard errors an interval reaches to either side."""
    return student_quantile(math.inf)


@functools.cache
def student_quantile(degrees: float) -> float:
    """Returns the same for a standard error that was estimated with so many degrees of freedom."""
    from scipy import stats

    return float(stats.t.ppf(1 - TAIL, degrees))


@functools.cache
def range_quantile(num_groups: int) -> float:
    """Returns the same for all differences between groups together (Tukey's studentized range over the root of 2)."""
    from scipy import stats

    return float(stats.studentized_range.ppf(COVERAGE, num_groups, math.inf)) / math.sqrt(2)


def score_interval(share: float, num_records: float, quantile: float) -> tuple[float, float]:
    """Returns Wilson's interval of a share.

    Args:
        share: float in [0, 1].
        num_records: float above 0.
        quantile: float. How many standard errors the interval reaches.
    """
    excess = quantile**2 / num_records
    middle = (share + excess / 2) / (1 + excess)
    reach = math.sqrt(share * (1 - share) * excess + excess**2 / 4) / (1 + excess)
    # What is within rounding of a bound is the bound.
    low = 0.0 if share <= 0 else max(middle - reach, 0.0)
    return low, 1.0 if share >= 1 else min(middle + reach, 1.0)


def bounded_interval(
    value: float, error: float, num_units: int, bounds: Bounds, units_at_bound: float, beyond: float = 0.0
) -> tuple[float, float] | None:
    """Returns the interval of a number with a standard error, or None at its only bound.

    Args:
        value: float.
        error: float. Its standard error.
        num_units: int. The records, or groups of records, that the error was estimated from.
        bounds: `Bounds`.
        units_at_bound: float. Where the records show no error, as at an AUC of 1: of how many a share would be alike.
        beyond: float. What is added to the error on the side away from the only bound. Defaults to 0.
    """
    lowest, highest = bounds
    quantile = student_quantile(num_units - 1)
    if lowest is not None and highest is not None:
        length = highest - lowest
        share, spread = (value - lowest) / length, error / length
        shown = 0 < share < 1 and spread > _ROUNDING
        low, high = score_interval(share, share * (1 - share) / spread**2 if shown else units_at_bound, quantile)
        return lowest + length * low, lowest + length * high
    bound = lowest if lowest is not None else highest
    if bound is None:
        return value - quantile * error, value + quantile * error
    distance = value - bound
    if abs(distance) <= _ROUNDING:
        return None
    near, far = (math.exp(min(quantile * one / abs(distance), 700.0)) for one in (error, error + beyond))
    ends = bound + distance / near, bound + distance * far
    return min(ends), max(ends)


def difference(first: Estimate, second: Estimate, correlation: float = 0.0) -> tuple[float, float] | None:
    """Returns the interval of the first number less the second, or None where one has no interval.

    Args:
        first: `Estimate`.
        second: `Estimate`.
        correlation: float in [-1, 1]. That of the two numbers; of other records 0, of the same ones more.
    """
    ends = _ends(first, second)
    if ends is None:
        return None
    (one, low, high), (other, other_low, other_high) = ends
    below, above = one - low, high - one
    other_below, other_above = other - other_low, other_high - other
    gap = one - other
    down = below**2 - 2 * correlation * below * other_above + other_above**2
    up = above**2 - 2 * correlation * above * other_below + other_below**2
    return gap - math.sqrt(max(down, 0.0)), gap + math.sqrt(max(up, 0.0))


def ratio(first: Estimate, second: Estimate, correlation: float = 0.0) -> tuple[float, float] | None:
    """Returns the interval of the first number over the second, both from 0 on; None where it has no end."""
    ends = _ends(first, second)
    if ends is None:
        return None
    (one, low, high), (other, other_low, other_high) = ends

    def root(end: float, other_end: float, sign: int) -> float | None:
        # The ratios r for which 0 is an end of the interval of `first - r * second`.
        squared = other_end * (2 * other - other_end)
        product = one * other - correlation * (one - end) * (other_end - other)
        root_of = product**2 - squared * end * (2 * one - end)
        return None if squared <= 0 else max((product + sign * math.sqrt(max(root_of, 0.0))) / squared, 0.0)

    lower, upper = root(low, other_high, -1), root(high, other_low, 1)
    if upper is None:
        return None
    # Where the larger end of the second number is more than twice the number, the lower end is 0.
    return lower or 0.0, upper


def calibration_interval(gaps: Values, num_units: int) -> tuple[float, float]:
    """Returns the interval of an expected calibration error, the sum of the sizes of its bins' gaps.

    The error of the records is larger than the true one, for chance makes gaps too: of a calibrated model it is never
    0, and resamples have more still. The ends are the errors, with gaps in the proportions of the records', that with
    those of chance come out below the measured one, or above it, in 2.5 % (a test inversion: Carpenter, JRSS B 1999).
    The upper end is at least the measured error and what its spread over the resamples adds.

    Args:
        gaps: float array of shape `(B, R + 1)`. Mean score less share, times the share of records, of the records as
            they are and of each resample.
        num_units: int. The records, or groups of records, that were resampled.
    """
    measured, noise = gaps[:, :1], gaps[:, 1:] - gaps[:, :1]
    noise = noise * math.sqrt(num_units / (num_units - 1))
    error = float(np.abs(measured).sum())
    if not error:
        return 0.0, 0.0

    def end(share: float) -> float:
        def exceeds(factor: float) -> bool:
            return float(np.quantile(np.abs(factor * measured + noise).sum(axis=0), share)) >= error

        return error * _crossing(exceeds)

    spread = float(np.abs(gaps[:, 1:]).sum(axis=0).std())
    return end(1 - TAIL), max(end(TAIL), error + student_quantile(num_units - 1) * spread)


def as_estimate(value: float | None, ends: tuple[float, float] | None) -> Estimate:
    """Returns the number with its interval; without one the records are too few for it."""
    if value is None:
        return Estimate(value=None)
    if ends is None:
        return Estimate(value=value, is_too_few=True)
    return Estimate(value=value, low=round(ends[0], _DIGITS), high=round(ends[1], _DIGITS))


def _ends(*estimates: Estimate) -> Sequence[tuple[float, float, float]] | None:
    found = [(one.value, one.low, one.high) for one in estimates]
    known = [(value, low, high) for value, low, high in found if None not in (value, low, high)]
    return known if len(known) == len(found) else None  # type: ignore[return-value]


def _crossing(exceeds: Callable[[float], bool]) -> float:
    """Returns the least factor from which on a monotone condition holds, to some 1e-4."""
    low, high = 0.0, 1.0
    if exceeds(low):
        return low
    while not exceeds(high):
        low, high = high, 2 * high
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (low, middle) if exceeds(middle) else (middle, high)
    return high
