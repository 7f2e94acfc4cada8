"""The records that are evaluated: their labels, what models predict, and the columns that slices are of."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...errors import DataError
from ..examples import checksums, decode, flat_values, is_string, read_examples, single_values
from ..fingerprints import as_text
from ..prediction_task import PredictionTask, SplitSettings
from ..times import to_times
from .labels import read_labels, require_labels
from .model import Model
from .out_of_fold import OutOfFold

FIX = "Split by a column of one value."
Indices = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class SliceColumn:
    """The values of a column; a record may have none, or several.

    Args:
        values: tuple of the distinct values, as the examples hold them: strings, ints or floats.
        rows: int array of shape `(M,)`, ascending. The record of each value.
        codes: int array of shape `(M,)`. Index of each value.
    """

    values: tuple[str | int | float, ...]
    rows: Indices
    codes: Indices

    @classmethod
    def of(cls, values: Iterable[str | float | None]) -> "SliceColumn":
        """Returns the column of one value a record, None for none."""
        given = [(row, value) for row, value in enumerate(values) if value is not None]
        index = {value: code for code, value in enumerate(dict.fromkeys(value for _, value in given))}
        rows, codes = ([row for row, _ in given], [index[value] for _, value in given])
        return cls(tuple(index), np.array(rows, np.int64), np.array(codes, np.int64))


@dataclasses.dataclass(frozen=True)
class Records:
    """Records with what models predict of them; no model is needed to evaluate them.

    Args:
        labels: array as `Metric.compute` takes it: `(N,)` classes or numbers, `(N, H)` of a forecast.
        scores: array likewise: `(N, K)` scores, `(N,)` or `(N, H)` numbers, with quantiles one more axis.
        baseline_scores: likewise of the last blessed model. Defaults to None.
        columns: mapping of name to `SliceColumn`. Defaults to none.
        keys: array of shape `(N,)`: the value of the split's key that keeps records together, or their time. Defaults
            to None, each on its own.
        checksums: uint32 array of shape `(N,)`, as `examples.checksums` returns it: kept predictions are known by it.
            Defaults to None.
    """

    labels: NDArray[Any]
    scores: NDArray[Any]
    baseline_scores: NDArray[Any] | None = None
    columns: Mapping[str, SliceColumn] = dataclasses.field(default_factory=dict)
    keys: NDArray[Any] | None = None
    checksums: NDArray[np.uint32] | None = None

    def __len__(self) -> int:
        return len(self.labels)


def read_records(
    files: Sequence[str],
    task: PredictionTask,
    columns: Sequence[str],
    model: Model | OutOfFold,
    baseline: Model | None = None,
) -> Records:
    """Reads examples in batches and lets the models predict them.

    Args:
        files: sequence of paths of gzip-compressed TFRecord files.
        task: `PredictionTask`.
        columns: sequence of the columns that slices are of.
        model: `Model` of the candidate, or its `OutOfFold` predictions.
        baseline: `Model` of the last blessed one. Defaults to None.

    Raises:
        DataError: if there is no record, one has no label of the task, or out-of-fold predictions are of others.
    """
    labels, scores, baseline_scores, found_checksums = [], [], [], []
    values: dict[str, list[pa.Array]] = {name: [] for name in columns}
    lengths: dict[str, list[NDArray[np.int64]]] = {name: [] for name in columns}
    keys: list[pa.Array] = []
    key = task.split.key if task.split.method != "hash" else None
    for examples in read_examples(files):
        table = decode(examples)
        found = read_labels(table, task)
        require_labels(found, table, task)
        labels.append(found)
        found_checksums.append(checksums(examples))
        scores.append(model.predict(examples, table))
        if baseline is not None:
            baseline_scores.append(baseline.predict(examples, table))
        for name in columns:
            counts, column = flat_values(table, name)
            lengths[name].append(counts)
            if pa.types.is_floating(column.type):
                column = pc.add(column, pa.scalar(0.0, column.type))  # -0 and 0 are one slice.
            values[name].append(column.dictionary_encode())
        if key is not None:
            keys.append(key_values(table, key))
    own_labels = None
    if isinstance(model, OutOfFold):
        model.require_end()
        own_labels = model.labels
    if not labels:
        raise DataError(
            f"Expected records to evaluate in {', '.join(files) or 'the split eval'}. Received: none. Check the split."
        )
    return Records(
        np.concatenate(labels) if own_labels is None else own_labels,
        np.concatenate(scores),
        np.concatenate(baseline_scores) if baseline_scores else None,
        {name: _slice_column(name, np.concatenate(lengths[name]), values[name]) for name in columns},
        split_keys(keys, task.split) if keys else None,
        np.concatenate(found_checksums),
    )


def find_slices(
    columns: Mapping[str, SliceColumn], specs: Iterable[Sequence[str]]
) -> Iterator[tuple[tuple[tuple[str, str | int | float], ...], Indices]]:
    """Yields the key and the rows of each slice by columns: its pairs of column and value, by the columns' names.

    A record is in one slice for each combination of its values, and in none where a column has no value.

    Args:
        columns: mapping of name to `SliceColumn`.
        specs: iterable of sequences of column names.
    """
    for spec in dict.fromkeys(frozenset(spec) for spec in specs if spec):
        names = sorted(spec)
        first = columns[names[0]]
        rows, groups = first.rows, first.codes
        keys: list[tuple[int, ...]] = [(code,) for code in range(len(first.values))]
        for name in names[1:]:
            other = columns[name]
            starts, ends = (np.searchsorted(other.rows, rows, side) for side in ("left", "right"))
            counts = ends - starts
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            others = other.codes[np.repeat(starts, counts) + within]
            rows = np.repeat(rows, counts)
            pairs, groups = np.unique(np.repeat(groups, counts) * len(other.values) + others, return_inverse=True)
            keys = [(*keys[pair // len(other.values)], pair % len(other.values)) for pair in pairs.tolist()]
        order = np.argsort(groups, kind="stable")
        ends = np.cumsum(np.bincount(groups, minlength=len(keys)))
        for codes, (start, end) in zip(keys, itertools.pairwise([0, *ends]), strict=True):
            key = tuple((name, columns[name].values[code]) for name, code in zip(names, codes, strict=True))
            yield key, rows[order[start:end]]


def _slice_column(name: str, lengths: NDArray[np.int64], parts: Sequence[pa.Array]) -> SliceColumn:
    found = [part for part in parts if len(part)]
    rows = np.repeat(np.arange(len(lengths)), lengths)
    if not found:
        return SliceColumn((), rows, rows)
    whole = pa.chunked_array(found).unify_dictionaries()
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in whole.chunks]).astype(np.int64)
    values = whole.chunk(0).dictionary
    if is_string(values):
        try:
            values = values.cast(pa.string())
        except pa.ArrowInvalid as error:
            raise DataError(
                f"Expected text in UTF-8 in {name!r}. Received: other bytes. Evaluate by another column."
            ) from error
    if lengths.max(initial=0) > 1:
        # A record is once in the slice of a value that it has twice.
        rows, codes = np.divmod(np.unique(rows * len(values) + codes), len(values))
    return SliceColumn(tuple(values.to_pylist()), rows, codes)


def key_values(table: pa.RecordBatch, name: str) -> pa.Array:
    """Returns the one value of a column of each decoded example, null for none.

    Raises:
        DataError: if an example has several.
    """
    has_value, values = single_values(table, name, FIX)
    return values.take(pa.array(np.cumsum(has_value) - 1, mask=~has_value))


def split_keys(parts: Sequence[pa.Array], split: SplitSettings) -> NDArray[Any]:
    """Returns keys that `Splitter` takes, `(N,)`: the code of a group, or a time.

    Args:
        parts: sequence of arrays, as `key_values` returns them of batches.
        split: `SplitSettings`, of the method `"group"` or `"time"`.

    Raises:
        DataError: if times are numbers in some batches and text in others.
    """
    given = [part.cast(pa.string()) if is_string(part) else part for part in parts]
    kinds = {part.type for part in given if part.null_count < len(part)} or {given[0].type}
    if split.method == "time":
        if len(kinds) > 1:
            raise DataError(
                f"Expected times of one type in {split.key!r}. Received: {' and '.join(sorted(map(str, kinds)))}. "
                "Write all of them as numbers or all as ISO 8601 text."
            )
        [kind] = kinds
        whole = pa.concat_arrays([part if part.type == kind else pa.nulls(len(part), kind) for part in given])
        times: NDArray[Any] = to_times(whole).to_numpy(zero_copy_only=False)
        return times
    # By the groups' text, as the ingest divides them, so that intervals do not depend on the order of the records.
    encoded = pa.concat_arrays([as_text(part) for part in given]).dictionary_encode()
    places = np.argsort(np.argsort(encoded.dictionary.to_pylist()))
    codes: NDArray[Any] = np.append(places, -1)[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return codes
