"""Anomalies as lines a person can act on."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from ...errors import DataError
from ..tfx_api import tfdv_extension

ANOMALIES_FILE = "SchemaDiff.pb"
_ALL_EXAMPLES = "All Examples"
_Type = anomalies_pb2.AnomalyInfo
_FIXES = {
    _Type.ENUM_TYPE_UNEXPECTED_STRING_VALUES: "correct the values, or add them to the domain of the feature",
    _Type.FEATURE_TYPE_LOW_FRACTION_PRESENT: "fill the column, or lower presence.min_fraction",
    _Type.SCHEMA_MISSING_COLUMN: "add the column to the data, or remove the feature",
    _Type.INT_TYPE_BIG_INT: "correct the values, or widen int_domain.max",
    _Type.INT_TYPE_SMALL_INT: "correct the values, or widen int_domain.min",
    _Type.FLOAT_TYPE_BIG_FLOAT: "correct the values, or widen float_domain.max",
    _Type.FLOAT_TYPE_SMALL_FLOAT: "correct the values, or widen float_domain.min",
    _Type.FLOAT_TYPE_HAS_NAN: "replace NaN by an empty cell, or set float_domain.disallow_nan to false",
    _Type.DATASET_LOW_NUM_EXAMPLES: "give more records",
}


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """One anomaly of one split.

    Args:
        split: string. Name of the split.
        feature: string. Name of the feature; empty where the whole data set is meant.
        description: string. What was expected and what came, in TFDV's words.
        title: string. The same without a value or a count, in TFDV's words.
        fix: string. What to change.
        is_error: bool. Whether the anomaly stops the run.
    """

    split: str
    feature: str
    description: str
    title: str
    fix: str
    is_error: bool

    def __str__(self) -> str:
        return self._line(self.description)

    @property
    def outline(self) -> str:
        """The line without values and counts, by which a page would show those of a few records."""
        return self._line(self.title)

    def _line(self, what: str) -> str:
        return f"{self.feature or 'the data set'} ({self.split}): {what.rstrip('.')}. Fix: {self.fix}."


def read_anomalies(uri: str, split: str) -> anomalies_pb2.Anomalies:
    """Returns the anomalies that `ExampleValidator` wrote for a split."""
    with tf.io.gfile.GFile(f"{uri}/Split-{split}/{ANOMALIES_FILE}", "rb") as file:
        return anomalies_pb2.Anomalies.FromString(file.read())


def validate(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, schema: schema_pb2.Schema
) -> anomalies_pb2.Anomalies:
    """Returns the anomalies of statistics, as `tfdv.validate_statistics`, whose package imports TensorFlow.

    Args:
        statistics: `DatasetFeatureStatisticsList`, of one data set or of slices with one of all examples.
        schema: `schema_pb2.Schema`.

    Raises:
        DataError: if no slice is of all examples.
    """
    data_sets = {data_set.name: data_set for data_set in statistics.datasets}
    data_set = statistics.datasets[0] if len(statistics.datasets) == 1 else data_sets.get(_ALL_EXAMPLES)
    if data_set is None:
        raise DataError(
            f"Expected statistics of all examples ({_ALL_EXAMPLES!r}). Received: those of {', '.join(data_sets)}. "
            "Compute them without slices, or of all examples too."
        )
    # No environment, no statistics of other spans, servings or versions, no options, no comparison with the schema.
    serialized = tfdv_extension.validation.ValidateFeatureStatistics(
        data_set.SerializeToString(), schema.SerializeToString(), *[b""] * 6, False
    )
    return anomalies_pb2.Anomalies.FromString(serialized)


def find_anomalies(split: str, anomalies: anomalies_pb2.Anomalies, schema: schema_pb2.Schema) -> list[Anomaly]:
    """Returns the anomalies of a split in the order of the schema, errors first."""
    order = {feature.name: index for index, feature in enumerate(schema.feature)}
    infos = list(anomalies.anomaly_info.items())
    if anomalies.HasField("dataset_anomaly_info"):
        infos.append(("", anomalies.dataset_anomaly_info))
    found = [
        Anomaly(
            split,
            name,
            reason.description,
            reason.short_description or "does not fit the schema",
            _fix(reason.type),
            info.severity == anomalies_pb2.AnomalyInfo.ERROR,
        )
        for name, info in infos
        for reason in info.reason
    ]
    return sorted(found, key=lambda anomaly: (not anomaly.is_error, order.get(anomaly.feature, -1)))


def reject(anomalies: Sequence[Anomaly]) -> None:
    """Raises `DataError` if an anomaly is an error."""
    errors = [str(anomaly) for anomaly in anomalies if anomaly.is_error]
    if errors:
        raise DataError(
            f"Expected the examples to fit the schema. Received: {len(errors)} anomal"
            f"{'y' if len(errors) == 1 else 'ies'}.",
            errors,
        )


def _fix(kind: int) -> str:
    return _FIXES.get(kind, "correct the data, or change the schema if the data is right")
