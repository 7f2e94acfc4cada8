"""The communities of the records: who they are, where, how many people, checked before any model is trained."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from .settings import RecommendSettings

Numbers = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Communities:
    """Who the records are, one entry each.

    Args:
        keys: tuple of strings.
        names: tuple of strings.
        regions: tuple of strings.
        population: float array `(N,)`, NaN where it is not known.
        longitude: likewise.
        latitude: likewise.
        beneficiaries: float array `(N,)`. The people whom the outcome is about, times the factor of the gain.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    regions: tuple[str, ...]
    population: Numbers
    longitude: Numbers
    latitude: Numbers
    beneficiaries: Numbers


def read_communities(table: pd.DataFrame, settings: RecommendSettings) -> Communities:
    """Returns the communities of a table of `decode_records`.

    Args:
        table: `pandas.DataFrame`, a row a community.
        settings: `RecommendSettings`.

    Raises:
        DataError: if one stands there twice, or has no key or no region; it lists them.
    """
    own = settings.communities
    keys = [str(place + 1) for place in range(len(table))] if own.key is None else _texts(table[own.key])
    names = keys if own.name is None else _texts(table[own.name])
    regions = _texts(table[own.region])
    unit = own.unit.en
    _require(keys, keys, f"each {unit} to have a key in {own.key!r}")
    counts = pd.Series(keys).value_counts()
    if len(twice := counts[counts > 1]):
        raise DataError(
            f"Expected each {unit} once. Received: {len(twice)} that stand there more often. Leave one row of each.",
            [f"{key} ({names[keys.index(key)]}): {count} rows" for key, count in sorted(twice.items())],
        )
    _require(regions, keys, f"each {unit} to have a region in {own.region!r}")
    population = np.ones(len(table))
    if own.population is not None:
        population = table[own.population.column].to_numpy(np.float64)
        population = 10**population if own.population.is_log10 else population
        population = np.where((population > 0) & np.isfinite(population), population, np.nan)
    share = 1.0 if settings.gain.people_pct is None else table[settings.gain.people_pct].to_numpy(np.float64) / 100
    return Communities(
        keys=tuple(keys),
        names=tuple(names),
        regions=tuple(regions),
        population=population,
        longitude=_numbers(table, own.longitude),
        latitude=_numbers(table, own.latitude),
        beneficiaries=population * share * settings.gain.factor,
    )


def _texts(values: pd.Series) -> list[str]:
    """Returns values as strings; whole numbers without a fraction, none as nothing."""
    if values.dtype != object:
        return ["" if pd.isna(one) else f"{one:.0f}" if one == round(one) else str(one) for one in values]
    return ["" if one is None else str(one).strip() for one in values]


def _numbers(table: pd.DataFrame, column: str | None) -> Numbers:
    return np.full(len(table), np.nan) if column is None else table[column].to_numpy(np.float64)


def _require(values: Sequence[str], keys: Sequence[str], what: str) -> None:
    if missing := [place for place, value in enumerate(values) if not value]:
        raise DataError(
            f"Expected {what}. Received: {len(missing)} without one. Complete them, or leave them out.",
            [f"{keys[place] or 'a record without a key'}" for place in missing],
        )
