"""What a log's rows add up to: counts of bins and sums of scores by model version and window.

A file is counted batch by batch, so that the memory does not depend on the length of the log; counts of files are
added.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..features import Problem
from ..prediction_task import PredictionTask
from .bins import Indices, numeric_bins
from .columns import FeatureColumn, HashedError, groups_of, output_values, to_array
from .labels import Labels
from .log import TIME, VERSION, Problems
from .reference import PredictionReference, Reference
from .scores import ScoreSums

CLASS, CONFIDENCE, VALUE = "class", "confidence", "value"
SCORES = "scores"

Key = tuple[str, int]
"""A model version, and a window."""


@dataclasses.dataclass
class WindowCounts:
    """What the rows of a window add up to.

    Args:
        rows: int.
        first: int. Time of the first row, microseconds since 1970-01-01 UTC.
        last: int. Time of the last row.
        features: dict of feature to counts `(B,)` of its bins.
        out_of_range: dict of feature to rows outside the schema's bounds.
        outputs: dict of output to counts of its bins.
        scores: float array, `ScoreSums.to_row`; None where there are no scores.
        slices: dict of slice column and group to counts of the bins of its first output.
        confidence: dict of slice column and group to the sum of the scores of the predicted class.
    """

    rows: int
    first: int
    last: int
    features: dict[str, NDArray[np.int64]] = dataclasses.field(default_factory=dict)
    out_of_range: dict[str, int] = dataclasses.field(default_factory=dict)
    outputs: dict[str, NDArray[np.int64]] = dataclasses.field(default_factory=dict)
    scores: NDArray[np.float64] | None = None
    slices: dict[tuple[str, str], NDArray[np.int64]] = dataclasses.field(default_factory=dict)
    confidence: dict[tuple[str, str], float] = dataclasses.field(default_factory=dict)

    def add(self, other: "WindowCounts") -> None:
        """Adds the counts of further rows of the window."""
        self.rows += other.rows
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        for own, others in (
            (self.features, other.features),
            (self.out_of_range, other.out_of_range),
            (self.outputs, other.outputs),
            (self.slices, other.slices),
            (self.confidence, other.confidence),
        ):
            _add(own, others)
        if other.scores is not None:
            self.scores = other.scores if self.scores is None else self.scores + other.scores


def _add(own: dict[Any, Any], others: Mapping[Any, Any]) -> None:
    for name, value in others.items():
        own[name] = own[name] + value if name in own else value


@dataclasses.dataclass
class Labelled:
    """Predictions whose label is known, of one batch.

    Args:
        version: string.
        windows: int array `(M,)`.
        places: int array `(M,)`. Place of the label among all labels.
        outputs: array `(M, ...)`, as `Metric.compute` takes predictions.
        groups: dict of slice column to the place of each row's group, -1 for none.
    """

    version: str
    windows: Indices
    places: Indices
    outputs: NDArray[np.float64]
    groups: dict[str, Indices]


@dataclasses.dataclass
class LogCounts:
    """What the rows of one file, or of all, add up to.

    Args:
        windows: dict of `Key` to `WindowCounts`.
        labelled: list of `Labelled`.
        hashed: set of features whose values are hashes that cannot be compared.
        logged: set of features that the log has.
        ambiguous: int. Rows with a label that may be another row's.
        problems: `Problems`.
    """

    windows: dict[Key, WindowCounts] = dataclasses.field(default_factory=dict)
    labelled: list[Labelled] = dataclasses.field(default_factory=list)
    hashed: set[str] = dataclasses.field(default_factory=set)
    logged: set[str] = dataclasses.field(default_factory=set)
    ambiguous: int = 0
    unknown: dict[str, int] = dataclasses.field(default_factory=dict)
    problems: Problems = dataclasses.field(default_factory=Problems)

    def add(self, other: "LogCounts") -> None:
        """Adds the counts of another file."""
        for key, counts in other.windows.items():
            if key in self.windows:
                self.windows[key].add(counts)
            else:
                self.windows[key] = counts
        self.labelled += other.labelled
        self.hashed |= other.hashed
        self.logged |= other.logged
        self.ambiguous += other.ambiguous
        _add(self.unknown, other.unknown)
        self.problems.add(other.problems)


class Counter:
    """Counts the rows of one model version in tables of a log.

    Args:
        reference: `Reference`.
        key: bytes. The key of hashed values; empty for none.
    """

    def __init__(self, reference: Reference, key: bytes = b"") -> None:
        self._reference = reference
        self._task = reference.config.task
        self._columns = {
            feature.name: FeatureColumn(feature, key) for feature in reference.features if feature.distribution
        }
        self._bins = {feature.name: feature.distribution for feature in reference.features if feature.distribution}

    def count(self, version: str, table: pa.Table, windows: Indices, times: Indices, into: LogCounts) -> None:
        """Counts rows `(N,)` of the version.

        Args:
            version: string.
            table: `pyarrow.Table` of the rows, in one chunk.
            windows: int array `(N,)`.
            times: int array `(N,)`, microseconds.
            into: `LogCounts` to which they are added.
        """
        numbers, local = np.unique(windows, return_inverse=True)
        size = len(numbers)
        order = np.argsort(local, kind="stable")
        starts = np.searchsorted(local[order], np.arange(size))
        first, last = (reduce(times[order], starts) for reduce in (np.minimum.reduceat, np.maximum.reduceat))
        rows = np.bincount(local, minlength=size)
        found = [WindowCounts(int(rows[w]), int(first[w]), int(last[w])) for w in range(size)]
        for name, column in self._columns.items():
            if name in table.column_names:
                self._count_feature(name, column, table.column(name).chunk(0), local, found, into)
        outputs = self._outputs(table)
        if outputs is not None:
            self._count_outputs(outputs, table, local, found)
        for number, counts in zip(numbers.tolist(), found, strict=True):
            key = (version, number)
            if key in into.windows:
                into.windows[key].add(counts)
            else:
                into.windows[key] = counts

    def labelled(self, version: str, table: pa.Table, windows: Indices, labels: Labels, into: LogCounts) -> None:
        """Keeps the predictions whose label is known."""
        places, ambiguous = labels.match(table)
        into.ambiguous += ambiguous
        rows = np.flatnonzero(places >= 0)
        outputs = self._outputs(table.take(pa.array(rows))) if len(rows) else None
        if outputs is not None:
            groups = {name: group[rows] for name, group in self._groups(table).items()}
            into.labelled.append(Labelled(version, windows[rows], places[rows], outputs, groups))

    def _count_feature(
        self,
        name: str,
        column: FeatureColumn,
        values: pa.Array,
        local: Indices,
        found: Sequence[WindowCounts],
        into: LogCounts,
    ) -> None:
        into.logged.add(name)
        try:
            bins = column.bins(values)
        except HashedError:
            into.hashed.add(name)
            return
        for counts, of_window in zip(found, _tally(local, bins, len(found), self._bins[name].num_bins), strict=True):
            counts.features[name] = of_window
        outside = column.num_out_of_range(values)
        if outside is not None and outside.any():
            for window, count in enumerate(np.bincount(local[outside], minlength=len(found)).tolist()):
                found[window].out_of_range[name] = count

    def _outputs(self, table: pa.Table) -> NDArray[np.float64] | None:
        name = f"prediction_{self._task.prediction_key}"
        if name not in table.column_names:
            return None
        column = table.column(name)
        outputs = to_array(column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks))
        if self._task.problem is Problem.CLASSIFICATION and outputs.shape[1:] != (len(self._task.label.values),):
            return None
        return outputs

    def _count_outputs(
        self, outputs: NDArray[np.float64], table: pa.Table, local: Indices, found: Sequence[WindowCounts]
    ) -> None:
        size = len(found)
        if self._task.problem is Problem.CLASSIFICATION:
            sums = ScoreSums.of(outputs, local, size)
            for window, counts in enumerate(found):
                counts.scores = sums.to_row(window)
        predictions = self._reference.predictions
        if predictions is None:
            return
        binned = bin_outputs(outputs, self._task, predictions)
        for name, bins in binned.items():
            tallies = _tally(local, bins, size, predictions.outputs[name].num_bins)
            for counts, of_window in zip(found, tallies, strict=True):
                counts.outputs[name] = of_window
        main = next(iter(binned))
        num_bins = predictions.outputs[main].num_bins
        best = outputs.max(axis=1) if self._task.problem is Problem.CLASSIFICATION else None
        for column, group in self._groups(table).items():
            for place, name in enumerate(predictions.slices[column]):
                rows = np.flatnonzero(group == place)
                if not len(rows):
                    continue
                for counts, of_window in zip(
                    found, _tally(local[rows], binned[main][rows], size, num_bins), strict=True
                ):
                    counts.slices[column, name] = of_window
                if best is not None:
                    for window, total in enumerate(np.bincount(local[rows], best[rows], size).tolist()):
                        found[window].confidence[column, name] = total

    def _groups(self, table: pa.Table) -> dict[str, Indices]:
        predictions = self._reference.predictions
        if predictions is None:
            return {}
        return {
            one.name: groups_of(table.column(one.source).chunk(0), one, list(predictions.slices[one.name]))
            for one in self._reference.config.slices
            if one.source in table.column_names and one.name in predictions.slices
        }


def bin_outputs(
    outputs: NDArray[np.float64], task: PredictionTask, predictions: PredictionReference
) -> dict[str, Indices]:
    """Returns the bin of each prediction, by output: its class and confidence, or its value."""
    if task.problem is not Problem.CLASSIFICATION:
        return {VALUE: numeric_bins(output_values(outputs, task), predictions.outputs[VALUE])}
    return {
        CLASS: outputs.argmax(axis=1),
        CONFIDENCE: numeric_bins(outputs.max(axis=1), predictions.outputs[CONFIDENCE]),
    }


def times_of(table: pa.Table, problems: Problems) -> tuple[pa.Table, Indices]:
    """Returns the rows that have a time and a version, in one chunk, and their times in microseconds."""
    if TIME not in table.column_names or VERSION not in table.column_names:
        problems.no_time += table.num_rows
        return table.slice(0, 0), np.array([], np.int64)
    table = table.combine_chunks()
    times = table.column(TIME)
    if not pa.types.is_timestamp(times.type):
        times = _parsed(times)
    times = pc.cast(times, pa.timestamp("us", "UTC") if times.type.tz else pa.timestamp("us"), safe=False)
    is_known = pc.and_(times.is_valid(), table.column(VERSION).is_valid())
    if not pc.all(is_known).as_py():
        problems.no_time += table.num_rows - int(pc.sum(is_known).as_py() or 0)
        table, times = table.filter(is_known).combine_chunks(), times.filter(is_known)
    return table, np.asarray(times.cast(pa.int64()).to_numpy(), np.int64)


def _parsed(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns times of texts of ISO 8601, null for what is none."""
    try:
        return pc.cast(texts, pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        from datetime import datetime

        def parse(text: Any) -> datetime | None:
            try:
                return datetime.fromisoformat(text)
            except (ValueError, TypeError):
                return None

        return pa.chunked_array([pa.array([parse(text) for text in texts.to_pylist()], pa.timestamp("us", "UTC"))])


def _tally(windows: Indices, bins: Indices, num_windows: int, num_bins: int) -> NDArray[np.int64]:
    place = bins if num_windows == 1 else windows * num_bins + bins
    return np.bincount(place, minlength=num_windows * num_bins).reshape(num_windows, num_bins)
