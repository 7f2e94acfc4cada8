"""Makes the reference of a model from its training records and from what it predicted of those it was judged on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..evaluator.metric import task_metrics
from ..evaluator.predictions_file import StoredPredictions
from ..examples import checksums, decode, flat_values, is_string, read_examples, single_values
from ..features import FeatureKind, Problem
from ..fingerprints import as_text
from ..prediction_task import PredictionTask
from .bins import categorical_distribution, numeric_distribution
from .columns import output_values, to_numbers
from .counting import CLASS, CONFIDENCE, VALUE, bin_outputs
from .reference import (
    LEAST_COUNT,
    Distribution,
    FeatureReference,
    MetricReference,
    PredictionReference,
    Reference,
    ReferenceConfig,
)
from .resampling import value_and_error
from .scores import ScoreSums, estimate

_NUMBERS = (FeatureKind.NUMERIC,)


def make_reference(
    config: ReferenceConfig,
    features: Sequence[Mapping[str, Any]],
    train_files: Sequence[str],
    eval_files: Sequence[str],
    predictions: StoredPredictions | None,
) -> Reference:
    """Returns the reference of a model.

    Args:
        config: `ReferenceConfig`.
        features: sequence of the model's raw features, as its metadata `assets.extra/yachay.json` has them.
        train_files: sequence of paths of the split `train`.
        eval_files: sequence of paths of the split `eval`, whose groups are `config.slices`.
        predictions: `StoredPredictions` of the evaluation; None where it kept none.

    Raises:
        DataError: if a file cannot be read.
    """
    tables = [decode(batch) for batch in read_examples(train_files)]
    return Reference(
        config=config,
        rows=sum(table.num_rows for table in tables),
        features=tuple(_feature(feature, tables) for feature in features),
        predictions=None
        if predictions is None
        else describe_predictions(config, predictions, _read_groups(config, predictions, eval_files)),
    )


def _feature(feature: Mapping[str, Any], tables: Sequence[pa.RecordBatch]) -> FeatureReference:
    name, kind, dtype = (str(feature[field]) for field in ("name", "kind", "dtype"))
    domain = feature.get("domain") or {}
    distribution = None
    if kind != FeatureKind.TIME:
        columns = [_newest(table, name) for table in tables]
        if kind in _NUMBERS and dtype != "string":
            distribution = numeric_distribution(np.concatenate([to_numbers(column, dtype) for column in columns]))
        else:
            present = [column for column in columns if not pa.types.is_null(column.type)]
            texts = [column.cast(pa.string()) if pa.types.is_binary(column.type) else column for column in present]
            distribution = categorical_distribution(pa.chunked_array(texts).combine_chunks() if texts else pa.nulls(0))
            missing = sum(len(column) for column in columns if pa.types.is_null(column.type))
            counts = (*distribution.counts[:-1], distribution.counts[-1] + missing)
            distribution = distribution.model_copy(update={"counts": counts})
    return FeatureReference(
        name=name,
        kind=kind,
        dtype=dtype,
        is_sequence=feature.get("steps") is not None,
        low=domain.get("min"),
        high=domain.get("max"),
        distribution=distribution,
    )


def _newest(table: pa.RecordBatch, name: str) -> pa.Array:
    """Returns the last value of each example, null for none."""
    lengths, values = flat_values(table, name)
    if not len(values):
        return pa.nulls(table.num_rows)
    places = pa.array(np.maximum(np.cumsum(lengths) - 1, 0), mask=lengths == 0)
    newest = values.take(places)
    # An empty string stands for a missing step, and NaN for a missing number.
    return (
        pc.if_else(pc.equal(newest, pa.scalar(b"", newest.type)), None, newest)
        if pa.types.is_binary(newest.type)
        else newest
    )


def describe_predictions(
    config: ReferenceConfig, predictions: StoredPredictions, groups: Mapping[str, NDArray[Any]]
) -> PredictionReference:
    """Returns what a model predicted of the records that it was judged on.

    Args:
        config: `ReferenceConfig`.
        predictions: `StoredPredictions`.
        groups: mapping of slice column to the group of each record, None for none.
    """
    task = config.task
    scores = np.asarray(predictions.scores, np.float64)
    if task.problem is Problem.CLASSIFICATION:
        counts = np.bincount(scores.argmax(axis=1), minlength=len(task.label.values))
        outputs = {
            CLASS: Distribution(kind="categorical", categories=task.label.values, counts=(*map(int, counts), 0, 0, 0)),
            CONFIDENCE: numeric_distribution(scores.max(axis=1)),
        }
    else:
        outputs = {VALUE: numeric_distribution(output_values(scores, task))}
    found = PredictionReference(rows=len(scores), outputs=outputs, metrics=_metrics(task, predictions.labels, scores))
    main, bins = next(iter(bin_outputs(scores, task, found).items()))
    slices = {column: _of_groups(of_column, bins, outputs[main]) for column, of_column in groups.items()}
    return found.model_copy(update={"slices": slices})


def _of_groups(groups: NDArray[Any], bins: NDArray[np.int64], shape: Distribution) -> dict[str, Distribution]:
    """Returns what was predicted of each group of at least `LEAST_COUNT` records."""
    found = {}
    for group in sorted({group for group in groups if group is not None}):
        counts = np.bincount(bins[groups == group], minlength=shape.num_bins)
        if counts.sum() >= LEAST_COUNT:
            found[group] = shape.model_copy(update={"counts": tuple(counts.tolist())})
    return found


def _metrics(task: PredictionTask, labels: NDArray[Any], scores: NDArray[np.float64]) -> dict[str, MetricReference]:
    estimated: Mapping[str, float] = {}
    if task.problem is Problem.CLASSIFICATION:
        one = np.zeros(len(scores), np.int64)
        estimated = estimate(ScoreSums.of(scores, one, 1).to_row(0), scores.shape[1])
    found = {}
    for name, metric in task_metrics(task).items():
        value, error = value_and_error(metric, labels, scores)
        if np.isfinite(value) and np.isfinite(error):
            found[name] = MetricReference(
                value=value,
                error=error,
                estimated=estimated.get(name),
                higher_is_better=metric.higher_is_better,
                is_share=metric.lowest == 0 and metric.highest == 1,
            )
    return found


def _read_groups(
    config: ReferenceConfig, stored: StoredPredictions, eval_files: Iterable[str]
) -> dict[str, NDArray[np.object_]]:
    """Returns the group of each record by column; none where the predictions are of other records."""
    if not config.slices:
        return {}
    sums, texts = [], []
    for batch in read_examples(eval_files):
        table = decode(batch)
        sums.append(checksums(batch))
        texts.append([_texts(table, one.name) for one in config.slices])
    if not sums or not np.array_equal(np.concatenate(sums), stored.checksums):
        return {}
    return {one.name: np.concatenate([columns[place] for columns in texts]) for place, one in enumerate(config.slices)}


def _texts(table: pa.RecordBatch, name: str) -> NDArray[np.object_]:
    """Returns the values of a column as a log's are written, None for none."""
    found = np.full(table.num_rows, None, object)
    has_value, values = single_values(table, name, "Watch another column.")
    found[has_value] = as_text(values.cast(pa.string()) if is_string(values) else values).to_pylist()
    return found
