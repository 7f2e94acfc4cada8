"""The reference of a model, made from examples, and of a forecast with sequences."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf

from yachay.components.drift_monitor.counting import Counter, LogCounts
from yachay.components.drift_monitor.make_reference import make_reference
from yachay.components.drift_monitor.reference import ReferenceConfig
from yachay.components.evaluator.predictions_file import StoredPredictions
from yachay.components.examples import checksums, encode

FEATURES = [
    {"name": "grade", "kind": "numeric", "dtype": "float32", "steps": None, "domain": {"min": 0.0, "max": 20.0}},
    {"name": "Course", "kind": "categorical", "dtype": "string", "steps": None, "domain": None},
    {"name": "past", "kind": "numeric", "dtype": "float32", "steps": 3, "domain": None},
    {"name": "when", "kind": "time", "dtype": "int64", "steps": None, "domain": None},
]
NUM_ROWS = 60


def write_examples(path: Path, seed: int) -> list[bytes]:
    generator = np.random.default_rng(seed)
    grades = [[value] if row else [] for row, value in enumerate(generator.normal(12, 2, NUM_ROWS))]
    past = generator.normal(0, 1, (NUM_ROWS, 3))
    past[:, 2] = 7.0
    examples = encode(
        pa.record_batch(
            {
                "grade": pa.array(grades, pa.list_(pa.float32())),
                "Course": pa.array([[b"art"] if row < 50 else [b"law"] for row in range(NUM_ROWS)]),
                "past": pa.array(past.tolist(), pa.list_(pa.float32())),
                "when": pa.array([[row] for row in range(NUM_ROWS)], pa.list_(pa.int64())),
            }
        )
    )
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for example in examples:
            writer.write(example)
    return examples


def test_bins_are_those_of_the_training_records_and_groups_those_of_the_judged(tmp_path: Path) -> None:
    write_examples(tmp_path / "train.gz", 1)
    judged = write_examples(tmp_path / "eval.gz", 2)
    scores = np.tile([[0.7, 0.3], [0.4, 0.6]], (NUM_ROWS // 2, 1))
    stored = StoredPredictions(checksums(judged), np.arange(NUM_ROWS) % 2, scores, None)
    config = ReferenceConfig.model_validate(
        {
            "task": {
                "problem": "classification",
                "label": {"name": "Target", "values": ["a", "b"]},
                "features": {"grade": "numeric"},
            },
            "slices": [{"name": "Course"}],
        }
    )
    found = make_reference(config, FEATURES, [str(tmp_path / "train.gz")], [str(tmp_path / "eval.gz")], stored)

    grade, course, past, when = found.features
    assert grade.distribution is not None
    assert grade.distribution.counts[-1] == 1
    assert sum(grade.distribution.counts) == NUM_ROWS
    assert (grade.low, grade.high) == (0.0, 20.0)
    assert course.distribution is not None
    assert course.distribution.categories == ("art", "law")
    assert past.is_sequence
    assert past.distribution is not None
    assert past.distribution.edges == (7.0, np.nextafter(7.0, np.inf))  # The newest step alone.
    assert when.distribution is None
    assert found.predictions is not None
    assert {name: sum(one.counts) for name, one in found.predictions.slices["Course"].items()} == {"art": 50, "law": 10}
    assert found.predictions.metrics["accuracy"].value == 1.0


def test_a_forecast_is_watched_by_its_middle_quantile(tmp_path: Path) -> None:
    write_examples(tmp_path / "train.gz", 1)
    generator = np.random.default_rng(3)
    scores = np.sort(generator.normal(0, 1, (NUM_ROWS, 4, 3)), axis=2)
    stored = StoredPredictions(np.zeros(NUM_ROWS, np.uint32), scores[..., 1], scores, None)
    config = ReferenceConfig.model_validate(
        {
            "task": {
                "problem": "forecast",
                "label": {"name": "next", "steps": 4, "quantiles": [0.1, 0.5, 0.9]},
                "features": {"past": "numeric"},
            }
        }
    )
    found = make_reference(config, FEATURES, [str(tmp_path / "train.gz")], [], stored)
    assert found.predictions is not None
    assert sum(found.predictions.outputs["value"].counts) == NUM_ROWS

    counts = LogCounts()
    zeros = np.zeros(NUM_ROWS, np.int64)
    table = pa.table(
        {
            "past": pa.array([[1.0, None, 7.0]] * NUM_ROWS, pa.list_(pa.float32())),
            "prediction_quantiles": pa.array(scores.tolist()),
        }
    )
    Counter(found).count("1", table, zeros, zeros, counts)
    window = counts.windows["1", 0]
    assert window.outputs["value"].tolist() == list(found.predictions.outputs["value"].counts)
    assert window.features["past"].tolist() == list(found.features[2].distribution.counts)
