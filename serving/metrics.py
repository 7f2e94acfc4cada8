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
        may_be_missing = {
            group: np.array([feature.optional or feature.steps is not None for feature in features])
            for group, features in groups.items()
        }
        self._may_be_missing = {group: found for group, found in may_be_missing.items() if found.any()}
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
            if group in self._bounds:
                low, high = self._bounds[group]
                outside = (matrix < low) | (matrix > high)
                if group in self._codes:
                    outside |= self._codes[group].find_unknown(matrix)
            else:
                outside = np.array(
                    [_unknown(feature, values) for feature, values in zip(features, matrix, strict=True)]
                )
            if group in self._may_be_missing:
                dtype = features[0].dtype
                missing = np.isnan(matrix) if dtype == "float32" else matrix == MISSING_VALUE[dtype]
                missing &= _by_feature(self._may_be_missing[group], matrix)
                counted = _without_padding(features, missing) if missing.ndim == 3 else missing
                self._add(self._missing, features, counted)
                outside &= ~missing
            self._add(self._outside, features, outside)
        if "classes" in outputs:
            for label, count in collections.Counter(outputs["classes"].tolist()).items():
                self._classes[label].inc(count)
        if self._values and OUTPUT in outputs:
            bins = np.searchsorted(self._bounds_of_values, outputs[OUTPUT].ravel())
            for index, count in collections.Counter(bins.tolist()).items():
                self._values[index].inc(count)

    def _add(self, counters: Mapping[str, Counter], features: Sequence[Feature], found: Array) -> None:
        if np.count_nonzero(found):
            counts = np.add.reduce(found.reshape(len(features), -1), axis=1).tolist()
            for feature, count in zip(features, counts, strict=True):
                if count:
                    counters[feature.name].inc(count)


class KnownCodes:
    """The known codes of a group's features, looked up for all of them at once.

    Args:
        features: sequence of `F` `Feature`, some of them with `codes`.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        codes = np.unique(np.concatenate([np.array(feature.codes, np.int64) for feature in features]))
        # What is greater than all codes is found behind them.
        self._codes = np.append(codes, np.iinfo(np.int64).max)
        self._is_known = np.array([np.append(np.isin(codes, feature.codes), False) for feature in features])
        self._has_codes = np.array([bool(feature.codes) for feature in features])
        self._first = np.arange(len(features)) * len(self._codes)

    def find_unknown(self, matrix: Array) -> Array:
        """Returns which values `(F, N)` or `(F, N, steps)` are no known code of a feature that has codes."""
        places = self._codes.searchsorted(matrix)
        is_known = self._codes.take(places) == matrix
        places += _by_feature(self._first, matrix)
        is_known &= self._is_known.take(places)
        unknown: Array = _by_feature(self._has_codes, matrix) & ~is_known
        return unknown


def _by_feature(values: Array, matrix: Array) -> Array:
    """Returns a value a feature, `(F,)`, in the shape that fits a matrix `(F, N)` or `(F, N, steps)`."""
    return values[:, None] if matrix.ndim == 2 else values[:, None, None]


def _bounds(features: Sequence[Feature], bound: str, none: float) -> Array:
    bounds = np.array([(feature.domain or {}).get(bound, none) for feature in features])
    return bounds[:, None] if features[0].steps is None else bounds[:, None, None]


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
