"""The files of `yachay climate`: a page a station, its climate as JSON, months and years as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ....errors import DataError, UsageError, suggestion
from ....files import atomic_entries, write_atomically
from ..network import Place
from ..station_files import STATION, file_name
from .analysis import analyse
from .daily import to_monthly
from .document import StationClimate
from .page import render_page
from .sentences import summarize

MONTHLY_FILE, YEARLY_FILE = "monthly.csv", "yearly.csv"


def write_climate(
    days: Iterable[tuple[str, pd.DataFrame, Place | None]],
    output: Path | None,
    stations: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Analyses stations and writes `<station>.html` and `<station>.json` of each, `monthly.csv` and `yearly.csv`.

    Args:
        days: iterable of a station's name, its days and its place, as `prepare.read_days` yields them.
        output: path or None. A folder; files of the same names are replaced, all at the end. None writes nothing.
        stations: sequence of strings. Only these; defaults to all.
        progress: function of the name of each station that is done.

    Returns:
        Of each station what its JSON file holds, with `summary` (sentences in English) and `page` (a path or None).

    Raises:
        UsageError: if a station is not there.
        DataError: if no station has a value.
    """
    found: list[StationClimate] = []
    tables: dict[str, list[pd.DataFrame]] = {MONTHLY_FILE: [], YEARLY_FILE: []}
    names, problems = [], []
    for station, daily, place in days:
        names.append(station)
        if stations and station not in stations:
            continue
        try:
            climate = analyse(station, daily, place)
        except DataError as error:
            problems.append(str(error))
            continue
        found.append(climate)
        tables[MONTHLY_FILE].append(_monthly(station, daily))
        tables[YEARLY_FILE].append(_yearly(climate))
        progress(station)
    for station in stations:
        if station not in names:
            raise UsageError(
                f"Expected --station to be one of {', '.join(names)}. Received: {station!r}."
                f"{suggestion(station, names)}"
            )
    if not found:
        raise DataError("\n".join(problems))
    if output is not None:
        with atomic_entries(output) as draft:
            for climate in found:
                name = file_name(climate.station)
                write_atomically(draft / f"{name}.html", render_page(climate))
                write_atomically(draft / f"{name}.json", climate.model_dump_json(indent=1))
            for name, parts in tables.items():
                pd.concat(parts).to_csv(draft / name, index=False)
    return [
        climate.model_dump(mode="json")
        | {
            "summary": [text.en for text in summarize(climate)],
            "page": None if output is None else str((output / f"{file_name(climate.station)}.html").absolute()),
        }
        for climate in found
    ]


def _monthly(station: str, daily: pd.DataFrame) -> pd.DataFrame:
    monthly = to_monthly(daily)
    monthly.insert(0, "month", monthly.index.strftime("%Y-%m"))
    monthly.insert(0, STATION, station)
    return monthly.round(3)


def _yearly(climate: StationClimate) -> pd.DataFrame:
    columns = {of.name: of.years for of in climate.variables} | {of.name: of.years for of in climate.indices}
    return pd.DataFrame({STATION: climate.station, "year": climate.years, **columns}).round(3)
