"""What the gate measured, where it can be read, and whether the records here say the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import YachayError
from ...evaluator.evaluation import Evaluation, read_evaluation
from ...evaluator.metric import Metric
from ...evaluator.statistics import Values
from ..report import Estimate, Note
from .resampling import Resamples
from .slices import estimate_metric

SAME = 1e-6


def read_gate(uri: Path | None, notes: list[Note]) -> Evaluation | None:
    """Returns the gate's evaluation, or None with a note where there is none or it cannot be read."""
    if uri is None:
        notes.append(Note(code="evaluation_missing"))
        return None
    try:
        evaluation = read_evaluation(uri)
        if () not in evaluation.slices:
            raise ValueError("it has no metrics of all records")
    # TFMA and Beam raise errors of many kinds for files that are cut off.
    except Exception as error:
        notes.append(Note(code="evaluation_unreadable", values={"reason": in_one_line(error)}))
        return None
    return evaluation


def gate_metrics(
    gate: Evaluation | None,
    known: Mapping[str, Metric],
    values: Mapping[str, Values],
    labels: NDArray[Any],
    scores: Values,
    resamples: Resamples,
    notes: list[Note],
) -> dict[str, Estimate]:
    """Returns the metrics over all records: the gate's own numbers, with intervals from the records.

    Args:
        gate: `Evaluation` or None.
        known: mapping of name to `Metric`.
        values: mapping of metric to its values for the records and each resample.
        labels: array of the records, as `Metric.compute` takes it.
        scores: float array likewise.
        resamples: `Resamples` of the records.
        notes: list of `Note`, to which is added where the gate's number is another than that of the records.
    """
    metrics = {}
    for name, resampled in values.items():
        measured = None if gate is None else gate.metrics.get(name)
        metrics[name] = estimate_metric(known[name], resampled, labels, scores, resamples, value=measured)
        if measured is not None and not np.isclose(measured, resampled[0], rtol=0, atol=SAME, equal_nan=True):
            numbers = {"gate": str(measured), "recomputed": str(float(resampled[0]))}
            notes.append(Note(code="gate_differs", values={"metric": name, **numbers}))
    return metrics


def in_one_line(error: Exception) -> str:
    """Returns an error in one line."""
    if isinstance(error, YachayError):
        return str(error)
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}".rstrip(": ")
