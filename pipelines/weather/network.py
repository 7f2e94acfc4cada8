"""What the files of a network of stations are like: a mapping from them to our variables.

    network = read_network(Path("networks/beijing.yaml"))

Every variable of ours has its unit in its name; a file's values are converted from the unit that the mapping states.
"""

from __future__ import annotations

import functools
import re
import tokenize
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from ...components.settings import Settings, check_settings
from ...components.yaml_files import read_mapping
from ...errors import suggestion

UNITS = {
    "temperature_c": "degC",
    "temperature_min_c": "degC",
    "temperature_max_c": "degC",
    "dew_point_c": "degC",
    "relative_humidity_pct": "percent",
    "pressure_hpa": "hPa",
    "rain_mm": "mm",
    "wind_speed_m_s": "m/s",
    "wind_direction_deg": "degree",
    "sunshine_h": "hour",
}
"""Our variables, each with its unit as `pint` knows it."""

COMPASS = "compass"
"""The unit of directions in words: `NNE`, of which the wind comes."""

_OFFSET = re.compile(r"[+-](0\d|1[0-4])(:?[0-5]\d)?")
_POINTS = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"]
COMPASS_DEG = {point: 22.5 * place for place, point in enumerate(_POINTS)}

Text = Annotated[str, Field(min_length=1)]


class Variable(Settings):
    """Where a variable stands in the files.

    Args:
        column: string. The column, or for a calendar the sheet.
        unit: string. As `pint` knows it (`degC`, `degF`, `knot`, `hPa`), or `compass`.
        values: dict of a text to the number that it means, in `unit`: `{T: 0.045}` for a trace of rain.
        between: pair of floats or None. What stations are known to have, in our unit: `[-25, 42]`. Where more than a
            few values lie outside the unit is another one, which a winter in Fahrenheit shows in no other way.
    """

    column: Text
    unit: Text
    values: dict[str, float] = {}
    between: tuple[float, float] | None = None

    @field_validator("between")
    @classmethod
    def _ascending(cls, between: tuple[float, float] | None) -> tuple[float, float] | None:
        if between is not None and not between[0] < between[1]:
            raise ValueError("expected the lower value before the higher one")
        return between

    @property
    def is_coded(self) -> bool:
        """Whether the files have words for it."""
        return self.unit == COMPASS or bool(self.values)


class Clock(Settings):
    """How the files tell the time.

    Args:
        columns: tuple of strings. The columns of the time: one, or those of year, month, day and hour (for a daily
            series without the last); for a calendar those of year and day.
        format: string or None. As `datetime.strptime` takes it, for one column of text. Defaults to ISO 8601.
        zone: string. The offset from UTC of times that do not state theirs: `+08:00`, `UTC`, or a zone with a clock
            change, such as `Europe/Madrid`.
    """

    columns: Annotated[tuple[Text, ...], Field(min_length=1, max_length=4)]
    format: str | None = None
    zone: Text

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        is_known = _OFFSET.fullmatch(zone) if zone[0] in "+-" else zone in zoneinfo.available_timezones()
        if not is_known:
            raise ValueError("expected an offset such as +08:00, UTC, or the name of a time zone")
        return zone

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.format is not None and len(self.columns) > 1:
            raise ValueError("format: expected none where the time has several columns")
        return self


class Place(Settings):
    """Where a station stands.

    Args:
        latitude_deg: float. North of the equator is positive.
        longitude_deg: float. East of Greenwich is positive.
        elevation_m: float or None. Above sea level.
    """

    latitude_deg: Annotated[float, Field(ge=-90, le=90)]
    longitude_deg: Annotated[float, Field(ge=-180, le=180)]
    elevation_m: float | None = None


class Network(Settings):
    """The files of a network of stations.

    Args:
        layout: string. `"table"` is a row a time (CSV, Parquet, the first sheet of an Excel file that has the columns),
            `"calendar"` an Excel file with a sheet a variable, a row a day of the month and a column a month.
        files: string. Pattern of the names of the files in a folder.
        separator: string. Of CSV files.
        decimal: string. The mark before decimals, `"."` or `","`.
        encoding: string. Of CSV files: `"utf-8"`, `"latin-1"` or `"cp1252"`.
        station: string or None. The column of the station's name.
        station_name: string or None. The name, where the files are of one station.
        step: string. Between two times: `"1h"`, `"1d"`.
        clock: `Clock`.
        variables: dict of our variable to `Variable`.
        missing: tuple of strings. Texts that mean no value.
        places: dict of a station to its `Place`: of all stations or of none, whose sun is then taken at the equator.
    """

    layout: Literal["table", "calendar"] = "table"
    files: Text
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "latin-1", "cp1252"] = "utf-8"
    station: str | None = None
    station_name: str | None = None
    step: Literal["1h", "1d"] = "1h"
    clock: Clock
    variables: Annotated[dict[str, Variable], Field(min_length=1)]
    missing: tuple[str, ...] = ("", "NA", "NaN")
    places: dict[str, Place] = {}

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.station is None) == (self.station_name is None):
            raise ValueError("station: expected either the column of the name or `station_name`")
        for name, variable in self.variables.items():
            if name not in UNITS:
                raise ValueError(f"variables: unknown variable {name!r}.{suggestion(name, UNITS)}")
            if variable.unit == COMPASS:
                if UNITS[name] != "degree":
                    raise ValueError(f"variables.{name}.unit: expected no compass for {UNITS[name]}")
            else:
                conversion(variable.unit, UNITS[name])
        is_calendar = self.layout == "calendar"
        if is_calendar != (len(self.clock.columns) == 2):
            raise ValueError(
                "clock.columns: expected those of year and day for a calendar; for a table one column, or those of "
                "year, month and day, and for hours of the hour"
            )
        if is_calendar and (self.station is not None or self.step != "1d"):
            raise ValueError("layout: expected a calendar to have `station_name` and the step 1d")
        if self.step == "1h" and len(self.clock.columns) == 3:
            raise ValueError("clock.columns: expected the column of the hour too, for the step is 1h")
        return self


def read_network(path: Path) -> Network:
    """Returns the mapping that a YAML file holds.

    Raises:
        ConfigurationError: if it is not there, is no YAML, or a field does not fit.
    """
    given, _ = read_mapping(path, "the mapping of a network", "Correct `network`.")
    return check_settings(Network, given, f"network {path.name}")


@functools.cache
def conversion(unit: str, to: str) -> tuple[float, float]:
    """Returns the factor and the offset that turn numbers of one unit into another.

    Raises:
        ValueError: if there is no such unit, or the two measure different things.
    """
    import pint

    units = _units()
    try:
        zero, one = (units.Quantity(number, units.Unit(unit)).to(to).magnitude for number in (0.0, 1.0))
    except pint.DimensionalityError:
        raise ValueError(f"expected a unit that converts to {to}, received {unit!r}") from None
    except (pint.UndefinedUnitError, AssertionError, ValueError, TypeError, SyntaxError, tokenize.TokenError):
        raise ValueError(f"expected a unit such as {to}, received {unit!r}") from None
    return one - zero, zero


@functools.cache
def _units():  # type: ignore[no-untyped-def]
    import pint

    return pint.UnitRegistry()
