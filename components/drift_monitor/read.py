"""Reads a log into counts, several files at a time."""

import datetime
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .counting import Counter, LogCounts, times_of
from .labels import Labels
from .log import ID, ROW, TIME, UNREADABLE, VERSION, LogFile, Problems, read_batches
from .references import References, is_version
from .settings import WindowSize
from .windows import Windows

LEEWAY_SECONDS = 300
"""By how much the clocks of servers may differ."""

_OLDEST_TIME_VERSION = 1_000_000_000


class LogReader:
    """Reads the files of a log.

    Args:
        files: sequence of `LogFile`.
        references: `References`.
        now: datetime. Rows of later times are left out.
        since: datetime or None. Rows of earlier times are left out.
        key: bytes. The key of hashed values; empty for none.
    """

    def __init__(
        self,
        files: Sequence[LogFile],
        references: References,
        now: datetime.datetime,
        since: datetime.datetime | None = None,
        key: bytes = b"",
    ) -> None:
        self._files = files
        self._references = references
        self._latest = _micros(now) + LEEWAY_SECONDS * 1_000_000
        self._since = None if since is None else _micros(since)
        self._key = key
        self._counters: dict[str, Counter] = {}

    def windows(self, size: WindowSize) -> Windows:
        """Returns how the log is divided; for windows by rows all times are read first."""
        if size.seconds:
            return Windows(size)
        times: dict[str, list[NDArray[np.int64]]] = {}
        with ThreadPoolExecutor(_num_threads()) as pool:
            for found in pool.map(self._times, self._files):
                for version, of_file in found:
                    times.setdefault(version, []).append(of_file)
        return Windows.of_rows(size, {version: np.concatenate(parts) for version, parts in times.items()})

    def count(self, windows: Windows, labels: Labels | None = None) -> LogCounts:
        """Returns what the log adds up to."""
        total = LogCounts()
        with ThreadPoolExecutor(_num_threads()) as pool:
            for counts in pool.map(lambda file: self._count_file(file, windows, labels), self._files):
                total.add(counts)
        return total

    def _columns(self, file: LogFile, labels: Labels | None) -> list[str] | None:
        """Returns the columns to read of a file: those that its own versions need, None for all."""
        if not file.path.endswith(".parquet"):  # Lines are read whole.
            return None
        names = [TIME, VERSION, ID, ROW, *labels.columns] if labels is not None else [TIME, VERSION]
        for version in self._versions(file):
            found = self._references.of(version)
            if found is None:
                continue
            names += [feature.name for feature in found.features]
            names += [one.source for one in found.config.slices]
            names += [f"prediction_{found.config.task.prediction_key}"]
        return list(dict.fromkeys(names))

    def _versions(self, file: LogFile) -> set[str]:
        tables = read_batches(file, (VERSION,), Problems())
        found = [pc.unique(table.column(VERSION)).to_pylist() for table in tables if table.num_columns]
        return {str(version) for of_batch in found for version in of_batch}

    def _times(self, file: LogFile) -> list[tuple[str, NDArray[np.int64]]]:
        found = []
        try:
            for table in read_batches(file, (TIME, VERSION), Problems()):
                for version, _, times in self._parts(table, Problems()):
                    found.append((version, times))
        except UNREADABLE:  # `count` reports it.
            return []
        return found

    def _count_file(self, file: LogFile, windows: Windows, labels: Labels | None) -> LogCounts:
        counts = LogCounts()
        try:
            for table in read_batches(file, self._columns(file, labels), counts.problems):
                self._count(table, windows, labels, counts)
        except UNREADABLE as error:  # A column of another type, scores of another number of classes.
            counts = LogCounts()
            counts.problems.leave_out(file, error)
        return counts

    def _count(self, table: pa.Table, windows: Windows, labels: Labels | None, counts: LogCounts) -> None:
        for version, part, times in self._parts(table, counts.problems):
            counter = self._counter(version)
            if counter is None:
                counts.unknown[version] = counts.unknown.get(version, 0) + len(times)
                continue
            places = windows.of(version, times)
            counter.count(version, part, places, times, counts)
            if labels is not None:
                counter.labelled(version, part, places, labels, counts)

    def _parts(self, table: pa.Table, problems: Problems) -> list[tuple[str, pa.Table, NDArray[np.int64]]]:
        """Returns the rows of each version whose times are possible, with their times."""
        table, times = times_of(table, problems)
        if not len(times):
            return []
        kept = times <= self._latest
        problems.ahead += int((~kept).sum())
        if self._since is not None:
            kept &= times >= self._since
        versions = table.column(VERSION)
        found = []
        for version in pc.unique(versions).to_pylist():
            of_version = pc.equal(versions, version).to_numpy() & kept
            if is_version(str(version)) and int(version) >= _OLDEST_TIME_VERSION:
                is_early = of_version & (times < (int(version) - LEEWAY_SECONDS) * 1_000_000)
                problems.before_push += int(is_early.sum())
                of_version &= ~is_early
            if of_version.all():
                found.append((str(version), table, times))
            elif of_version.any():
                part = table.filter(pa.array(of_version)).combine_chunks()
                found.append((str(version), part, times[of_version]))
        return found

    def _counter(self, version: str) -> Counter | None:
        if version not in self._counters:
            reference = self._references.of(version)
            if reference is None:
                return None
            self._counters[version] = Counter(reference, self._key)
        return self._counters[version]


def _num_threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _micros(time: datetime.datetime) -> int:
    return int(time.timestamp() * 1_000_000)
