"""The climate of a station as data: what the page, the JSON file and the tables show. What is not known is None."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ....components.text import Text

Values = tuple[float | None, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TrendLine(_Part):
    """A trend; see `trends.Trend`."""

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
    is_certain: bool


class Breaks(_Part):
    """Tests of homogeneity; see `homogeneity.Homogeneity`."""

    statistics: dict[str, float]
    p: dict[str, float]
    year: int
    before: float
    after: float
    num_years: int
    verdict: Literal["useful", "doubtful", "suspect"]


class Normals(_Part):
    """Normals of a variable.

    Args:
        first: int. The first year of the period.
        last: int.
        is_standard: bool. Whether it is the climatological standard normal of WMO.
        months: tuple of 12 floats or None.
        num_years: tuple of 12 ints. Years that have the month.
        year: float or None. The mean of the months, or their sum.
    """

    first: int
    last: int
    is_standard: bool
    months: Values
    num_years: tuple[int, ...]
    year: float | None


class Extreme(_Part):
    """The greatest or least value of a day.

    Args:
        value: float.
        date: string. ISO 8601; the first of several.
    """

    value: float
    date: str


class VariableClimate(_Part):
    """The climate of a variable.

    Args:
        name: string. Our variable, with its unit.
        missing_days: int. Of the days from the first to the last.
        normals: `Normals` or None, where no month has one.
        years: tuple of floats or None. Means or sums of the years of the document.
        anomalies: tuple of floats or None. What they differ from the normal.
        greatest: `Extreme`.
        least: `Extreme`.
        trend: `TrendLine` or None, of the years.
        seasons: dict of a season (`"DJF"`) to its trend, for those that have one.
        breaks: `Breaks` or None, of the years.
    """

    name: str
    missing_days: int
    normals: Normals | None
    years: Values
    anomalies: Values
    greatest: Extreme
    least: Extreme
    trend: TrendLine | None
    seasons: dict[str, TrendLine]
    breaks: Breaks | None


class IndexSeries(_Part):
    """An index of extremes.

    Args:
        name: string. Of `indices.INDICES`.
        title: `Text`.
        unit: `Text`.
        years: tuple of floats or None. Its values in the years of the document.
        trend: `TrendLine` or None.
    """

    name: str
    title: Text
    unit: Text
    years: Values
    trend: TrendLine | None


class StationClimate(_Part):
    """The climate of a station.

    Args:
        station: string.
        latitude_deg: float or None.
        longitude_deg: float or None.
        elevation_m: float or None.
        first_day: string. ISO 8601, by the station's own clock.
        last_day: string.
        years: tuple of ints. From the first to the last.
        base: tuple of two ints. The years that percentiles are taken from.
        variables: tuple of `VariableClimate`.
        indices: tuple of `IndexSeries`.
    """

    station: str
    latitude_deg: float | None
    longitude_deg: float | None
    elevation_m: float | None
    first_day: str
    last_day: str
    years: tuple[int, ...]
    base: tuple[int, int]
    variables: tuple[VariableClimate, ...]
    indices: tuple[IndexSeries, ...]
