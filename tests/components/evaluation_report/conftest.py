"""A small model that answers serialized examples, and records for it."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

LABELS = ("no", "perhaps", "yes")
FEATURES = ("dose", "noise")


class Logistic(tf.Module):
    """Scores that rise with `dose` and hear nothing of `noise`, from serialized examples."""

    def __init__(self, num_classes: int, features: Sequence[str], strength: float) -> None:
        super().__init__()
        self._spec = {name: tf.io.FixedLenFeature([1], tf.float32) for name in features}
        self._slopes = tf.constant(strength * np.linspace(-1, 1, num_classes), tf.float32)
        self._is_regression = num_classes == 1

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, self._spec)
        dose = parsed[next(iter(self._spec))]
        if self._is_regression:
            return {"outputs": 2 * dose[:, 0]}
        return {"scores": tf.nn.softmax(dose * self._slopes + 0 * tf.add_n(list(parsed.values())))}


MakeModel = Callable[..., str]


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Exports a model and returns its folder."""

    def make(
        labels: Sequence[str] = LABELS, features: Sequence[str] = FEATURES, strength: float = 1.5, **metadata: Any
    ) -> str:
        folder = tmp_path_factory.mktemp("model") / "Format-Serving"
        module = Logistic(len(labels) or 1, features, strength)
        tf.saved_model.save(module, str(folder), signatures={"serving_examples": module.serve})
        (folder / "assets.extra").mkdir()
        described = {
            "problem": "classification" if labels else "regression", "family": "linear", "label": "outcome",
            "labels": list(labels), "features": [{"name": name} for name in features], "seed": 42,
            "leaderboard": [{"family": "linear", "metrics": {"accuracy": 0.5}, "seconds": 1.0}],
            "hyperparameters": {"l2": 1.0}, "versions": {"yachay": "0.1.0"},
        }  # fmt: skip
        (folder / "assets.extra" / "yachay.json").write_text(json.dumps(described | metadata))
        return str(folder)

    return make


@pytest.fixture(scope="session")
def model_path(make_model: MakeModel) -> str:
    return make_model()


@dataclasses.dataclass(frozen=True)
class Records:
    """Records as a table and as a file of examples."""

    table: pd.DataFrame
    path: str


def make_table(num_rows: int, labels: Sequence[str] = LABELS, seed: int = 0) -> pd.DataFrame:
    """Records whose outcome depends on `dose`, in groups of `sex` and `age`."""
    rng = np.random.default_rng(seed)
    dose = rng.normal(size=num_rows).astype(np.float32)
    place = np.digitize(dose + rng.normal(size=num_rows), np.linspace(-1, 1, max(len(labels) - 1, 1)))
    return pd.DataFrame(
        {
            "dose": dose,
            "noise": rng.normal(size=num_rows).astype(np.float32),
            "sex": rng.integers(0, 2, num_rows),
            "age": rng.choice(["<20", "20-<23", ">=23"], num_rows),
            "outcome": np.array(labels)[place] if labels else 2 * dose + rng.normal(size=num_rows).astype(np.float32),
        }
    )


def write_examples(table: pd.DataFrame, path: Path) -> str:
    """Writes a table as gzip-compressed `tf.Example` records; None and NaN as no value, lists as several."""
    with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
        for record in table.to_dict("records"):
            features = {name: _feature(value) for name, value in record.items() if value is not None and value == value}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return str(path)


def _feature(value: Any) -> tf.train.Feature:
    values = value if isinstance(value, list) else [value]
    if not values:
        return tf.train.Feature()
    if isinstance(values[0], str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[one.encode() for one in values]))
    if isinstance(values[0], float | np.floating):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(one) for one in values]))


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    table = make_table(300)
    return Records(table, write_examples(table, tmp_path_factory.mktemp("examples") / "eval.gz"))


def write_evaluation(folder: Path, slices: dict[tuple[tuple[str, str], ...], dict[str, float]]) -> Path:
    """Writes an evaluation as the Evaluator does, without failures."""
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "metrics-00000-of-00001.tfrecord")) as writer:
        for key, metrics in slices.items():
            record = metrics_for_slice_pb2.MetricsForSlice()
            for column, value in key:
                record.slice_key.single_slice_keys.add(column=column, bytes_value=value.encode())
            for name, value in metrics.items():
                item = record.metric_keys_and_values.add()
                item.key.name = name
                item.value.double_value.value = value
            writer.write(record.SerializeToString())
    with tf.io.TFRecordWriter(str(folder / "validations.tfrecord")) as writer:
        writer.write(validation_result_pb2.ValidationResult(validation_ok=True).SerializeToString())
    return folder
