"""The climate of a run's stations as a section of the evaluation page."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from ....components.evaluation_report.section import Section, SectionInputs, localized
from ....components.text import Text
from ....errors import DataError
from .analysis import analyse
from .daily import from_table
from .document import StationClimate
from .fragment import render_station


def build(inputs: SectionInputs) -> dict[str, Any]:
    """Returns the climate of the station with the most days that have a value, and the names of the others.

    Raises:
        DataError: if the reader attached no days.
    """
    files = sorted(inputs.attachments.glob("station=*.parquet")) if inputs.attachments else []
    if not files:
        raise DataError("Expected the stations' days beside the examples. Received: none. Run without the cache.")
    tables = [from_table(pd.read_parquet(file)) for file in files]
    station, daily, place = max(tables, key=lambda found: int(found[1].notna().any(axis=1).sum()))
    return {
        "climate": analyse(station, daily, place).model_dump(mode="json"),
        "others": sorted(name for name, *_ in tables if name != station),
    }


def render(data: dict[str, Any]) -> str:
    """Returns the station's sentences, pictures and tables."""
    others = ", ".join(data["others"])
    note = Text(
        en=f"The station with the most days. yachay climate has the others: {others}.",
        es=f"La estación con más días. yachay climate tiene las demás: {others}.",
    )
    found = render_station(StationClimate.model_validate(data["climate"]))
    return (localized(note, "p") if others else Markup()) + found


SECTION = Section("climate", Text(en="The climate of the station", es="El clima de la estación"), build, render)
