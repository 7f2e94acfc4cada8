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
from numpy.typing import NDArray

from ....errors import DataError, ModelError
from ...evaluator.statistics import Labels
from ...examples import decode, is_string, number_column, read_examples, string_column
from ...features import Problem
from ...prediction_task import PredictionTask
from ...splitter import Splitter

FIX = "Name another column."
SIGNATURE = "serving_examples"
MAX_SAMPLE_ROWS = 2000


@dataclasses.dataclass(frozen=True)
class Column:
    """The values of a raw column as words.

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
        clusters: int array of shape `(N,)`: codes of the records that the split keeps together, or None.
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


class Model:
    """A SavedModel that predicts from serialized examples.

    Args:
        path: string. Folder of the SavedModel.
        task: `PredictionTask`.

    Raises:
        ModelError: if it has no signature for examples.
    """

    def __init__(self, path: str, task: PredictionTask) -> None:
        self._loaded = tf.saved_model.load(path)
        if SIGNATURE not in self._loaded.signatures:
            raise ModelError(f"Expected {path} to have the signature {SIGNATURE!r}. Received: none. Export it anew.")
        self._signature = self._loaded.signatures[SIGNATURE]
        [self._input] = self._signature.structured_input_signature[1]
        self._task = task

    def predict(self, examples: Sequence[bytes]) -> NDArray[np.float64]:
        """Returns what the model predicts, in the shape that `Metric.compute` takes."""
        outputs = self._signature(**{self._input: tf.constant(examples, tf.string)})
        found: NDArray[np.float64] = outputs[self._task.prediction_key].numpy().astype(np.float64)
        if self._task.problem is Problem.CLASSIFICATION:
            return found
        label = self._task.label
        steps = (label.steps,) if self._task.problem is Problem.FORECAST else ()
        return found.reshape(len(examples), *steps, *((len(label.quantiles),) if label.quantiles else ()))


def predict(
    files: Sequence[str],
    model: Model,
    baseline: Model | None,
    task: PredictionTask,
    columns: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> Predictions:
    """Reads examples once, in batches, and lets the models predict.

    Args:
        files: sequence of paths of gzip-compressed TFRecord files.
        model: `Model` of the candidate.
        baseline: `Model` or None.
        task: `PredictionTask`.
        columns: sequence of columns to keep as words.
        numbers: sequence of columns to keep as numbers.

    Raises:
        DataError: if there is no record, or one has several values in a column.
    """
    batches: list[dict[str, Any]] = []
    sample: list[tuple[int, bytes]] = []
    several: dict[str, None] = {}
    num_unknown = num_not_finite = 0
    problem = ""
    key = task.split.key if task.split.method != "hash" else None
    for examples in read_examples(files):
        sample = heapq.nsmallest(MAX_SAMPLE_ROWS, [*sample, *((zlib.crc32(one), one) for one in examples)])
        table = decode(examples)
        batch: dict[str, Any] = {"labels": read_labels(table, task), "scores": model.predict(examples)}
        if baseline is not None and not problem:
            batch["baseline"], problem = _try_to_predict(baseline, examples)
        for name in columns:
            try:
                batch[f"column {name}"] = string_column(table, name, FIX)
            except DataError:
                several[name] = None
        batch |= {f"number {name}": read_numbers(table, name, task) for name in numbers}
        if key:
            batch["key"] = string_column(table, key, FIX).astype(str)
        known = is_known(batch["labels"], task)
        is_finite = np.isfinite(batch["scores"].reshape(len(examples), -1)).all(axis=1)
        num_unknown += int(np.count_nonzero(~known))
        num_not_finite += int(np.count_nonzero(known & ~is_finite))
        batches.append({key: values[known & is_finite] for key, values in batch.items() if values is not None})
    if not sum(len(batch["labels"]) for batch in batches):
        raise DataError(
            f"Expected records with the label {task.label.name!r} for which the model predicts numbers in "
            f"{', '.join(files) or 'the split'}. Received: none. Check the split and the label."
        )
    keys = [key for key in batches[0] if all(key in batch for batch in batches)]
    whole = {key: np.concatenate([batch[key] for batch in batches]) for key in keys}
    found = {name: _column(whole[f"column {name}"]) for name in columns if name not in several}
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
        problem,
        Splitter(task.split).clusters(whole["key"]) if key else None,
    )


def read_labels(table: pa.RecordBatch, task: PredictionTask) -> NDArray[Any]:
    """Returns the labels of decoded examples.

    Returns:
        Classes `(N,)`, -1 for none, or numbers `(N,)` or `(N, H)`, NaN for none.
    """
    if task.problem is not Problem.CLASSIFICATION:
        return read_numbers(table, task.label.name, task)
    index = {value: k for k, value in enumerate(task.label.values)}
    return np.array([index.get(word, -1) for word in string_column(table, task.label.name, FIX)], np.int64)


def read_numbers(table: pa.RecordBatch, name: str, task: PredictionTask) -> NDArray[np.float64]:
    """Returns a column of numbers in the shape of the task's labels, NaN for none; of a forecast a sequence.

    Raises:
        DataError: if the column holds strings.
    """
    if task.problem is not Problem.FORECAST:
        return number_column(table, name, FIX)
    found = np.full((table.num_rows, task.label.steps), np.nan)
    place = table.schema.get_field_index(name)
    if place < 0 or pa.types.is_null(table.column(place).type):
        return found
    lists = table.column(place)
    if is_string(lists.flatten()):
        raise DataError(f"Expected numbers in {name!r}. Received: strings. {FIX}")
    for row, values in enumerate(lists.to_pylist()):
        if values is not None and len(values) == task.label.steps:
            found[row] = values
    return found


def is_known(labels: NDArray[Any], task: PredictionTask) -> NDArray[np.bool_]:
    """Returns which labels are a class, or all of their numbers are there."""
    if task.problem is Problem.CLASSIFICATION:
        return np.asarray(labels >= 0)
    return np.asarray(np.isfinite(labels.reshape(len(labels), -1)).all(axis=1))


def _try_to_predict(baseline: Model, examples: Sequence[bytes]) -> tuple[NDArray[np.float64] | None, str]:
    """Returns what the baseline predicts, or why it does not: it may ask for columns that are gone."""
    try:
        scores = baseline.predict(examples)
    except tf.errors.OpError as error:
        # What happened stands below the stack and above the name of the node.
        lines = [line for line in str(error).splitlines() if line.strip() and not line.strip().startswith("[[")]
        return None, lines[-1] if lines else type(error).__name__
    except KeyError as error:
        return None, f"it has no output {error}"
    return (scores, "") if np.isfinite(scores).all() else (None, "it predicts NaN")


def _column(words: NDArray[np.object_]) -> Column:
    values = sorted({word for word in words if word is not None}, key=_sort_key)
    index = {value: code for code, value in enumerate(values)}
    return Column(tuple(values), np.array([index.get(word, -1) for word in words], np.int64))


def _sort_key(value: str) -> tuple[bool, float, str]:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return (False, number, value) if math.isfinite(number) else (True, 0.0, value)
