"""The labels of decoded examples, in the shape that `Metric.compute` takes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import DataError
from ..examples import flat_values, is_string, number_column, single_values
from ..features import Problem
from ..fingerprints import as_text
from ..prediction_task import PredictionTask

FIX = "Name another column."
MAX_SHOWN = 5


def read_labels(table: pa.RecordBatch, task: PredictionTask) -> NDArray[Any]:
    """Returns the labels of decoded examples.

    Returns:
        Classes `(N,)`, -1 for none, or numbers `(N,)` or `(N, H)`, NaN for none.

    Raises:
        DataError: if an example has several values, or strings for numbers.
    """
    if task.problem is not Problem.CLASSIFICATION:
        return read_numbers(table, task.label.name, task)
    index = {value: k for k, value in enumerate(task.label.values)}
    has_value, values = single_values(table, task.label.name, FIX)
    encoded = values.dictionary_encode()
    classes = np.array([index.get(class_name(value), -1) for value in encoded.dictionary.to_pylist()], np.int64)
    labels = np.full(table.num_rows, -1)
    labels[has_value] = classes[encoded.indices.to_numpy(zero_copy_only=False)]
    return labels


def read_numbers(table: pa.RecordBatch, name: str, task: PredictionTask) -> NDArray[np.float64]:
    """Returns a column of numbers in the shape of the task's labels, NaN for none; of a forecast a sequence.

    Raises:
        DataError: if the column holds strings.
    """
    if task.problem is not Problem.FORECAST:
        return number_column(table, name, FIX)
    found = np.full((table.num_rows, task.label.steps), np.nan)
    lengths, values = flat_values(table, name)
    if is_string(values):
        raise DataError(f"Expected numbers in {name!r}. Received: strings. {FIX}")
    is_whole = lengths == task.label.steps
    numbers = values.to_numpy(zero_copy_only=False)[np.repeat(is_whole, lengths)]
    found[is_whole] = numbers.reshape(-1, task.label.steps)
    return found


def is_known(labels: NDArray[Any], task: PredictionTask) -> NDArray[np.bool_]:
    """Returns which labels are a class, or all of their numbers are there."""
    if task.problem is Problem.CLASSIFICATION:
        return np.asarray(labels >= 0)
    return np.asarray(np.isfinite(labels.reshape(len(labels), -1)).all(axis=1))


def require_labels(labels: NDArray[Any], table: pa.RecordBatch, task: PredictionTask) -> None:
    """Checks that each decoded example has a label of the task.

    Args:
        labels: array, as `read_labels` returns it.
        table: `pyarrow.RecordBatch` of `decode`.
        task: `PredictionTask`.

    Raises:
        DataError: if a label is none of the classes, or has not as many numbers as the task has steps.
    """
    if task.problem is not Problem.CLASSIFICATION:
        require_steps(task, np.unique(flat_values(table, task.label.name)[0]).tolist())
        return
    unknown = np.flatnonzero(labels < 0)
    if len(unknown):
        has_value, values = single_values(table, task.label.name, FIX)
        names = np.full(table.num_rows, None, object)
        names[has_value] = [class_name(value) for value in values.to_pylist()]
        raise unknown_classes(task, names[unknown])


def unknown_classes(task: PredictionTask, names: Iterable[str | None]) -> DataError:
    """Returns the error of labels that are none of the classes, None for none."""
    shown = ", ".join("none" if name is None else repr(name) for name in list(dict.fromkeys(names))[:MAX_SHOWN])
    return DataError(
        f"Expected each record's {task.label.name!r} to be one of label.values: {', '.join(task.label.values)}. "
        f"Received: {shown}. Add it to label.values, or leave such records out of the data."
    )


def require_steps(task: PredictionTask, lengths: Iterable[int]) -> None:
    """Checks how many numbers labels have.

    Raises:
        DataError: if there are others than the task's steps.
    """
    others = sorted({*lengths} - {task.label.steps})
    if others:
        raise DataError(
            f"Expected {task.label.steps} number{'s' * (task.label.steps > 1)} in each record's {task.label.name!r}. "
            f"Received: {', '.join(map(str, others[:MAX_SHOWN]))}. Check `label.steps`, and records without a label."
        )


def class_name(value: Any) -> str:
    """Returns a class as the configuration writes it, and as the ingest and Transform compare it: `1.0` is "1"."""
    if isinstance(value, float):
        return str(as_text(pa.array([value], pa.float32()))[0])
    return to_string(value)


def to_string(value: Any) -> str:
    """Returns a decoded value as a string; a byte that is not UTF-8 is written as `\\xff`."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
