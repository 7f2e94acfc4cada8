"""Trends of yearly values: Theil and Sen's slope, Mann and Kendall's test, and an interval for years that are alike.

    trend = find_trend(years, values)

Gaps stay gaps: slopes are between the years that are there, and autocorrelations of years that are truly next to each
other. (Libraries that drop what is missing move the years on both sides of a gap together.)

- Slope: Theil (1950); Sen (1968), doi:10.1080/01621459.1968.10480934.
- Test: Mann (1945); Kendall (1975), ties included.
- Variance of the test where years are autocorrelated: Hamed and Rao (1998), doi:10.1016/S0022-1694(97)00125-X, with the
  significant lags up to a quarter of the years. It is never made smaller than that of independent years, nor than that
  of years of which each depends on the one before (Bayley and Hammersley 1946, doi:10.2307/2983560), with the
  correlation that few years show too little of (Marriott and Pope 1954, doi:10.1093/biomet/41.3-4.390). The slope's
  interval is of the same variance.
- Beside it the test after trend-free pre-whitening: Yue et al. (2002), doi:10.1002/hyp.1095.
- Years needed: those of IPCC AR5 WG I, figure 2.21: more than 70 % of all, and more than 20 % of the first and the last
  tenth of them.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

MIN_YEARS = 10
"""Below them the test's normal approximation does not hold (Kendall 1975)."""
MIN_SHARE, MIN_SHARE_OF_ENDS = 0.7, 0.2
MAX_CORRELATION = 0.9
"""Of neighbouring years; of stronger ones no number of years that people have tells a trend."""
LEVEL = 0.95

Values = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Trend:
    """A trend.

    Args:
        per_decade: float. Theil and Sen's slope, in units of the values per ten years.
        low: float. The lower end of its 95 % interval.
        high: float. The upper end.
        p: float. Of Mann and Kendall's test with the variance of years that are autocorrelated.
        p_prewhitened: float. After trend-free pre-whitening.
        inflation: float. By how much autocorrelation makes the variance greater.
        middle_year: float. With `middle` the point through which the line goes.
        middle: float.
        num_years: int. Years with a value.
        first: int.
        last: int.
    """

    per_decade: float
    low: float
    high: float
    p: float
    p_prewhitened: float
    inflation: float
    middle_year: float
    middle: float
    num_years: int
    first: int
    last: int

    @property
    def is_certain(self) -> bool:
        """Whether interval and both tests rule out, at 5 %, that there is none."""
        return self.low * self.high > 0 and max(self.p, self.p_prewhitened) < 1 - LEVEL


def has_enough_years(values: Values) -> bool:
    """Returns whether a trend of the years from the first to the last value can be found.

    Args:
        values: array, `(N,)`. One a year, NaN where missing.
    """
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < MIN_YEARS:
        return False
    is_known = np.isfinite(values[known[0] : known[-1] + 1])
    tenth = max(1, round(len(is_known) / 10))
    ends = min(is_known[:tenth].mean(), is_known[-tenth:].mean())
    return bool(is_known.mean() > MIN_SHARE and ends > MIN_SHARE_OF_ENDS)


def find_trend(years: NDArray[np.int64], values: Values) -> Trend | None:
    """Returns the trend of yearly values, None where there are too few.

    Args:
        years: array, `(N,)`. Each year after the one before.
        values: array, `(N,)`. NaN where missing.
    """
    from scipy import stats

    if not has_enough_years(values):
        return None
    is_known = np.isfinite(values)
    x, y = years[is_known].astype(np.float64), values[is_known]
    slopes = _slopes(x, y)
    slope = float(np.median(slopes))
    left = values - slope * (years - years[0])
    inflation = max(_inflation(left), _inflation_by_neighbours(left))
    score, variance = _mann_kendall(y)
    deviation = np.sqrt(variance * inflation)
    half = stats.norm.ppf((1 + LEVEL) / 2) * deviation
    low, high = (
        slopes[min(max(place, 0), len(slopes) - 1)]
        for place in (round((len(slopes) - half) / 2) - 1, round((len(slopes) + half) / 2))
    )
    return Trend(
        per_decade=10 * slope, low=10 * float(low), high=10 * float(high),
        p=_two_sided(score, deviation), p_prewhitened=_prewhitened(years, values, slope),
        inflation=inflation, middle_year=float(np.median(x)), middle=float(np.median(y)),
        num_years=len(y), first=int(x[0]), last=int(x[-1]),
    )  # fmt: skip


def _slopes(x: Values, y: Values) -> Values:
    first, second = np.triu_indices(len(x), 1)
    return np.sort((y[second] - y[first]) / (x[second] - x[first]))


def _mann_kendall(y: Values) -> tuple[float, float]:
    """Returns the test's score and its variance for independent years."""
    n = len(y)
    first, second = np.triu_indices(n, 1)
    ties = np.unique(y, return_counts=True)[1]
    variance = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    return float(np.sign(y[second] - y[first]).sum()), float(variance)


def _two_sided(score: float, deviation: float) -> float:
    from scipy import stats

    if deviation == 0:
        return 1.0
    return float(2 * stats.norm.sf(max(abs(score) - 1, 0) / deviation))


def _inflation(detrended: Values) -> float:
    """Returns Hamed and Rao's ratio of variances, of the ranks of what is left without the trend."""
    from scipy import stats

    is_known = np.isfinite(detrended)
    n = int(is_known.sum())
    ranks = np.full(len(detrended), np.nan)
    ranks[is_known] = stats.rankdata(detrended[is_known])
    bound = stats.norm.ppf((1 + LEVEL) / 2) / np.sqrt(n)
    lags = np.arange(1, n // 4 + 1)
    correlations = np.array([_autocorrelation(ranks, lag) for lag in range(1, n // 4 + 1)])
    significant = np.where(np.abs(correlations) > bound, correlations, 0)
    total = ((n - lags) * (n - lags - 1) * (n - lags - 2) * significant).sum()
    return max(1.0, 1 + 2 * float(total) / (n * (n - 1) * (n - 2)))


def _inflation_by_neighbours(detrended: Values) -> float:
    """Returns the ratio of variances of a mean of years that depend on the one before, and of independent ones."""
    n = int(np.isfinite(detrended).sum())
    correlation = min(max((n * _autocorrelation(detrended, 1) + 1) / (n - 4), 0.0), MAX_CORRELATION)
    lags = np.arange(1, n)
    return float(1 + 2 * ((1 - lags / n) * correlation**lags).sum())


def _autocorrelation(values: Values, lag: int) -> float:
    """Returns the autocorrelation over the pairs of years that are both there."""
    centred = values - np.nanmean(values)
    square = np.nansum(centred**2)
    return float(np.nansum(centred[lag:] * centred[:-lag]) / square) if square > 0 else 0.0


def _prewhitened(years: NDArray[np.int64], values: Values, slope: float) -> float:
    """Returns the p of the test on what the year before does not explain, the trend put back."""
    line = slope * (years - years[0])
    left = values - line
    whitened = left[1:] - _autocorrelation(left, 1) * left[:-1] + line[1:]
    score, variance = _mann_kendall(whitened[np.isfinite(whitened)])
    return _two_sided(score, float(np.sqrt(variance)))
