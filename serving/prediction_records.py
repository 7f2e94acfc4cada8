"""Predictions as records of the prediction log, one a row (`schemas/prediction_log/record.schema.json`)."""

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..errors import ConfigurationError, suggestion
from ..model_store.metadata import MISSING_VALUE
from .contract import Array, Feature, Prediction

# Set apart from the features' names, which the records keep.
PREFIX = "prediction_"
ID_COLUMN = f"{PREFIX}id"
MODEL_COLUMN = f"{PREFIX}model"
TIME_COLUMN = f"{PREFIX}time"
HASH_BYTES = 16
HASH_KEY = "YACHAY_PREDICTION_LOG_KEY"
MIN_KEY_BYTES, MAX_KEY_BYTES = 16, hashlib.blake2b.MAX_KEY_SIZE
ARROW_TYPES = {"float32": pa.float32(), "int64": pa.int64(), "string": pa.string()}


@dataclasses.dataclass(frozen=True)
class Redaction:
    """Features whose values the log does not hold.

    Args:
        dropped: frozenset of feature names that are left out.
        hashed: frozenset of names whose values become a keyed hash, which keeps equal and unequal apart: features, of
            which a sequence becomes one hash, and `prediction_id`, which clients choose.
        key: bytes, 16 to 64. The key of the hash: without it the few values of a column could be tried one by one.
    """

    dropped: frozenset[str] = frozenset()
    hashed: frozenset[str] = frozenset()
    key: bytes = b""

    def __post_init__(self) -> None:
        if self.dropped & self.hashed:
            raise ConfigurationError(
                f"Expected each redacted feature to be either dropped or hashed. Received both for: "
                f"{', '.join(sorted(self.dropped & self.hashed))}. Name it once."
            )
        if self.hashed and not MIN_KEY_BYTES <= len(self.key) <= MAX_KEY_BYTES:
            raise ConfigurationError(
                f"Expected a key of {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes for the hash of "
                f"{', '.join(sorted(self.hashed))}. Received: {len(self.key)} bytes. Name a file with "
                f"--prediction_log_key_file (openssl rand -hex 32 > FILE), set {HASH_KEY} in the server's environment, "
                "or drop the features instead."
            )

    def check(self, features: Iterable[Feature]) -> None:
        """Raises a `ConfigurationError` unless each name is a feature and the records' own names are free."""
        names = [feature.name for feature in features]
        for name in sorted(self.dropped | (self.hashed - {ID_COLUMN})):
            if name not in names:
                raise ConfigurationError(
                    f"Expected the prediction log to redact features of the model. Received: {name!r}."
                    f"{suggestion(name, names)} Name one of {', '.join(names)}."
                )
        taken = [name for name in names if name.startswith(PREFIX)]
        if taken:
            raise ConfigurationError(
                f"Expected no feature that starts with {PREFIX!r}, as the prediction log's own columns do. "
                f"Received: {', '.join(taken)}. Rename it, or serve without --prediction_log."
            )

    def digest(self, value: object) -> str:
        """Returns the keyed hash of a value, 32 hexadecimal digits."""
        return digest(str(value), self.key)


def digest(text: str, key: bytes) -> str:
    """Returns the keyed hash of a text, 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode(), digest_size=HASH_BYTES, key=key).hexdigest()


def read_key(file: Path | None, option: str = "--prediction_log_key_file") -> bytes:
    """Returns the key of hashes from a file, without the end of its last line, or from the environment; else nothing.

    Args:
        file: path or None.
        option: string. What named the file.

    Raises:
        ConfigurationError: if the file cannot be read.
    """
    if file is None:
        return os.environ.get(HASH_KEY, "").encode()
    try:
        return file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise ConfigurationError(
            f"Expected {option} to name a file that can be read. Received: {file} ({error.strerror})."
        ) from None


def to_table(predictions: Sequence[Prediction], redaction: Redaction) -> pa.Table:
    """Returns the records of predictions of one model version.

    Args:
        predictions: sequence of `Prediction`, at least one.
        redaction: `Redaction`.
    """
    first = predictions[0]
    counts = [num_rows(prediction) for prediction in predictions]
    requests = pa.array(np.repeat(np.arange(len(predictions)), counts))
    total = sum(counts)
    times = pa.array([prediction.time for prediction in predictions], pa.timestamp("us", "UTC"))
    columns = {
        ID_COLUMN: pa.array([_request_id(prediction, redaction) for prediction in predictions]).take(requests),
        f"{PREFIX}row": pa.array(np.concatenate([np.arange(count) for count in counts])),
        TIME_COLUMN: times.take(requests),
        MODEL_COLUMN: pa.repeat(first.model_name, total),
        f"{PREFIX}version": pa.repeat(first.model_version, total),
        f"{PREFIX}protocol": pa.array([prediction.protocol for prediction in predictions]).take(requests),
    }
    for feature in first.features:
        if feature.name not in redaction.dropped:
            values = np.concatenate([prediction.inputs[feature.name] for prediction in predictions])
            columns[feature.name] = _input_column(values, feature, redaction)
    for name in first.outputs:
        columns[f"{PREFIX}{name}"] = _output_column(np.concatenate([each.outputs[name] for each in predictions]))
    return pa.table(columns)


def _request_id(prediction: Prediction, redaction: Redaction) -> str:
    return redaction.digest(prediction.request_id) if ID_COLUMN in redaction.hashed else prediction.request_id


def num_rows(prediction: Prediction) -> int:
    """Returns the number of rows of a prediction."""
    return len(next(iter(prediction.outputs.values())))


def _input_column(values: Array, feature: Feature, redaction: Redaction) -> pa.Array:
    if values.ndim == 2:
        missing = np.isnan(values) if feature.dtype == "float32" else values == MISSING_VALUE[feature.dtype]
        steps = pa.array(values.ravel(), ARROW_TYPES[feature.dtype], mask=np.asarray(missing, bool).ravel())
        column = _nested(steps, values.shape)
    else:
        column = pa.array(values, ARROW_TYPES[feature.dtype], mask=_is_missing(values, feature))
    if feature.name not in redaction.hashed:
        return column
    return pa.array([None if value is None else redaction.digest(value) for value in column.to_pylist()], pa.string())


def _is_missing(values: Array, feature: Feature) -> Array | None:
    if feature.missing is None:
        return None
    missing: Array = np.isnan(values) if feature.dtype == "float32" else values == feature.missing
    return missing


def _output_column(values: Array) -> pa.Array:
    return _nested(pa.array(values.ravel()), values.shape)


def _nested(values: pa.Array, shape: Sequence[int]) -> pa.Array:
    """Returns flat values as lists of the shape, whose first number is that of the rows."""
    for axis in range(len(shape) - 1, 0, -1):
        offsets = np.arange(np.prod(shape[:axis], dtype=int) + 1, dtype=np.int32) * shape[axis]
        values = pa.ListArray.from_arrays(offsets, values)
    return values
