"""One pass over the raw examples: their labels and columns, and what models predict."""

import dataclasses
import heapq
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from absl import logging
from numpy.typing import NDArray

from ....errors import DataError, YachayError
from ...evaluator.labels import FIX, is_known, read_labels, read_numbers, to_string
from ...evaluator.model import NUM_CHECKED, Model
from ...evaluator.predictions_file import StoredPredictions
from ...evaluator.records import key_values, split_keys
from ...evaluator.statistics import Labels
from ...examples import checksums, decode, read_examples, single_values
from ...prediction_task import PredictionTask
from ...splitter import Splitter

Scores = NDArray[np.float64]

MAX_SAMPLE_ROWS = 2000
NOT_FINITE = "it predicts NaN"


@dataclasses.dataclass(frozen=True)
class Column:
    """The values of a raw column as strings.

    Args:
        values: tuple of strings. The distinct values, numbers in their order.
        codes: int array of shape `(N,)`. Index of each record's value; -1 for none.
    """

    values: tuple[str, ...]
    codes: Labels


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Records with what the candidate, and the baseline where it can, say of them.

    Args:
        labels: array as `Metric.compute` takes it: `(N,)` `int64` classes or numbers, `(N, H)` of a forecast.
        scores: float array likewise: `(N, K)` scores, `(N,)` or `(N, H)` numbers, with quantiles one more axis.
        baseline_scores: likewise of the baseline, or None.
        columns: dict of name to `Column`; those that no record has, or of several values, are left out.
        numbers: dict of name to float array of the labels' shape, NaN for none.
        sample: tuple of serialized examples, at most `MAX_SAMPLE_ROWS`, whose choice depends on their content alone.
        num_unknown_labels: int. Records that were left out since their label is missing or no class.
        num_not_finite: int. Records that were left out since the candidate predicts NaN or infinity.
        several_values: tuple of the columns of which a record has several values.
        baseline_problem: string. Why the baseline predicts nothing; empty where it did or there is none.
        clusters: int array of shape `(N,)`: codes of the records that are one finding (`Splitter.periods`), or None.
    """

    labels: NDArray[Any]
    scores: NDArray[np.float64]
    baseline_scores: NDArray[np.float64] | None
    columns: Mapping[str, Column]
    numbers: Mapping[str, NDArray[np.float64]]
    sample: tuple[bytes, ...]
    num_unknown_labels: int = 0
    num_not_finite: int = 0
    several_values: tuple[str, ...] = ()
    baseline_problem: str = ""
    clusters: Labels | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def sample_table(self) -> pa.RecordBatch:
        """Returns the sampled examples, decoded, without columns of which none has a value: they cannot be encoded."""
        table = decode(self.sample)
        return table.select([field.name for field in table.schema if not pa.types.is_null(field.type)])


def predict(
    files: Sequence[str],
    model: Model | None,
    baseline: Model | None,
    task: PredictionTask,
    columns: Sequence[str] = (),
    numbers: Sequence[str] = (),
    stored: StoredPredictions | None = None,
) -> Predictions:
    """Reads examples once, in batches, with what the models predict.

    Args:
        files: sequence of paths of gzip-compressed TFRecord files.
        model: `Model` of the candidate, or None where it has seen the records, so that only `stored` counts.
        baseline: `Model` or None.
        task: `PredictionTask`.
        columns: sequence of columns to keep as strings.
        numbers: sequence of columns to keep as numbers.
        stored: `StoredPredictions` of these examples, in place of predicting them again. Those of other records
            are not used. Defaults to None.

    Raises:
        DataError: if there is no record, one has several values in a column, or there are only predictions of other
            records.
    """
    if stored is not None:
        try:
            return _gather(files, _Stored(stored, model, has_baseline=baseline is not None), task, columns, numbers)
        except _OtherRecordsError:
            logging.warning("The evaluation is of other records than the examples: the models predict them again.")
    if model is None:
        raise DataError(
            "Expected the evaluation to hold out-of-fold predictions of these records. Received: "
            f"{'none' if stored is None else 'those of others'}. Evaluate the same examples again."
        )
    return _gather(files, _Asked(model, baseline), task, columns, numbers)


class _Asked:
    """Predictions that models are asked for."""

    def __init__(self, model: Model, baseline: Model | None) -> None:
        self._model = model
        self._baseline = baseline
        self.baseline_problem = ""

    def labels(self, table: pa.RecordBatch, task: PredictionTask) -> NDArray[Any]:
        return read_labels(table, task)

    def predict(self, examples: Sequence[bytes]) -> tuple[Scores, Scores | None]:
        scores = self._model.predict(examples).astype(np.float64)
        if self._baseline is None or self.baseline_problem:
            return scores, None
        baseline_scores, self.baseline_problem = _try_to_predict(self._baseline, examples)
        return scores, baseline_scores

    def check_all_used(self) -> None:
        """Every record was asked for."""


class _OtherRecordsError(Exception):
    """Predictions were stored for other records."""


class _Stored:
    """Predictions that the Evaluator kept, in the order of the examples."""

    def __init__(self, stored: StoredPredictions, model: Model | None, *, has_baseline: bool) -> None:
        self._stored = stored
        self._model = model
        self._next = 0
        self._baseline = stored.baseline_scores if has_baseline else None
        self.baseline_problem = ""
        if has_baseline and self._baseline is None:
            raise _OtherRecordsError
        if self._baseline is not None and not np.isfinite(self._baseline).all():
            self._baseline, self.baseline_problem = None, NOT_FINITE

    def labels(self, table: pa.RecordBatch, task: PredictionTask) -> NDArray[Any]:
        # Not those of the examples: a fold of a cross-validation may have its own.
        return self._stored.labels[self._next : self._next + table.num_rows]

    def predict(self, examples: Sequence[bytes]) -> tuple[Scores, Scores | None]:
        rows = slice(self._next, self._next + len(examples))
        self._next = rows.stop
        if not np.array_equal(self._stored.checksums[rows], checksums(examples)):
            raise _OtherRecordsError
        if self._model is not None and not rows.start:
            # Who asks it for other records, as importance does, need not load it to check its table of trees.
            self._model.check_trees(decode(examples[:NUM_CHECKED]), self._stored.scores[rows][:NUM_CHECKED])
        baseline = None if self._baseline is None else self._baseline[rows].astype(np.float64)
        return self._stored.scores[rows].astype(np.float64), baseline

    def check_all_used(self) -> None:
        if self._next != len(self._stored.checksums):
            raise _OtherRecordsError


def _gather(
    files: Sequence[str],
    source: _Asked | _Stored,
    task: PredictionTask,
    columns: Sequence[str],
    numbers: Sequence[str],
) -> Predictions:
    batches: list[dict[str, Any]] = []
    sample: list[tuple[int, bytes]] = []
    encoders = {name: _StringEncoder(name) for name in columns}
    several: dict[str, None] = {}
    keys: list[pa.Array] = []
    num_unknown = num_not_finite = 0
    for examples in read_examples(files):
        sample = heapq.nsmallest(MAX_SAMPLE_ROWS, [*sample, *((zlib.crc32(one), one) for one in examples)])
        table = decode(examples)
        labels = source.labels(table, task)
        scores, baseline_scores = source.predict(examples)
        batch: dict[str, Any] = {"labels": labels, "scores": scores, "baseline": baseline_scores}
        for name in columns:
            try:
                batch[f"column {name}"] = encoders[name].encode(table)
            except DataError:
                several[name] = None
        batch |= {f"number {name}": read_numbers(table, name, task) for name in numbers}
        known = is_known(labels, task)
        is_finite = np.isfinite(scores.reshape(len(examples), -1)).all(axis=1)
        num_unknown += int(np.count_nonzero(~known))
        num_not_finite += int(np.count_nonzero(known & ~is_finite))
        if task.split.method != "hash" and task.split.key is not None:
            keys.append(key_values(table, task.split.key).filter(pa.array(known & is_finite)))
        batches.append({name: values[known & is_finite] for name, values in batch.items() if values is not None})
    source.check_all_used()
    if not sum(len(batch["labels"]) for batch in batches):
        raise DataError(
            f"Expected records with the label {task.label.name!r} for which the model predicts numbers in "
            f"{', '.join(files) or 'the split'}. Received: none. Check the split and the label."
        )
    whole = {
        name: np.concatenate([batch[name] for batch in batches])
        for name in batches[0]
        if all(name in batch for batch in batches)
    }
    found = {name: encoders[name].column(whole[f"column {name}"]) for name in columns if name not in several}
    return Predictions(
        whole["labels"],
        whole["scores"],
        whole.get("baseline"),
        {name: column for name, column in found.items() if column.values},
        {name: whole[f"number {name}"] for name in numbers},
        tuple(example for _, example in sorted(sample)),
        num_unknown,
        num_not_finite,
        tuple(several),
        source.baseline_problem,
        Splitter(task.split).periods(split_keys(keys, task.split)) if keys else None,
    )


class _StringEncoder:
    """Encodes the values of a column as strings, batch by batch."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._index: dict[str, int] = {}

    def encode(self, table: pa.RecordBatch) -> NDArray[np.int32]:
        """Returns the index of each record's string, -1 for none.

        Raises:
            DataError: if a record has several values.
        """
        has_value, values = single_values(table, self._name, FIX)
        encoded = values.dictionary_encode()
        strings = map(to_string, encoded.dictionary.to_pylist())
        places = np.array([self._index.setdefault(string, len(self._index)) for string in strings], np.int32)
        codes = np.full(table.num_rows, -1, np.int32)
        codes[has_value] = places[encoded.indices.to_numpy(zero_copy_only=False)]
        return codes

    def column(self, codes: NDArray[np.int32]) -> Column:
        """Returns the column of the records that have these indices: the strings that they have, in order."""
        strings = list(self._index)
        used = sorted((int(code) for code in np.unique(codes) if code >= 0), key=lambda code: _sort_key(strings[code]))
        places = np.full(len(strings) + 1, -1)
        places[used] = np.arange(len(used))
        # The last place is that of -1, no value.
        return Column(tuple(strings[code] for code in used), places[codes])


def _try_to_predict(baseline: Model, examples: Sequence[bytes]) -> tuple[Scores | None, str]:
    """Returns what the baseline predicts, or why it does not: it may ask for columns that are gone."""
    try:
        scores = baseline.predict(examples).astype(np.float64)
    except tf.errors.OpError as error:
        # What happened stands below the stack and above the name of the node.
        lines = [line for line in str(error).splitlines() if line.strip() and not line.strip().startswith("[[")]
        return None, lines[-1] if lines else type(error).__name__
    except KeyError as error:
        return None, f"it has no output {error}"
    except (YachayError, OSError) as error:  # OSError where it cannot be loaded.
        return None, str(error)
    return (scores, "") if np.isfinite(scores).all() else (None, NOT_FINITE)


def _sort_key(value: str) -> tuple[bool, float, str]:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return (False, number, value) if math.isfinite(number) else (True, 0.0, value)
