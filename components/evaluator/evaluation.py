"""What the Evaluator wrote, as plain numbers."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..examples import split_records
from ..tfx_api import config_pb2, metrics_for_slice_pb2, validation_result_pb2
from .eval_config import BASELINE
from .trivial import TRIVIAL_P_VALUE

EXAMPLE_COUNT = "example_count"

SliceKey = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Failure:
    """A threshold that a model does not meet.

    Args:
        metric: string. Name of the metric.
        value: float. What came; the difference to the baseline where `is_change`.
        lower: float or None. Lowest value with which a model is blessed.
        upper: float or None. Highest such value.
        is_change: bool. Whether the bounds are on the difference to the baseline.
        slice_key: tuple of (column, value) pairs; empty for all records.
        explanation: string. What the Evaluator says beside the numbers. Defaults to nothing.
    """

    metric: str
    value: float
    lower: float | None
    upper: float | None
    is_change: bool = False
    slice_key: SliceKey = ()
    explanation: str = ""

    @property
    def is_too_low(self) -> bool:
        """Whether the value is below the lower bound, and not above the upper one."""
        return self.lower is not None and not self.value >= self.lower

    def __str__(self) -> str:
        return self.describe()

    def describe(self, *, is_hidden: bool = False) -> str:
        """Returns the failure as a line; of a slice that may not be shown, without its value and its name."""
        if self.metric == TRIVIAL_P_VALUE:
            found = f"p-value {self.value:.4f}, above {self.upper or 0:g}"
            explained = "; ".join(part for part in (found, self.explanation) if part)
            return f"no better than the best trivial prediction by more than chance: {explained}"
        where = ""
        if is_hidden:
            where = f" in a slice of {', '.join(column for column, _ in self.slice_key)} that is too small to be shown"
        elif self.slice_key:
            where = " in " + ", ".join(f"{column}={value}" for column, value in self.slice_key)
        what = f"{self.metric}{where} against the last blessed model" if self.is_change else f"{self.metric}{where}"
        side, bound = ("below", self.lower) if self.is_too_low else ("above", self.upper)
        value = "" if is_hidden else f"{self.value:{'+' if self.is_change else ''}.4f}, "
        return f"{what} is {value}{side} {bound or 0:g}"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Metrics a slice and the verdict.

    Args:
        slices: dict of slice key to `{metric: value}`; the key of all records is `()`.
        rows: dict of slice key to the number of its records.
        baseline_slices: likewise of the last blessed model; empty where there was none.
        failures: tuple of `Failure`.
        trivial_p_value: float or None. Of the gain over the best trivial prediction, over all records.
    """

    slices: dict[SliceKey, dict[str, float]]
    rows: dict[SliceKey, int]
    baseline_slices: dict[SliceKey, dict[str, float]]
    failures: tuple[Failure, ...]
    trivial_p_value: float | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics over all records."""
        return self.slices[()]

    @property
    def baseline_metrics(self) -> dict[str, float] | None:
        """Metrics of the last blessed model over all records, or None."""
        return self.baseline_slices.get(())


def read_evaluation(uri: Path) -> Evaluation:
    """Reads the folder of a `ModelEvaluation` artifact."""
    slices: dict[SliceKey, dict[str, float]] = {}
    rows: dict[SliceKey, int] = {}
    baseline_slices: dict[SliceKey, dict[str, float]] = {}
    trivial_p_value = None
    for record in _read_metrics(uri):
        # The difference of two slices has no slice key, which is the key of all records.
        if record.HasField("cross_slice_key"):
            continue
        key = _slice_key(record.slice_key)
        for item in record.metric_keys_and_values:
            if item.key.is_diff or not item.value.HasField("double_value"):
                continue
            if item.key.name == EXAMPLE_COUNT:
                rows[key] = round(item.value.double_value.value)
                continue
            if item.key.name == TRIVIAL_P_VALUE:
                if not key and item.key.model_name != BASELINE:
                    trivial_p_value = item.value.double_value.value
                continue
            target = baseline_slices if item.key.model_name == BASELINE else slices
            target.setdefault(key, {})[item.key.name] = item.value.double_value.value
    result = _read_validation(uri)
    return Evaluation(slices, rows, baseline_slices, tuple(_failures(result)), trivial_p_value)


def _read_metrics(folder: Path) -> Iterator[metrics_for_slice_pb2.MetricsForSlice]:
    for path in sorted(folder.glob("metrics*.tfrecord")):
        for record in _read_records(path):
            yield metrics_for_slice_pb2.MetricsForSlice.FromString(record)


def _read_validation(folder: Path) -> validation_result_pb2.ValidationResult:
    found = [record for path in folder.glob("validations*.tfrecord") for record in _read_records(path)]
    if len(found) != 1:
        raise DataError(f"Expected one validation in {folder}. Received: {len(found)}. Evaluate again.")
    return validation_result_pb2.ValidationResult.FromString(found[0])


def _read_records(path: Path) -> list[bytes]:
    """Returns the records of a TFRecord file; TensorFlow's own reader would take seconds to import.

    Raises:
        DataError: if the file is cut off.
    """
    records, rest = split_records(path.read_bytes())
    if rest:
        raise DataError(f"Expected {path} to hold whole records. Received: a file that is cut off. Evaluate again.")
    return records


def _failures(result: validation_result_pb2.ValidationResult) -> list[Failure]:
    failures = []
    for record in result.metric_validations_per_slice:
        crossed = record.cross_slice_key
        key = (
            *_slice_key(record.slice_key),
            *_slice_key(crossed.baseline_slice_key),
            *_slice_key(crossed.comparison_slice_key),
        )
        for failure in record.failures:
            threshold = failure.metric_threshold
            is_change = threshold.HasField("change_threshold")
            if is_change:
                bound = threshold.change_threshold.absolute.value
                higher_is_better = threshold.change_threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER
                lower, upper = (bound, None) if higher_is_better else (None, bound)
            else:
                lower = _optional(threshold.value_threshold, "lower_bound")
                upper = _optional(threshold.value_threshold, "upper_bound")
            value = failure.metric_value.double_value.value
            name = failure.metric_key.name
            failures.append(Failure(name, value, lower, upper, is_change, key, failure.message.strip()))
    return failures


def _optional(threshold: Any, field: str) -> float | None:
    return getattr(threshold, field).value if threshold.HasField(field) else None


def _slice_key(key: metrics_for_slice_pb2.SliceKey) -> SliceKey:
    return tuple((single.column, _slice_value(single)) for single in key.single_slice_keys)


def _slice_value(single: metrics_for_slice_pb2.SingleSliceKey) -> str:
    value = getattr(single, single.WhichOneof("kind"))
    return value.decode() if isinstance(value, bytes) else str(value)
