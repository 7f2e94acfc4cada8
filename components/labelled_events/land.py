"""Labelled events to spans: a Parquet file a day of event time, which the ingest reads as it is.

`spans/<day>/labelled.parquet`, days since 1970-01-01 UTC as TFX counts spans, is where retraining keeps the labelled
rows of a prediction log too, in the same columns. An event is known by its id: one that comes again replaces itself, so
that landing twice is landing once, and a corrected label counts.
"""

import contextlib
import csv
import dataclasses
import datetime
import gzip
import io
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from filelock import FileLock

from ...errors import MAX_FAILURES_SHOWN, DataError, UsageError
from ...files import scratch_folder
from ...model_store.metadata import MISSING_VALUE, Dtype
from ...serving.bodies import parse_json
from ...serving.contract import Array, Feature
from ...serving.inputs import InputChecker
from ...serving.limits import Limits
from ...serving.values import shown
from ..batch_predictor.places import Place, open_place
from ..drift_monitor.log import ID, ROW, TIME
from ..example_gen.csv_segments import BYTE_ORDER_MARK
from ..example_gen.csv_text import GZIP_MAGIC
from ..example_gen.settings import Column
from ..example_gen.tables import Quarantined
from ..features import to_identifier

SPANS = "spans"
FILE = "labelled.parquet"
REJECTED = "_rejected"  # The ingest takes nothing below such names for records.
SUFFIXES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")

CHUNK_EVENTS = 1 << 15
"""How many events memory holds; beyond them a day's span, as columns."""

_LOCK_FILE = "_lock"
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_SECONDS_A_DAY = 86_400
_MICROSECONDS_A_DAY = _SECONDS_A_DAY * 1_000_000
_ARROW_TYPES = {"float32": pa.float32(), "int64": pa.int64(), "string": pa.string()}


@dataclasses.dataclass(frozen=True)
class EventForm:
    """Which fields of an event hold what.

    Args:
        id: string. The field of its id.
        time: string. The field of its time: ISO 8601 with its offset from UTC, or seconds since 1970-01-01 UTC.
        features: string. The field whose object holds the features; empty where the event itself does. The label
            stands among them or in the event.
    """

    id: str = "id"
    time: str = "time"
    features: str = ""


@dataclasses.dataclass(frozen=True)
class Landed:
    """What came of events.

    Args:
        events: int. All that were read.
        landed: int. Those that are new.
        replaced: int. Those whose id was there, or came again among them.
        rejected: int. Those that do not fit.
        quarantine: string. The file of the rejected ones; empty where none was.
        spans: mapping of day, as a date, to the number of rows that its span now has.
        shown: tuple of strings. The first few rejections.
    """

    events: int
    landed: int
    replaced: int
    rejected: int
    quarantine: str
    spans: Mapping[str, int]
    shown: tuple[str, ...]


def land(
    events: str,
    target: str,
    columns: Mapping[str, Column],
    label: str,
    label_values: Sequence[str] = (),
    form: EventForm = EventForm(),
) -> Landed:
    """Adds labelled events to the spans of a folder.

    Args:
        events: string. JSON lines, an event a line: a file, a folder or a pattern, here or in a bucket.
        target: string. Folder or URI, below which `spans` is.
        columns: mapping of column identifier to `Column`: those of the records, the label among them.
        label: string. The label's column.
        label_values: sequence of strings. The classes; empty for a number. Defaults to none.
        form: `EventForm`.

    Raises:
        DataError: if there are no events, none fits, or a span that is there holds something else; the spans of earlier
            days are written.
        StoreError: if a bucket cannot be read or written.
        OSError: if a span cannot be written; those of earlier days are.
    """
    folder = open_place(target)
    checker = _EventChecker(columns, label, label_values, form)
    num_new, spans = 0, {}
    with scratch_folder() as scratch:
        with _Spool(scratch, checker) as spool:
            for file in _list_events(events):
                for line, content in _lines(file):
                    spool.add(file.uri, line, content)
        if not spool.num_events:
            raise DataError(f"Expected events in {events}. Received: none. Name another file.")
        with _locked(folder):
            quarantine = _write_rejected(folder, spool.rejected) if spool.num_rejected else ""
            for day, found in spool.tables():
                new, total = _add(folder.child(SPANS).child(str(day)).child(FILE), found)
                num_new += new
                spans[(_EPOCH + datetime.timedelta(day)).date().isoformat()] = total
    num_fit = spool.num_events - spool.num_rejected
    if not num_fit:
        raise DataError(
            f"Expected events that fit. Received: none of {spool.num_events}; see {quarantine}. The first:", spool.shown
        )
    shown_ = tuple(spool.shown)
    return Landed(spool.num_events, num_new, num_fit - num_new, spool.num_rejected, quarantine, spans, shown_)


@dataclasses.dataclass(frozen=True)
class _Event:
    id: str
    microseconds: int
    matrices: Mapping[str, Array]


class _Spool:
    """Events on the disk, those that fit by day and the rejected ones: memory holds `CHUNK_EVENTS` of them.

    Args:
        folder: path. An empty folder.
        checker: `_EventChecker`.
    """

    def __init__(self, folder: Path, checker: "_EventChecker") -> None:
        self._folder, self._checker = folder, checker
        self._chunk: list[_Event] = []
        self._num_chunks = 0
        self.rejected = folder / "rejected.csv"
        self._stream = self.rejected.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(field.name for field in dataclasses.fields(Quarantined))
        self.num_events = self.num_rejected = 0
        self.shown: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        self._stream.close()

    def add(self, file: str, line: int, content: bytes) -> None:
        """Keeps an event, or why it does not fit."""
        self.num_events += 1
        try:
            self._chunk.append(self._checker.check(content))
        except DataError as error:
            failures = error.failures or (str(error),)
            reason = "; ".join(failures).replace(" (row 0)", "").replace("(row 0, ", "(")
            text = content.strip().decode("utf-8", "backslashreplace")
            self._writer.writerow(dataclasses.astuple(Quarantined(file, line, "", reason, text)))
            self.num_rejected += 1
            if len(self.shown) < MAX_FAILURES_SHOWN:
                self.shown.append(f"line {line}: {reason}")
        if len(self._chunk) >= CHUNK_EVENTS:
            self._flush()

    def tables(self) -> Iterator[tuple[int, pa.Table]]:
        """Yields each day and its events, in the order in which they came."""
        for day in sorted(int(folder.name) for folder in self._folder.iterdir() if folder.is_dir()):
            parts = sorted(self._folder.joinpath(str(day)).iterdir())
            yield day, pa.concat_tables([pyarrow.parquet.read_table(part) for part in parts])

    def _flush(self) -> None:
        by_day: dict[int, list[_Event]] = {}
        for event in self._chunk:
            by_day.setdefault(event.microseconds // _MICROSECONDS_A_DAY, []).append(event)
        for day, found in by_day.items():
            folder = self._folder / str(day)
            folder.mkdir(exist_ok=True)
            pyarrow.parquet.write_table(self._checker.table(found), folder / f"{self._num_chunks:09}.parquet")
        self._chunk.clear()
        self._num_chunks += 1


class _EventChecker:
    """Checks events as the server checks requests, and the label too."""

    def __init__(self, columns: Mapping[str, Column], label: str, label_values: Sequence[str], form: EventForm) -> None:
        self._form, self._label, self._label_values = form, label, tuple(label_values)
        self._features = [_feature(name, column, is_label=name == label) for name, column in columns.items()]
        self._latest = time.time() + _SECONDS_A_DAY
        limits = Limits()
        self._inputs = InputChecker(self._features, max_rows=1, max_string_bytes=limits.max_string_bytes)

    def check(self, content: bytes) -> _Event:
        """Returns an event of a line.

        Raises:
            DataError: if it does not fit.
        """
        event = parse_json(content)
        if not isinstance(event, dict):
            raise DataError(f"Expected an object of JSON. Received: {shown(event)}.")
        name = event.get(self._form.id)
        if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
            raise DataError(f"Expected {self._form.id!r} to be the event's id. Received: {name!r}.")
        return _Event(
            str(name), self._time(event.get(self._form.time)), self._inputs.check_rows([self._row(event)]).matrices
        )

    def _row(self, event: Mapping[str, Any]) -> dict[str, Any]:
        if self._form.features:
            fields = event.get(self._form.features)
            if not isinstance(fields, dict):
                raise DataError(f"Expected {self._form.features!r} to be an object of features. Received: {fields!r}.")
            labels = {name: value for name, value in event.items() if to_identifier(name) == self._label}
            fields = {**fields, **labels}
        else:
            fields = {name: value for name, value in event.items() if name not in (self._form.id, self._form.time)}
        row: dict[str, Any] = {}
        for name, value in fields.items():
            identifier = to_identifier(name)
            known = identifier if any(identifier == feature.name for feature in self._features) else name
            if known in row:
                raise DataError(f"Expected {known!r} once. Received: also its other name {name!r}.")
            row[known] = value
        value = row.get(self._label)
        if self._label_values and str(value) not in self._label_values:
            raise DataError(
                f"Expected {self._label!r} to be one of {', '.join(self._label_values)}. Received: {value!r}."
            )
        return row

    def _time(self, value: object) -> int:
        """Returns a time in microseconds since 1970."""
        seconds: float | None = None
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value
        elif isinstance(value, str):
            with contextlib.suppress(ValueError):
                time_ = datetime.datetime.fromisoformat(value)
                seconds = None if time_.tzinfo is None else (time_ - _EPOCH).total_seconds()
        if seconds is None:
            raise DataError(
                f"Expected {self._form.time!r} to be ISO 8601 with its offset from UTC, or seconds since 1970. "
                f"Received: {value!r}."
            )
        # A span of the future would stay the newest one, which training takes.
        if not 0 <= seconds <= self._latest:
            raise DataError(
                f"Expected {self._form.time!r} to be at most a day ahead of this machine's clock, and not before 1970. "
                f"Received: {value!r}. Numbers are seconds."
            )
        return round(seconds * 1_000_000)

    def table(self, events: Sequence[_Event]) -> pa.Table:
        """Returns events as rows."""
        columns: dict[str, pa.Array] = {}
        for group, features in self._inputs.groups.items():
            matrix = np.concatenate([event.matrices[group] for event in events], axis=1)
            for feature, values in zip(features, matrix, strict=True):
                columns[feature.name] = _to_arrow(feature, values)
        columns = {feature.name: columns[feature.name] for feature in self._features}
        columns[ID] = pa.array([event.id for event in events])
        columns[ROW] = pa.array(np.zeros(len(events), np.int64))
        columns[TIME] = pa.array([event.microseconds for event in events], pa.timestamp("us", "UTC"))
        return pa.table(columns)


def _feature(name: str, column: Column, is_label: bool) -> Feature:
    dtype: Dtype = column.type.value
    optional = not column.required and not is_label
    missing = MISSING_VALUE[dtype] if optional else None
    fewest = column.steps if column.min_steps is None else column.min_steps
    return Feature(name, dtype, "", optional, missing, None, name, column.steps, fewest or 0)


def _to_arrow(feature: Feature, values: Array) -> pa.Array:
    missing = MISSING_VALUE[feature.dtype]
    kind = _ARROW_TYPES[feature.dtype]
    if feature.steps is not None:
        items = _to_arrow(dataclasses.replace(feature, steps=None), values.reshape(-1))
        return pa.FixedSizeListArray.from_arrays(items, feature.steps)
    is_missing = np.isnan(values) if feature.dtype == "float32" else values == missing
    return pa.array(values, kind, mask=np.asarray(is_missing, bool))


def _add(place: Place, table: pa.Table) -> tuple[int, int]:
    """Adds rows to a span's file, and returns how many are new, and how many it has now.

    Raises:
        DataError: if the file is not whole, or has columns of other types.
    """
    content = place.read()
    num_before = 0
    if content is not None:
        try:
            before = pyarrow.parquet.read_table(io.BytesIO(content))
            table = pa.concat_tables([before, table], promote_options="permissive")
        except pa.ArrowException as error:
            raise DataError(
                f"Expected {place.uri} to be a span of these columns. Received: {error}. Correct it, or move it away "
                "and land its events again."
            ) from None
        num_before = before.num_rows
    places = table.select([ID, ROW]).append_column("place", pa.array(np.arange(table.num_rows)))
    last = places.group_by([ID, ROW]).aggregate([("place", "max")])["place_max"]
    table = table.take(pa.array(np.sort(last.to_numpy())))
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table, stream)
    place.write(stream.getvalue())
    return table.num_rows - num_before, table.num_rows


def _list_events(events: str) -> list[Place]:
    place = open_place(events)
    with place.asked("list"):
        if any(mark in place.path for mark in "*?[") and not place.files.exists(place.path):
            names = sorted(place.files.glob(place.path))
        elif place.files.isdir(place.path):
            names = [name for name in sorted(place.files.find(place.path)) if name.lower().endswith(SUFFIXES)]
        else:
            names = [place.path] if place.files.exists(place.path) else []
    if not names:
        raise UsageError(f"Expected events in JSON lines at {events}. Received: no such file. Check the place.")
    return [dataclasses.replace(place, path=name, uri=name) for name in names]


def _lines(place: Place) -> Iterator[tuple[int, bytes]]:
    with place.reading() as stream, contextlib.ExitStack() as stack:
        is_gzip = stream.read(2) == GZIP_MAGIC
        stream.seek(0)
        lines = stack.enter_context(gzip.GzipFile(fileobj=stream)) if is_gzip else stream
        for line, content in enumerate(lines, start=1):
            text = content.removeprefix(BYTE_ORDER_MARK) if line == 1 else content
            if text.strip():
                yield line, text


def _write_rejected(folder: Place, rejected: Path) -> str:
    name = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S-%f")
    place = folder.child(REJECTED).child(f"{name}.csv")
    if folder.is_local:
        Path(place.parent.path).mkdir(parents=True, exist_ok=True)
    with rejected.open("rb") as source, place.writing() as target:
        shutil.copyfileobj(source, target)
    return place.uri


@contextlib.contextmanager
def _locked(folder: Place) -> Iterator[None]:
    """Lets others that land events here wait; in a bucket nobody can be made to."""
    if not folder.is_local:
        yield
        return
    Path(folder.path).mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder.path}/{_LOCK_FILE}"):
        yield
