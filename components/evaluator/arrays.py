"""The metrics of each slice from arrays: what `tfma_metrics` computes in Beam, without a pass for each record.

records = Records(labels, scores, columns={"region": SliceColumn.of(regions)})
slices = evaluate_arrays(task, settings, records)
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..prediction_task import PredictionTask
from ..splitter import Splitter
from .metric import Metric, measure, task_metrics
from .records import Indices, Records, find_slices
from .settings import EvaluationSettings
from .trivial import TRIVIAL_P_VALUE, trivial_p_value

TypedSliceKey = tuple[tuple[str, str | int | float], ...]


@dataclasses.dataclass(frozen=True)
class SliceMetrics:
    """The metrics of the records of a slice.

    Args:
        key: tuple of (column, value) pairs by the columns' names; empty for all records.
        num_rows: int.
        metrics: dict of metric to value, with `TRIVIAL_P_VALUE` where the settings ask for it.
        baseline_metrics: likewise of the last blessed model, or None.
    """

    key: TypedSliceKey
    num_rows: int
    metrics: dict[str, float]
    baseline_metrics: dict[str, float] | None = None


def evaluate_arrays(task: PredictionTask, settings: EvaluationSettings, records: Records) -> list[SliceMetrics]:
    """Returns the metrics of all records, then of each slice, of one model or of two.

    Args:
        task: `PredictionTask`.
        settings: `EvaluationSettings`, whose slices and test against trivial predictions are computed.
        records: `Records`.

    Raises:
        ConfigurationError: if a metric fails or does not return one number.
    """
    metrics = task_metrics(task)
    everything: tuple[TypedSliceKey, Indices] = ((), np.arange(len(records)))
    found = []
    for key, rows in (everything, *find_slices(records.columns, settings.slices)):
        # All records are taken as they are: a copy of every score would double the memory.
        place: Indices | slice = rows if key else slice(None)
        clusters = None if records.keys is None else Splitter(task.split).periods(records.keys[place])
        labels = records.labels[place]
        measured = [
            _measure(task, settings, metrics, labels, scores[place], clusters)
            for scores in (records.scores, records.baseline_scores)
            if scores is not None
        ]
        found.append(SliceMetrics(key, len(rows), *measured))
    return found


def _measure(
    task: PredictionTask,
    settings: EvaluationSettings,
    metrics: Mapping[str, Metric],
    labels: NDArray[Any],
    predictions: NDArray[Any],
    clusters: Indices | None,
) -> dict[str, float]:
    scores = predictions.astype(np.float64)
    values = measure(metrics, labels, scores)
    if settings.beats_trivial:
        values[TRIVIAL_P_VALUE] = trivial_p_value(task, labels, scores, clusters)
    return values
