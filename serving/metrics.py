"""Metrics to alert on, at `/metrics` beside KServe's own."""

import collections
import math
from collections.abc import Mapping, Sequence

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

from ..model_store.metadata import MISSING_VALUE
from .contract import Array, Feature
from .value_bins import OUTPUT

SECONDS_BOUNDS = (
    *(0.001, 0.0014, 0.0018, 0.0025, 0.0035, 0.005, 0.007),
    *(0.01, 0.014, 0.018, 0.025, 0.035, 0.05, 0.07),
    *(0.1, 0.14, 0.18, 0.25, 0.35, 0.5, 0.7),
    *(1, 1.4, 1.8, 2.5, 3.5, 5, 7, 10),
)
"""The second bound after each is at most twice as large: a rollout sees where a percentile has doubled."""

REQUESTS = Counter(
    "yachay_requests",
    "Requests for predictions by HTTP status or gRPC code, and by outcome: ok, rejected, failed",
    ["model_name", "protocol", "status", "outcome"],
)
SECONDS = Histogram(
    "yachay_request_seconds",
    "Seconds from a request's last byte to its response",
    ["model_name", "protocol"],
    buckets=SECONDS_BOUNDS,
)
IN_FLIGHT = Gauge("yachay_requests_in_flight", "Requests for predictions that wait for their response", ["model_name"])
REJECTED = Counter("yachay_rejected_requests", "Requests that were rejected", ["model_name", "reason"])
BATCH_ROWS = Histogram(
    "yachay_batch_rows",
    "Rows that the model predicted together",
    ["model_name"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096),
)
CLASSES = Counter("yachay_predicted_classes", "Rows by predicted class", ["model_name", "label"])
VALUES = Counter("yachay_predicted_values", "Predicted numbers by the upper end of their bin", ["model_name", "upper"])
MISSING = Counter("yachay_missing_features", "Values that were missing, by feature", ["model_name", "feature"])
OUTSIDE = Counter(
    "yachay_out_of_domain_values",
    "Values outside the schema's domain, or codes unknown to the model, by feature",
    ["model_name", "feature"],
)
MODEL = Gauge("yachay_model", "The version in service", ["model_name", "version", "family", "problem"])
LOADED_AT = Gauge("yachay_model_loaded_timestamp_seconds", "When the version in service was loaded", ["model_name"])
TREE_FAILURES = Counter(
    "yachay_tree_table_failures",
    "Versions whose table of trees could not be used: their SavedModel predicts",
    ["model_name"],
)
LOAD_FAILURES = Counter("yachay_model_load_failures", "Versions that could not be loaded", ["model_name"])

UNTRUSTED = Counter(
    "yachay_model_untrusted", "Versions that were not loaded, for they are not what was pushed", ["model_name"]
)


class BatchMetrics:
    """Counts what a batch held and what was predicted.

    Args:
        model_name: string.
        groups: dict of group (`Feature.group`) to the features of its matrix.
        labels: sequence of strings. The classes; empty for a regression.
        bounds: array `(B,)`. Of the bins of predicted numbers, ascending; empty counts none.
    """

    def __init__(
        self, model_name: str, groups: Mapping[str, Sequence[Feature]], labels: Sequence[str], bounds: Array
    ) -> None:
        self._rows = BATCH_ROWS.labels(model_name)
        self._classes = {label: CLASSES.labels(model_name, label) for label in labels}
        self._bounds_of_values = bounds
        uppers = [*(repr(float(bound)) for bound in bounds), "+Inf"]
        self._values = [VALUES.labels(model_name, upper) for upper in uppers] if len(bounds) else []
        self._groups = groups
        self._bounds = {
            group: (_bounds(features, "min", -math.inf), _bounds(features, "max", math.inf))
            for group, features in groups.items()
            if features[0].dtype != "string"
        }
        self._codes = {
            group: KnownCodes(features)
            for group, features in groups.items()
            if any(feature.codes for feature in features)
        }
        features = [feature for group in groups.values() for feature in group]
        self._missing = {feature.name: MISSING.labels(model_name, feature.name) for feature in features}
        self._outside = {feature.name: OUTSIDE.labels(model_name, feature.name) for feature in features}

    def count(self, matrices: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """Counts a batch: arrays `(F, N)` or `(F, N, steps)` by group, and the outputs."""
        self._rows.observe(next(iter(matrices.values())).shape[1])
        for group, matrix in matrices.items():
            features = self._groups[group]
            missing = _missing(features, matrix)
            if group in self._bounds:
                low, high = self._bounds[group]
                outside = (matrix < low) | (matrix > high)
                if group in self._codes:
                    outside |= self._codes[group].find_unknown(matrix)
            else:
                outside = np.array(
                    [_unknown(feature, values) for feature, values in zip(features, matrix, strict=True)]
                )
            self._add(self._missing, features, _without_padding(features, missing) if missing.ndim == 3 else missing)
            self._add(self._outside, features, outside & ~missing)
        if "classes" in outputs:
            for label, count in collections.Counter(outputs["classes"].tolist()).items():
                self._classes[label].inc(count)
        if self._values and OUTPUT in outputs:
            bins = np.searchsorted(self._bounds_of_values, outputs[OUTPUT].ravel())
            for index, count in collections.Counter(bins.tolist()).items():
                self._values[index].inc(count)

    def _add(self, counters: Mapping[str, Counter], features: Sequence[Feature], found: Array) -> None:
        if found.any():
            for feature, count in zip(features, found.sum(axis=tuple(range(1, found.ndim))), strict=True):
                if count:
                    counters[feature.name].inc(count)


class KnownCodes:
    """The known codes of a group's features, looked up for all of them at once.

    Args:
        features: sequence of `F` `Feature`, some of them with `codes`.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._codes = np.unique(np.concatenate([np.array(feature.codes, np.int64) for feature in features]))
        self._is_known = np.array([np.isin(self._codes, feature.codes) for feature in features])
        self._has_codes = np.array([bool(feature.codes) for feature in features])

    def find_unknown(self, matrix: Array) -> Array:
        """Returns which values `(F, N)` or `(F, N, steps)` are no known code of a feature that has codes."""
        places = np.minimum(np.searchsorted(self._codes, matrix), len(self._codes) - 1)
        rows = np.arange(len(matrix)).reshape(-1, *[1] * (matrix.ndim - 1))
        is_known = (self._codes[places] == matrix) & self._is_known[rows, places]
        unknown: Array = self._has_codes[rows] & ~is_known
        return unknown


def _bounds(features: Sequence[Feature], bound: str, none: float) -> Array:
    bounds = np.array([(feature.domain or {}).get(bound, none) for feature in features])
    return bounds[:, None] if features[0].steps is None else bounds[:, None, None]


def _missing(features: Sequence[Feature], matrix: Array) -> Array:
    missing = np.zeros(matrix.shape, bool)
    for index, feature in enumerate(features):
        if feature.optional or feature.steps is not None:
            is_float = feature.dtype == "float32"
            missing[index] = np.isnan(matrix[index]) if is_float else matrix[index] == MISSING_VALUE[feature.dtype]
    return missing


def _without_padding(features: Sequence[Feature], missing: Array) -> Array:
    """Returns which steps `(F, N, steps)` are missing and no padding in front of a shorter sequence."""
    first_kept = np.array([(feature.steps or 0) - feature.min_steps for feature in features])[:, None, None]
    leading = np.logical_and.accumulate(missing, axis=2)
    kept: Array = missing & ~(leading & (np.arange(missing.shape[2]) < first_kept))
    return kept


def _unknown(feature: Feature, values: Array) -> Array:
    known = (feature.domain or {}).get("values")
    flat = np.array([known is not None and value not in known for value in values.ravel()], bool)
    return flat.reshape(values.shape)
