"""Makes golden requests from a model and records of the eval split."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from ...errors import ModelError
from ...model_store.golden import GoldenRequest
from ..examples import values_of
from ..loaded_model import load_model
from ..trainer.export import SERVING_EXAMPLES
from ..trainer.metadata import read_metadata


def golden_records(model_dir: Path, examples: Sequence[bytes]) -> list[tf.train.Example]:
    """Returns records, and one for each optional feature that no record lacks.

    Args:
        model_dir: path of a SavedModel with its metadata.
        examples: sequence of serialized `tf.Example`.
    """
    records = [tf.train.Example.FromString(example) for example in examples]
    for feature in read_metadata(str(model_dir))["features"] if records else ():
        if feature["optional"] and not any(_lacks(record, feature) for record in records):
            records.append(_without(records[0], feature))
    return records


def make_golden(model_dir: Path, records: Sequence[tf.train.Example]) -> list[GoldenRequest]:
    """Returns a golden request for each record.

    The predictions are those of the signature for examples in the Python loader: what the Evaluator judged. A sequence
    that may be shorter than the signature's goes without its padding, and no value stands in for a missing one, so that
    the server's own padding and imputation are tested.

    Args:
        model_dir: path of a SavedModel with its metadata.
        records: sequence of `tf.train.Example`.

    Raises:
        ModelError: if the model has no signature for examples, or a prediction is not a number.
    """
    features = read_metadata(str(model_dir))["features"]
    model = load_model(model_dir)
    if SERVING_EXAMPLES not in model.signatures:
        raise ModelError(
            f"Expected the model to have the signature {SERVING_EXAMPLES}. Received: {', '.join(model.signatures)}. "
            "Export with the Trainer."
        )
    outputs = model.signatures[SERVING_EXAMPLES](
        examples=tf.constant([record.SerializeToString() for record in records])
    )
    columns = {name: [_plain(value) for value in output.numpy().tolist()] for name, output in outputs.items()}
    golden = []
    for index, record in enumerate(records):
        prediction = {name: column[index] for name, column in columns.items()}
        row = {feature["name"]: _raw_value(record, feature) for feature in features}
        golden.append(GoldenRequest(row, prediction if len(prediction) > 1 else next(iter(prediction.values()))))
    return golden


def _lacks(record: tf.train.Example, feature: Mapping[str, Any]) -> bool:
    values = _raw_value(record, feature)
    return values is None or (isinstance(values, list) and None in values)


def _without(record: tf.train.Example, feature: Mapping[str, Any]) -> tf.train.Example:
    """Returns a record without a feature, or without the middle step of a sequence."""
    copy = tf.train.Example()
    copy.CopyFrom(record)
    if feature.get("steps") is None:
        del copy.features.feature[feature["name"]]
    else:
        held = copy.features.feature[feature["name"]]
        is_string = feature["dtype"] == "string"
        values = held.bytes_list.value if is_string else held.float_list.value
        values[feature["steps"] // 2] = b"" if is_string else math.nan
    return copy


def _raw_value(record: tf.train.Example, feature: Mapping[str, Any]) -> Any:
    """Returns the value that a client would send: None where it is missing, a list for a sequence."""
    values = values_of(record, feature["name"])
    if feature.get("steps") is None:
        return _plain(values[0]) if values else None
    sequence = [None if value == b"" or value != value else _plain(value) for value in values]
    spare = len(sequence) - feature["min_steps"]
    first = next((index for index, value in enumerate(sequence) if value is not None), len(sequence))
    if first == len(sequence) and feature["optional"]:
        return None
    return sequence[min(first, max(spare, 0)) :]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        raise ModelError(f"Expected rows and predictions of finite numbers. Received: {value}. Do not push this model.")
    return value
