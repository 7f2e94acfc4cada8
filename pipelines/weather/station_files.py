"""Reads the files of a network as observations: a row a station and time, our variables in our units.

    for block in list_blocks(["data/beijing"], network, block_bytes=2**26):
        observations, rejected = read_block(block, network)

A block is a part of a CSV file, or a whole file of another format, and is read on its own, in any process.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import glob
import hashlib
import io
import urllib.parse
import zipfile
import zoneinfo
from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np
import pandas as pd

from ...errors import DataError, suggestion
from .network import COMPASS, COMPASS_DEG, UNITS, Network, Variable, conversion

STATION, TIME, HAS_OFFSET = "station", "time", "has_offset"
MAX_UNREADABLE_SHARE = 0.05
"""The greatest share of a column's texts that may be no number, no time or no station: more means that the mapping does
not fit."""

_FEW = 20
_MAX_NAME_BYTES = 200
_PARQUET = (".parquet", ".pq")
_EXCEL = (".xlsx", ".xlsm")
_OFFSET = r"[T ]\d{2}.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
"""Of a time, not of a date: `2024-03-31` ends in a month and a day."""

_END_OF_DAY = r"(?<=[T ])24:00"

_MONTHS = (
    ("ENERO", "JANUARY"), ("FEBRERO", "FEBRUARY"), ("MARZO", "MARCH"), ("ABRIL", "APRIL"), ("MAYO", "MAY"),
    ("JUNIO", "JUNE"), ("JULIO", "JULY"), ("AGOSTO", "AUGUST"), ("SETIEMBRE", "SEPTIEMBRE", "SEPTEMBER"),
    ("OCTUBRE", "OCTOBER"), ("NOVIEMBRE", "NOVEMBER"), ("DICIEMBRE", "DECEMBER"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Block:
    """A part of a file.

    Args:
        uri: string. A path, or what fsspec opens (`s3://`, `gs://`).
        start: int. The first byte.
        stop: int or None. The byte after the last one; None for the whole file. A line belongs to the block in which it
            begins.
    """

    uri: str
    start: int = 0
    stop: int | None = None

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.uri.rsplit("/", 1)[-1]


def list_blocks(uris: Sequence[str], network: Network, block_bytes: int) -> list[Block]:
    """Returns the blocks of files, of folders and of patterns, in the order of the names.

    Raises:
        DataError: if there is no such file.
    """
    import fsspec

    blocks: list[Block] = []
    for uri in uris:
        system, path = fsspec.core.url_to_fs(uri)
        if system.isdir(path):
            path = f"{glob.escape(path.rstrip('/'))}/{network.files}"
        is_pattern = any(mark in path for mark in "*?[") and not system.isfile(path)
        found = sorted(found for found in system.glob(path) if system.isfile(found)) if is_pattern else [path]
        if not found or not all(system.exists(path) for path in found):
            raise DataError(f"Expected files of the network at {uri}. Received: none. Correct the path or `files`.")
        for path in found:
            file, size = system.unstrip_protocol(path), system.size(path)
            file = path if file.startswith(("file://", "local://")) else file
            # What is compressed can be read from its beginning only.
            is_cut = not path.lower().endswith((*_PARQUET, *_EXCEL)) and not fsspec.utils.infer_compression(path)
            starts = range(0, max(size, 1), block_bytes) if is_cut else [0]
            blocks += [
                Block(file, start, min(start + block_bytes, size) if len(starts) > 1 else None) for start in starts
            ]
    return blocks


def read_block(block: Block, network: Network) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the observations of a block and the texts in it that are no value.

    Returns:
        `pandas.DataFrame` with `station`, `time` (as the file has it, without its offset), `has_offset` (whether the
        time is one of UTC) and the variables as `float32`; and one with `file`, `record`, `column`, `text`, `reason`.

    Raises:
        DataError: if the file cannot be read, lacks a column, or holds something else in it.
    """
    try:
        if network.layout == "calendar":
            texts, network = _read_calendar(block, network)
        else:
            texts = _read_table(block, network)
    except DataError:
        raise
    except (OSError, ValueError, zipfile.BadZipFile, csv.Error) as error:
        fix = "State its `encoding`" if "utf" in str(error).lower() else "Replace it"
        raise DataError(f"Expected a readable file {block.name}. Received: {error}. {fix}.") from None
    _require(_wanted_columns(network), list(texts.columns), block)
    rejected: list[pd.DataFrame] = []
    times, has_offset = _times(texts, network)
    _reject(rejected, block, texts, ", ".join(network.clock.columns), times.isna(), "no time", "`clock`")
    station: Any = network.station_name
    is_whole = times.notna()
    if network.station:
        station = texts[network.station].astype(str).str.strip()
        _reject(rejected, block, texts, network.station, station == "", "no station", "`station`")
        is_whole &= station != ""
    values: dict[str, Any] = {
        STATION: station,
        TIME: times,
        HAS_OFFSET: has_offset,
    }
    for name, variable in network.variables.items():
        numbers, is_unreadable = _numbers(texts[variable.column], name, variable, network)
        fix = f"`decimal`, `missing`, `values` of {name}, or its column"
        _reject(rejected, block, texts, variable.column, is_unreadable, "no number", fix)
        values[name] = numbers
    observations = pd.DataFrame(values)
    empty = pd.DataFrame(columns=["file", "record", "column", "text", "reason"])
    return observations[is_whole], pd.concat(rejected) if rejected else empty


def file_name(station: str) -> str:
    """Returns a name that is a file's own, whatever a station is called and however long."""
    name = urllib.parse.quote(station, safe=" ").replace(".", "%2E")
    if len(name) <= _MAX_NAME_BYTES:
        return name
    return f"{name[: _MAX_NAME_BYTES - 65]}-{hashlib.sha256(station.encode()).hexdigest()}"


def to_utc(observations: pd.DataFrame, zone: str) -> pd.DatetimeIndex:
    """Returns the times of one station's observations in UTC, in the order in which its files have them.

    An hour that a clock change repeats is the earlier one where it first stands, the later one where it stands again;
    one that the change leaves out does not exist and becomes NaT.
    """
    times, has_offset = observations[TIME], observations[HAS_OFFSET].to_numpy(bool)
    if (offset := _fixed_offset(zone)) is not None:
        local = times - offset
    else:
        is_first = (times.groupby(times).cumcount() == 0).to_numpy()
        local = times.dt.tz_localize(zone, ambiguous=is_first, nonexistent="NaT")
        local = local.dt.tz_convert("UTC").dt.tz_localize(None)
    return pd.DatetimeIndex(times.where(has_offset, local))


def to_local(observations: pd.DataFrame, zone: str) -> pd.Series:
    """Returns the times of one station's observations by its own clock, in the order in which its files have them."""
    times, has_offset = observations[TIME], observations[HAS_OFFSET].to_numpy(bool)
    if (offset := _fixed_offset(zone)) is not None:
        local = times + offset
    else:
        local = times.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    return times.where(~has_offset, local)


def standard_offset(zone: str, time: pd.Timestamp) -> pd.Timedelta:
    """Returns the offset from UTC of a zone at a time, without a summer time."""
    if (offset := _fixed_offset(zone)) is not None:
        return offset
    now = time.tz_localize("UTC").to_pydatetime().astimezone(zoneinfo.ZoneInfo(zone))
    return pd.Timedelta((now.utcoffset() or datetime.timedelta(0)) - (now.dst() or datetime.timedelta(0)))


def _fixed_offset(zone: str) -> pd.Timedelta | None:
    if zone[0] not in "+-":
        return None
    return pd.Timedelta(f"{zone[:3]}:{zone[-2:] if len(zone) > 3 else '00'}:00")


def _read_table(block: Block, network: Network) -> pd.DataFrame:
    import fsspec

    with fsspec.open(block.uri, "rb", compression="infer") as file:
        if block.uri.lower().endswith(_PARQUET):
            return pd.read_parquet(file).pipe(_as_texts)
        if block.uri.lower().endswith(_EXCEL):
            sheets = list(pd.read_excel(file, sheet_name=None, dtype=object).values())
            wanted = _wanted_columns(network)
            return _as_texts(
                next((sheet for sheet in sheets if wanted.keys() <= set(map(str, sheet.columns))), sheets[0])
            )
        header = file.readline().decode("utf-8-sig" if network.encoding == "utf-8" else network.encoding)
        names = next(csv.reader([header], delimiter=network.separator), [])
        return _read_csv(_lines(file, block), names, network, block)


def _lines(file: IO[bytes], block: Block) -> bytes:
    """Returns the lines that begin in a block; the file stands behind its header."""
    if block.stop is None:
        return file.read()
    if block.start:
        # The line in which the block begins belongs to the one before it, unless it begins there.
        file.seek(block.start - 1)
        file.readline()
    first = file.tell()
    if first >= block.stop:
        return b""
    return file.read(block.stop - first - 1) + file.readline()


def _read_csv(content: bytes, names: Sequence[str], network: Network, block: Block) -> pd.DataFrame:
    """Returns the columns of the mapping: numbers where all of a column are, else texts."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    plain = [variable.column for variable in network.variables.values() if not variable.is_coded]
    plain += network.clock.columns if len(network.clock.columns) > 1 else []
    others = [variable.column for variable in network.variables.values() if variable.is_coded]
    others += [column for column in (network.station, network.clock.columns[0]) if column]
    types = dict.fromkeys(others, pa.string()) | dict.fromkeys(plain, pa.float64())
    _require(types, names, block)
    if not content.strip():
        return pd.DataFrame({name: [] for name in types}, dtype=object)

    num_quotes = content.count(b'"')
    if num_quotes % 2 and block.stop is not None:
        raise DataError(
            f"Expected no line break within quotes in {block.name}, which is read in parts. Received: one, or a quote "
            "that is not closed. Take the line breaks out, or compress the file: it is then read whole."
        )

    def read(types: dict[str, pa.DataType]) -> pd.DataFrame:
        return arrow_csv.read_csv(
            io.BytesIO(content),
            arrow_csv.ReadOptions(column_names=list(names), use_threads=False, encoding=network.encoding),
            arrow_csv.ParseOptions(delimiter=network.separator, newlines_in_values=num_quotes > 0),
            arrow_csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=list(network.missing),
                decimal_point=network.decimal,
            ),
        ).to_pandas(strings_to_categorical=True)  # fmt: skip

    try:
        return read(types)
    except pa.ArrowInvalid:
        # Some text is no number, or a row is ragged: which, the texts tell, or this raises again.
        return read(dict.fromkeys(types, pa.string()))


def _read_calendar(block: Block, network: Network) -> tuple[pd.DataFrame, Network]:
    """Returns a calendar in long form: a row a day, and the network whose columns it then has."""
    import fsspec

    year, day = (column.upper() for column in network.clock.columns)
    with fsspec.open(block.uri, "rb") as file:
        sheets = pd.read_excel(file, sheet_name=None, dtype=object)
    columns = {}
    for name, variable in network.variables.items():
        sheet = sheets.get(variable.column)
        if sheet is None:
            raise DataError(
                f"Expected the sheet {variable.column!r} of {name} in {block.name}. Received: {', '.join(sheets)}."
                f"{suggestion(variable.column, sheets)} Correct the mapping."
            )
        titles = {str(title).strip().upper(): title for title in sheet.columns}
        months = [next((titles[alias] for alias in aliases if alias in titles), None) for aliases in _MONTHS]
        if year not in titles or day not in titles or None in months:
            raise DataError(
                f"Expected the columns {year}, {day} and the twelve months in the sheet {variable.column!r} of "
                f"{block.name}. Received: {', '.join(titles)}. Correct the sheet."
            )
        long = pd.concat(
            [
                pd.DataFrame({"year": sheet[titles[year]], "day": sheet[titles[day]], "value": sheet[title]}).assign(
                    month=number
                )
                for number, title in enumerate(months, 1)
            ]
        )
        numbers = long[["year", "month", "day"]].apply(pd.to_numeric, errors="coerce")
        times = pd.to_datetime(numbers, errors="coerce")
        is_day = times.notna()
        if (again := times[is_day].duplicated()).any():
            raise DataError(
                f"Expected each day once in the sheet {variable.column!r} of {block.name}. Received: "
                f"{times[is_day][again].iloc[0]:%Y-%m-%d} twice. Correct the sheet."
            )
        # The 31st of a short month is no day; a text in its cell would be lost, so it is kept as no time.
        written = long[["year", "month", "day"]].map(_as_text).agg("-".join, axis=1)
        is_kept = is_day | ~long["value"].map(_as_text).isin(network.missing)
        dates = times.dt.strftime("%Y-%m-%d").where(is_day, written)
        columns[variable.column] = long["value"][is_kept].groupby(dates[is_kept]).first()
    table = pd.DataFrame(columns).rename_axis("date").reset_index().pipe(_as_texts)
    clock = network.clock.model_copy(update={"columns": ("date",), "format": None})
    return table, network.model_copy(update={"clock": clock})


def _as_texts(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({str(name): table[name].map(_as_text) for name in table.columns}, dtype=object)


def _as_text(value: object) -> str:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, pd.Timestamp) else str(value).strip()


def _wanted_columns(network: Network) -> dict[str, None]:
    """Returns the columns of the mapping, each once, in its order."""
    wanted = [*network.clock.columns, *([network.station] if network.station else [])]
    return dict.fromkeys([*wanted, *(variable.column for variable in network.variables.values())])


def _require(wanted: Iterable[str], names: Sequence[str], block: Block) -> None:
    for column in wanted:
        if column not in names:
            # A header that was not cut is one long name.
            fix = " State the `separator`." if len(names) == 1 and column in names[0] else suggestion(column, names)
            raise DataError(
                f"Expected the column {column!r} in {block.name}. Received: {', '.join(names) or 'an empty file'}."
                f"{fix} Correct the mapping or the file."
            )
        if names.count(column) > 1:
            raise DataError(
                f"Expected the column {column!r} once in {block.name}. Received: {names.count(column)} of the name. "
                "Correct the file."
            )


def _times(texts: pd.DataFrame, network: Network) -> tuple[pd.Series, Any]:
    clock = network.clock
    if len(clock.columns) == 1:
        column = texts[clock.columns[0]].astype(str).str.strip()
        later = pd.Timedelta(0)
        if column.str.contains("24:00", regex=False).any():
            # The end of a day, as ISO 8601 has it and pandas has not.
            later = pd.to_timedelta(column.str.contains(_END_OF_DAY).to_numpy(np.int64), unit="D")
            column = column.str.replace(_END_OF_DAY, "00:00", regex=True)
        if clock.format is not None:
            times = pd.to_datetime(column, format=clock.format, errors="coerce", utc=True)
            return times.dt.tz_localize(None).astype("datetime64[ns]") + later, "%z" in clock.format
        has_offset = column.str.contains(_OFFSET, regex=True)
        # Apart: of texts with and without an offset together pandas gives the offset of one to the next.
        times = pd.concat(
            [
                pd.to_datetime(part, format="ISO8601", utc=True, errors="coerce")
                for part in (column[has_offset], column[~has_offset])
                if len(part)
            ]
            or [pd.to_datetime(column, utc=True)]
        )
        return times.dt.tz_localize(None).astype("datetime64[ns]").reindex(column.index) + later, has_offset
    parts = {
        part: pd.to_numeric(texts[column], errors="coerce")
        for part, column in zip(("year", "month", "day", "hour"), clock.columns, strict=False)
    }
    return pd.to_datetime(parts, errors="coerce").astype("datetime64[ns]"), False


def _numbers(column: pd.Series, name: str, variable: Variable, network: Network) -> tuple[pd.Series, pd.Series]:
    """Returns the values in our unit, `float32`, and which texts are no number and not missing."""
    factor, offset = (1.0, 0.0) if variable.unit == COMPASS else conversion(variable.unit, UNITS[name])
    if not pd.api.types.is_numeric_dtype(column):
        # Each different text once: a column has few beside its rows.
        codes, texts = pd.factorize(column)
        kinds = pd.Series(texts, dtype=object).astype(str).str.strip()
        numbers = kinds.str.upper().map(COMPASS_DEG) if variable.unit == COMPASS else _to_numbers(kinds, network)
        is_missing = kinds.isin(network.missing) | numbers.isin(_missing_numbers(network))
        numbers = kinds.map(variable.values).fillna(numbers.mask(is_missing)).astype(np.float64)
        is_bad = ~np.isfinite(numbers) & ~is_missing
        numbers, is_bad = (
            pd.Series(np.append(kind.to_numpy(), nothing)[codes], column.index)
            for kind, nothing in ((numbers, np.nan), (is_bad, False))
        )
    else:
        numbers, is_bad = column.astype(np.float64), np.isinf(column)
        numbers = numbers.mask(numbers.isin(_missing_numbers(network)))
    return (numbers.where(np.isfinite(numbers)) * factor + offset).astype(np.float32), is_bad


def _missing_numbers(network: Network) -> pd.Series:
    """Returns the numbers among the texts that mean no value: `-9999` is one as `-9999.00` too."""
    return _to_numbers(pd.Series(network.missing, dtype=object), network).dropna()


def _to_numbers(texts: pd.Series, network: Network) -> pd.Series:
    return pd.to_numeric(texts.str.replace(network.decimal, ".", regex=False), errors="coerce")


def _reject(
    rejected: list[pd.DataFrame],
    block: Block,
    texts: pd.DataFrame,
    column: str,
    is_bad: pd.Series,
    reason: str,
    fix: str,
) -> None:
    """Notes the texts that are no value.

    Raises:
        DataError: if they are more than `MAX_UNREADABLE_SHARE`.
    """
    if not is_bad.any():
        return
    bad = texts[is_bad].astype(str)
    names = [name.strip() for name in column.split(",")] if column not in bad.columns else [column]
    text = bad[names].agg(" ".join, axis=1)
    # A part of a file may be a few rows, which say nothing of its mapping.
    is_telling = block.stop is None or is_bad.sum() > _FEW
    if (share := float(is_bad.mean())) > MAX_UNREADABLE_SHARE and is_telling:
        sample = ", ".join(repr(one) for one in text.unique()[:3])
        kind = {"no number": "numbers", "no time": "times", "no station": "names of stations"}[reason]
        raise DataError(
            f"Expected {kind} in the column {column!r} of {block.name}. Received: {sample} ({share:.0%} of its "
            f"values). Correct the mapping: {fix}."
        )
    record = bad.agg(" ".join, axis=1)
    rejected.append(
        pd.DataFrame({"file": block.name, "record": record, "column": column, "text": text, "reason": reason})
    )
