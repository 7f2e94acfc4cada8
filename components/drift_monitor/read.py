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
from .log import ID, ROW, TIME, VERSION, LogFile, Problems, read_batches
from .references import References
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

    def _times(self, file: LogFile) -> list[tuple[str, NDArray[np.int64]]]:
        found = []
        for table in read_batches(file, (TIME, VERSION), Problems()):
            for version, _, times in self._parts(table, Problems()):
                found.append((version, times))
        return found

    def _count_file(self, file: LogFile, windows: Windows, labels: Labels | None) -> LogCounts:
        counts = LogCounts()
        columns = self._wanted(labels)
        for table in read_batches(file, columns, counts.problems):
            for version, part, times in self._parts(table, counts.problems):
                counter = self._counter(version)
                if counter is None:
                    counts.unknown[version] = counts.unknown.get(version, 0) + len(times)
                    continue
                places = windows.of(version, times)
                counter.count(version, part, places, times, counts)
                if labels is not None:
                    counter.labelled(version, part, places, labels, counts)
        return counts

    def _wanted(self, labels: Labels | None) -> list[str]:
        newest = self._references.newest()
        names = [TIME, VERSION, *(feature.name for feature in newest.features)]
        names += [one.source for one in newest.config.slices]
        names += [f"prediction_{newest.config.task.prediction_key}"]
        names += [ID, ROW, *labels.columns] if labels is not None else []
        return list(dict.fromkeys(names))

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
            if str(version).isdigit() and int(version) >= _OLDEST_TIME_VERSION:
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
