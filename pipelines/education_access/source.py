"""Reads the official files of Peru's districts as one record a district.

    for batch in read("data/education_access", barrier_below_pct=41.2): ...

The folder holds the files that `layout.py` names, unmodified.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from ...components.example_gen.notes import Note
from ...errors import DataError
from .drivers import drivers, regions_of
from .layout import CENSUS, DEVELOPMENT, INFORMATION, LANGUAGES, PLACES, SERVICES, TableLayout
from .official_files import open_folder, read_entries, read_sheet

MAX_UNMATCHED_SHARE = 0.02
"""The greatest share of UNDP's districts that may be absent from another file."""

_NATIONAL_TOLERANCE = 0.006
_MIN_CONTRADICTION_PCT = 5.0


def read(path: str, barrier_below_pct: float) -> Iterator[pa.RecordBatch | Note]:
    """Yields the districts, and a note of each value or row of the files that was changed or left out.

    Args:
        path: string. The folder of the official files, or a zip archive of them.
        barrier_below_pct: float. A district has the label `barrier` where a smaller share of its 18-year-olds has
            completed secondary school.

    Raises:
        DataError: if a file, sheet or column is missing or changed, a value is no number, or the files do not match.
    """
    notes: list[Note] = []
    folder = open_folder(path)
    tables: dict[TableLayout, pd.DataFrame] = {
        layout: read_sheet(folder, layout, notes) for layout in (CENSUS, LANGUAGES, DEVELOPMENT, INFORMATION)
    }
    tables |= {layout: read_entries(folder, layout, notes) for layout in (SERVICES, PLACES)}
    _blank_national_totals(tables[SERVICES], tables[INFORMATION], notes)
    joined = _join(tables, notes)
    table = _records(joined, barrier_below_pct)
    yield from notes
    yield pa.RecordBatch.from_pandas(table, preserve_index=False)


def _records(joined: Mapping[TableLayout, pd.DataFrame], barrier_below_pct: float) -> pd.DataFrame:
    places, development, census = joined[PLACES], joined[DEVELOPMENT], joined[CENSUS]
    secondary = development["secondary_pct"]
    label = np.where(secondary < barrier_below_pct, "barrier", "no_barrier")
    inputs = drivers(census, joined[LANGUAGES], development, joined[INFORMATION], joined[SERVICES], places).astype(
        np.float32
    )
    return pd.DataFrame(
        {
            "ubigeo": places.index,
            **{name: places[name] for name in ("department", "province", "district", "macroregion")},
            "natural_region": regions_of(places),
            "barrier": pd.Series(label, index=places.index).where(secondary.notna(), None),
            **_outcomes(joined),
            **inputs,
        }
    )


def _outcomes(joined: Mapping[TableLayout, pd.DataFrame]) -> Mapping[str, pd.Series]:
    """Returns what is predicted, or is too near to it to be an input."""
    census, languages, development = joined[CENSUS], joined[LANGUAGES], joined[DEVELOPMENT]
    below = census[["no_level", "nursery", "primary", "special"]].sum(axis=1, skipna=False)
    above = ["secondary", "college_begun", "college", "university_begun", "university", "postgraduate"]
    reached = census[above].sum(axis=1, skipna=False)
    outcomes = {
        "secondary_pct": development["secondary_pct"],
        "schooling_years": development["schooling_years"],
        "illiteracy_pct": 100 * languages["illiterate"] / (languages["literate"] + languages["illiterate"]),
        "secondary_reached_pct": 100 * reached / (reached + below),
        "household_income_soles": development["household_income_soles"],
        "human_development_index": joined[PLACES]["human_development_index"],
    }
    return {name: values.astype(np.float32) for name, values in outcomes.items()}


def _join(tables: Mapping[TableLayout, pd.DataFrame], notes: list[Note]) -> dict[TableLayout, pd.DataFrame]:
    """Returns the tables with the same districts in the same order: those of UNDP that every file has."""
    outcome = tables[DEVELOPMENT]
    common = outcome.index
    for layout, table in tables.items():
        missing = outcome.index.difference(table.index)
        if len(missing) > MAX_UNMATCHED_SHARE * len(outcome):
            raise DataError(
                f"Expected {layout.place} to have the {len(outcome)} districts of {DEVELOPMENT.place}. Received: "
                f"{len(missing)} of them missing, among them {', '.join(missing[:3])}. Use files of the same division "
                "of the country, or check that none is cut off."
            )
        for ubigeo in missing:
            reason = f"{layout.file} lacks the district"
            notes.append(Note(DEVELOPMENT.place, _line(outcome, ubigeo), ubigeo, "", "dropped", reason))
        for ubigeo in table.index.difference(outcome.index):
            reason = f"{DEVELOPMENT.file} has no outcome of the district"
            notes.append(Note(layout.place, _line(table, ubigeo), ubigeo, "", "dropped", reason))
        common = common.intersection(table.index)
    return {layout: table.loc[common] for layout, table in tables.items()}


def _blank_national_totals(services: pd.DataFrame, information: pd.DataFrame, notes: list[Note]) -> None:
    """Blanks a district's services where they are those of the whole country, as those of Purús (250401) are.

    Such a row has the country's share of dwellings with electricity, which is computed from CEPLAN's counts, and not
    the district's own.
    """
    lit, dwellings = information["electricity"], information["lighting_total"]
    national = 100 * lit.sum() / dwellings.sum()
    own = (100 * lit / dwellings).reindex(services.index)
    stated = services["electricity_pct"]
    is_national = (stated - national).abs() < _NATIONAL_TOLERANCE
    for ubigeo in services.index[is_national & ((stated - own).abs() > _MIN_CONTRADICTION_PCT)]:
        for name, title in SERVICES.columns.items():
            services.loc[ubigeo, name] = np.nan
            reason = "the row has the totals of the country"
            notes.append(Note(SERVICES.place, _line(services, ubigeo), ubigeo, title, "blanked", reason))


def _line(table: pd.DataFrame, ubigeo: str) -> int:
    line: int = table.attrs["lines"][ubigeo]
    return line
