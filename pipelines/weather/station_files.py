"""Reads the files of a network as observations: a row a station and time, our variables in our units.

    for block in list_blocks(["data/beijing"], network, block_bytes=2**26):
        observations, rejected = read_block(block, network)

A block is a part of a CSV file, or a whole file of another format, and is read on its own, in any process.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np
import pandas as pd

from ...errors import DataError, suggestion
from .network import COMPASS, COMPASS_DEG, UNITS, Network, Variable, conversion

STATION, TIME, HAS_OFFSET = "station", "time", "has_offset"
MAX_UNREADABLE_SHARE = 0.05
"""The greatest share of a column's texts that may be no number: more means that the mapping does not fit."""

_PARQUET = (".parquet", ".pq")
_EXCEL = (".xlsx", ".xlsm")
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
            path = f"{path.rstrip('/')}/{network.files}"
        found = sorted(found for found in system.glob(path) if system.isfile(found)) if _is_pattern(path) else [path]
        if not found or not all(system.exists(path) for path in found):
            raise DataError(f"Expected files of the network at {uri}. Received: none. Correct the path or `files`.")
        for path in found:
            file, size = system.unstrip_protocol(path), system.size(path)
            file = path if file.startswith(("file://", "local://")) else file
            is_csv = not path.lower().endswith((*_PARQUET, *_EXCEL, ".gz"))
            starts = range(0, max(size, 1), block_bytes) if is_csv else [0]
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
    except (OSError, ValueError, zipfile.BadZipFile, csv.Error) as error:
        raise DataError(f"Expected a readable file {block.name}. Received: {error}. Replace it.") from None
    _require_columns(texts, network, block)
    rejected: list[pd.DataFrame] = []
    times, has_offset = _times(texts, network)
    _reject(rejected, block, texts, ", ".join(network.clock.columns), times.isna(), "no time")
    values: dict[str, Any] = {
        STATION: texts[network.station] if network.station else network.station_name,
        TIME: times,
        HAS_OFFSET: has_offset,
    }
    for name, variable in network.variables.items():
        numbers, is_unreadable = _numbers(texts[variable.column], name, variable, network)
        share = float(is_unreadable.mean()) if len(texts) else 0.0
        if share > MAX_UNREADABLE_SHARE:
            sample = ", ".join(repr(text) for text in texts[variable.column][is_unreadable].unique()[:3])
            raise DataError(
                f"Expected numbers in the column {variable.column!r} of {block.name}. Received: {sample} "
                f"({share:.0%} of its values). Correct the mapping: `missing`, `values` of {name}, or its column."
            )
        _reject(rejected, block, texts, variable.column, is_unreadable, "no number")
        values[name] = numbers
    observations = pd.DataFrame(values)
    empty = pd.DataFrame(columns=["file", "record", "column", "text", "reason"])
    return observations[times.notna()], pd.concat(rejected) if rejected else empty


def to_utc(observations: pd.DataFrame, zone: str) -> pd.DatetimeIndex:
    """Returns the times of one station's observations in UTC, in the order in which its files have them.

    An hour that a clock change repeats is the earlier one where it first stands, the later one where it stands again;
    one that the change leaves out does not exist and becomes NaT.
    """
    times, has_offset = observations[TIME], observations[HAS_OFFSET].to_numpy(bool)
    if zone[0] in "+-":
        offset = pd.Timedelta(f"{zone[0]}{zone[1:3]}:{zone[-2:] if len(zone) > 3 else '00'}:00")
        local = times - offset
    else:
        is_first = (times.groupby(times).cumcount() == 0).to_numpy()
        local = times.dt.tz_localize(zone, ambiguous=is_first, nonexistent="NaT")
        local = local.dt.tz_convert("UTC").dt.tz_localize(None)
    return pd.DatetimeIndex(times.where(has_offset, local))


def _is_pattern(path: str) -> bool:
    return any(mark in path for mark in "*?[")


def _read_table(block: Block, network: Network) -> pd.DataFrame:
    import fsspec

    if block.uri.lower().endswith(_PARQUET):
        return pd.read_parquet(block.uri).pipe(_as_texts)
    with fsspec.open(block.uri, "rb", compression="infer") as file:
        if block.uri.lower().endswith(_EXCEL):
            return pd.read_excel(file, dtype=object).pipe(_as_texts)
        header = file.readline().decode("utf-8-sig")
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

    def read(types: dict[str, pa.DataType]) -> pd.DataFrame:
        return arrow_csv.read_csv(
            io.BytesIO(content),
            arrow_csv.ReadOptions(column_names=list(names), use_threads=False),
            arrow_csv.ParseOptions(delimiter=network.separator),
            arrow_csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=list(network.missing),
                strings_can_be_null=True,
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
        # The 31st of a short month is no day; a text in its cell would be lost, so it is kept as no time.
        is_day = times.notna() | ~long["value"].map(_as_text).isin(network.missing)
        columns[variable.column] = long["value"][is_day].groupby(times[is_day].dt.strftime("%Y-%m-%d")).first()
    table = pd.DataFrame(columns).rename_axis("date").reset_index().pipe(_as_texts)
    clock = network.clock.model_copy(update={"columns": ("date",), "format": None})
    return table, network.model_copy(update={"clock": clock})


def _as_texts(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({str(name): table[name].map(_as_text) for name in table.columns}, dtype=object)


def _as_text(value: object) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, pd.Timestamp) else str(value).strip()


def _require_columns(texts: pd.DataFrame, network: Network, block: Block) -> None:
    wanted = [*network.clock.columns, *([network.station] if network.station else [])]
    _require([*wanted, *(variable.column for variable in network.variables.values())], list(texts.columns), block)


def _require(wanted: Iterable[str], names: Sequence[str], block: Block) -> None:
    for column in wanted:
        if column not in names:
            raise DataError(
                f"Expected the column {column!r} in {block.name}. Received: {', '.join(names)}."
                f"{suggestion(column, names)} Correct the mapping or the file."
            )


def _times(texts: pd.DataFrame, network: Network) -> tuple[pd.Series, Any]:
    clock = network.clock
    if len(clock.columns) == 1:
        column = texts[clock.columns[0]].astype(str).str.strip()
        if clock.format is not None:
            times = pd.to_datetime(column, format=clock.format, errors="coerce")
            if times.dt.tz is None:
                return times.astype("datetime64[ns]"), False
            return times.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ns]"), True
        has_offset = column.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True)
        # Apart: of texts with and without an offset together pandas gives the offset of one to the next.
        times = pd.concat(
            [
                pd.to_datetime(part, format="ISO8601", utc=True, errors="coerce")
                for part in (column[has_offset], column[~has_offset])
                if len(part)
            ]
            or [pd.to_datetime(column, utc=True)]
        )
        return times.dt.tz_localize(None).astype("datetime64[ns]").reindex(column.index), has_offset
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
        if variable.unit == COMPASS:
            numbers = kinds.str.upper().map(COMPASS_DEG)
        else:
            numbers = pd.to_numeric(kinds, errors="coerce")
        numbers = kinds.map(variable.values).fillna(numbers).astype(np.float64)
        is_bad = ~np.isfinite(numbers) & ~kinds.isin(network.missing)
        numbers, is_bad = (
            pd.Series(np.append(kind.to_numpy(), nothing)[codes], column.index)
            for kind, nothing in ((numbers, np.nan), (is_bad, False))
        )
    else:
        numbers, is_bad = column.astype(np.float64), np.isinf(column)
    return (numbers.where(np.isfinite(numbers)) * factor + offset).astype(np.float32), is_bad


def _reject(
    rejected: list[pd.DataFrame], block: Block, texts: pd.DataFrame, column: str, is_bad: pd.Series, reason: str
) -> None:
    if is_bad.any():
        bad = texts[is_bad]
        record = bad.astype(str).agg(" ".join, axis=1)
        text = bad[column].astype(str) if column in bad.columns else ""
        rejected.append(
            pd.DataFrame({"file": block.name, "record": record, "column": column, "text": text, "reason": reason})
        )
