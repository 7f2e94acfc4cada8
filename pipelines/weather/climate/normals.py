"""Normals: means of months over a reference period, and what a year differs from them.

WMO-No. 1203 (2017): the climatological standard normal is that of 1991 to 2020; a month's normal needs four fifths of
the years. A station without them has means of its own years, which are no standard normals and are not called so.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .daily import SUMS

STANDARD = (1991, 2020)
MIN_SHARE = 0.8
MIN_YEARS = 10
"""Years of a period from which WMO speaks of an average for it."""
SEASONS = {"DJF": (12, 1, 2), "MAM": (3, 4, 5), "JJA": (6, 7, 8), "SON": (9, 10, 11)}


@dataclasses.dataclass(frozen=True)
class Normal:
    """A variable's normals.

    Args:
        first: int. The first year of the period.
        last: int. The last one.
        months: array, `(12,)`. NaN where too few years have the month.
        num_years: array, `(12,)`. Years that have it.
    """

    first: int
    last: int
    months: NDArray[np.float64]
    num_years: NDArray[np.int64]

    @property
    def is_standard(self) -> bool:
        """Whether it is the climatological standard normal."""
        return (self.first, self.last) == STANDARD


def find_normal(monthly: pd.Series) -> Normal:
    """Returns the standard normal where each month has enough years of it, else the means of all of the years.

    Args:
        monthly: `pandas.Series` of a variable, indexed by the first day of each month.
    """
    standard = _normal(monthly, *STANDARD)
    if np.isfinite(standard.months).all():
        return standard
    present = monthly.dropna().index
    if present.empty:
        return standard
    return _normal(monthly, present[0].year, present[-1].year)


def _normal(monthly: pd.Series, first: int, last: int) -> Normal:
    of = monthly[(monthly.index.year >= first) & (monthly.index.year <= last)].dropna()
    months = of.groupby(of.index.month)
    means, counts = (found.reindex(range(1, 13)) for found in (months.mean(), months.count()))
    num_years = counts.fillna(0).to_numpy(np.int64)
    is_known = num_years >= max(1, MIN_SHARE * (last - first + 1))
    return Normal(first, last, means.where(is_known).to_numpy(np.float64), num_years)


def to_yearly(monthly: pd.Series) -> pd.Series:
    """Returns the mean of the twelve months of each year, or their sum; NaN where one is missing."""
    return _combine(monthly, monthly.index.year, 12)


def to_seasonal(monthly: pd.Series, season: str) -> pd.Series:
    """Returns the mean of a season's three months by year, or their sum; NaN where one is missing.

    A December counts to the year after it. The names are months', for which season they are depends on the hemisphere.

    Args:
        monthly: `pandas.Series` of a variable, indexed by the first day of each month.
        season: string. Of `SEASONS`.
    """
    months = SEASONS[season]
    of = monthly[monthly.index.month.isin(months)]
    years = of.index.year + (of.index.month == 12)
    return _combine(of, years, 3).reindex(sorted(set(monthly.index.year)))


def _combine(monthly: pd.Series, years: pd.Index, num_months: int) -> pd.Series:
    groups = monthly.groupby(years)
    combined = groups.sum() if monthly.name in SUMS else groups.mean()
    return combined.where(groups.count() == num_months)
