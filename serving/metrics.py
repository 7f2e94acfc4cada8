"""Metrics to alert on, at `/metrics` beside KServe's own."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

from .contract import Array, Feature

REQUESTS = Counter("yachay_requests", "Requests for predictions", ["model_name", "protocol", "status"])
SECONDS = Histogram(
    "yachay_request_seconds",
    "Seconds from a request's last byte to its answer",
    ["model_name", "protocol"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
IN_FLIGHT = Gauge("yachay_requests_in_flight", "Requests for predictions that wait for their answer", ["model_name"])
REFUSED = Counter("yachay_refused_requests", "Requests that were refused", ["model_name", "reason"])
BATCH_ROWS = Histogram(
    "yachay_batch_rows",
    "Rows that the model answered together",
    ["model_name"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096),
)
CLASSES = Counter("yachay_predicted_classes", "Rows by predicted class", ["model_name", "label"])
MISSING = Counter("yachay_missing_features", "Values that were missing, by feature", ["model_name", "feature"])
OUTSIDE = Counter(
    "yachay_out_of_domain_values", "Values outside the schema's domain, by feature", ["model_name", "feature"]
)
MODEL = Gauge("yachay_model", "The version in service", ["model_name", "version", "family", "problem"])
LOADED_AT = Gauge("yachay_model_loaded_timestamp_seconds", "When the version in service was loaded", ["model_name"])
LOAD_FAILURES = Counter("yachay_model_load_failures", "Versions that could not be loaded", ["model_name"])


class BatchMetrics:
    """Counts what a batch held and what was answered.

    Args:
        model_name: string.
        groups: dict of dtype to the features of the matrix of that dtype.
        labels: sequence of strings. The classes; empty for a regression.
    """

    def __init__(self, model_name: str, groups: Mapping[str, Sequence[Feature]], labels: Sequence[str]) -> None:
        self._rows = BATCH_ROWS.labels(model_name)
        self._classes = {label: CLASSES.labels(model_name, label) for label in labels}
        self._groups = groups
        self._bounds = {
            dtype: (_bounds(features, "min", -math.inf), _bounds(features, "max", math.inf))
            for dtype, features in groups.items()
            if dtype != "string"
        }
        features = [feature for group in groups.values() for feature in group]
        self._missing = {feature.name: MISSING.labels(model_name, feature.name) for feature in features}
        self._outside = {feature.name: OUTSIDE.labels(model_name, feature.name) for feature in features}

    def count(self, matrices: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """Counts a batch: arrays `(F, N)` by dtype, and the outputs."""
        self._rows.observe(next(iter(matrices.values())).shape[1])
        for dtype, matrix in matrices.items():
            features = self._groups[dtype]
            missing = _missing(features, matrix)
            if dtype == "string":
                outside = np.array(
                    [_unknown(feature, values) for feature, values in zip(features, matrix, strict=True)]
                )
            else:
                low, high = self._bounds[dtype]
                outside = (matrix < low) | (matrix > high)
            self._add(self._missing, features, missing)
            self._add(self._outside, features, outside & ~missing)
        if "classes" in outputs:
            for label, count in zip(*np.unique(outputs["classes"], return_counts=True), strict=True):
                self._classes[label].inc(count)

    def _add(self, counters: Mapping[str, Counter], features: Sequence[Feature], found: Array) -> None:
        if found.any():
            for feature, count in zip(features, found.sum(axis=1), strict=True):
                if count:
                    counters[feature.name].inc(count)


def _bounds(features: Sequence[Feature], bound: str, none: float) -> Array:
    return np.array([[(feature.domain or {}).get(bound, none)] for feature in features])


def _missing(features: Sequence[Feature], matrix: Array) -> Array:
    missing = np.zeros(matrix.shape, bool)
    for index, feature in enumerate(features):
        if feature.optional:
            missing[index] = np.isnan(matrix[index]) if feature.dtype == "float32" else matrix[index] == feature.missing
    return missing


def _unknown(feature: Feature, values: Array) -> Array:
    known = (feature.domain or {}).get("values")
    return np.array([known is not None and value not in known for value in values])
