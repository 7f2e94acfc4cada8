"""One pass over the raw examples: their labels and columns, and what models answer."""

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
from ...examples import decode, number_column, read_examples, string_column
from ...features import Problem

FIX = "Name another column."
SIGNATURE = "serving_examples"
OUTPUTS = {Problem.CLASSIFICATION: "scores", Problem.REGRESSION: "outputs"}
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
        labels: array of shape `(N,)`: `int64` classes, or `float64` numbers.
        scores: float array: `(N, K)` scores of a classification, `(N,)` numbers of a regression.
        baseline_scores: likewise of the baseline, or None.
        columns: dict of name to `Column`; those that no record has, or of several values, are left out.
        numbers: dict of name to float array of shape `(N,)`, NaN for none.
        sample: tuple of serialized examples, at most `MAX_SAMPLE_ROWS`, whose choice depends on their content alone.
        num_unknown_labels: int. Records that were left out since their label is missing or no class.
        num_not_finite: int. Records that were left out since the candidate answers NaN or infinity.
        several_values: tuple of the columns of which a record has several values.
        baseline_problem: string. Why the baseline could not answer; empty where it did or there is none.
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

    def __len__(self) -> int:
        return len(self.labels)

    def sample_table(self) -> pa.RecordBatch:
        """Returns the sampled examples, decoded, without columns of which none has a value: they cannot be encoded."""
        table = decode(self.sample)
        return table.select([field.name for field in table.schema if not pa.types.is_null(field.type)])


class Model:
    """A SavedModel that answers serialized examples.

    Args:
        path: string. Folder of the SavedModel.
        problem: `Problem`.

    Raises:
        ModelError: if it has no signature for examples.
    """

    def __init__(self, path: str, problem: Problem) -> None:
        self._loaded = tf.saved_model.load(path)
        if SIGNATURE not in self._loaded.signatures:
            raise ModelError(f"Expected {path} to have the signature {SIGNATURE!r}. Received: none. Export it anew.")
        self._signature = self._loaded.signatures[SIGNATURE]
        [self._input] = self._signature.structured_input_signature[1]
        self._output = OUTPUTS[problem]

    def predict(self, examples: Sequence[bytes]) -> NDArray[np.float64]:
        """Returns what the model answers: `(N, K)` scores or `(N,)` numbers."""
        answers = self._signature(**{self._input: tf.constant(examples, tf.string)})
        scores: NDArray[np.float64] = answers[self._output].numpy().astype(np.float64)
        return scores


def predict(
    files: Sequence[str],
    model: Model,
    baseline: Model | None,
    label: str,
    label_values: Sequence[str],
    columns: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> Predictions:
    """Reads examples once, in batches, and lets the models answer.

    Args:
        files: sequence of paths of gzip-compressed TFRecord files.
        model: `Model` of the candidate.
        baseline: `Model` or None.
        label: string. The column of the label.
        label_values: sequence of strings. The classes; empty for a regression.
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
    for examples in read_examples(files):
        sample = heapq.nsmallest(MAX_SAMPLE_ROWS, [*sample, *((zlib.crc32(one), one) for one in examples)])
        table = decode(examples)
        batch: dict[str, Any] = {"labels": read_labels(table, label, label_values), "scores": model.predict(examples)}
        if baseline is not None and not problem:
            batch["baseline"], problem = _answer(baseline, examples)
        for name in columns:
            try:
                batch[f"column {name}"] = string_column(table, name, FIX)
            except DataError:
                several[name] = None
        batch |= {f"number {name}": number_column(table, name, FIX) for name in numbers}
        known = is_known(batch["labels"], label_values)
        is_finite = np.isfinite(batch["scores"].reshape(len(examples), -1)).all(axis=1)
        num_unknown += int(np.count_nonzero(~known))
        num_not_finite += int(np.count_nonzero(known & ~is_finite))
        batches.append({key: values[known & is_finite] for key, values in batch.items() if values is not None})
    if not sum(len(batch["labels"]) for batch in batches):
        raise DataError(
            f"Expected records of the label {label!r} that the model answers in {', '.join(files) or 'the split'}. "
            "Received: none. Check the split and the label."
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
    )


def read_labels(table: pa.RecordBatch, label: str, label_values: Sequence[str]) -> NDArray[Any]:
    """Returns the labels of decoded examples: classes, -1 for none, or numbers, NaN for none."""
    if not label_values:
        return number_column(table, label, FIX)
    index = {value: k for k, value in enumerate(label_values)}
    return np.array([index.get(word, -1) for word in string_column(table, label, FIX)], np.int64)


def is_known(labels: NDArray[Any], label_values: Sequence[str]) -> NDArray[np.bool_]:
    """Returns which labels are a class, or a number."""
    known: NDArray[np.bool_] = labels >= 0 if label_values else np.isfinite(labels)
    return known


def _answer(baseline: Model, examples: Sequence[bytes]) -> tuple[NDArray[np.float64] | None, str]:
    """Returns what the baseline answers, or why it does not: it may ask for columns that are gone."""
    try:
        scores = baseline.predict(examples)
    except tf.errors.OpError as error:
        # What happened stands below the stack and above the name of the node.
        lines = [line for line in str(error).splitlines() if line.strip() and not line.strip().startswith("[[")]
        return None, lines[-1] if lines else type(error).__name__
    except KeyError as error:
        return None, f"it has no output {error}"
    return (scores, "") if np.isfinite(scores).all() else (None, "it answers NaN")


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
