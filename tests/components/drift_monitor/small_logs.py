"""Small models and the logs of their predictions, for the tests of the monitor."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from yachay.components.drift_monitor.bins import categorical_distribution, numeric_distribution
from yachay.components.drift_monitor.make_reference import describe_predictions
from yachay.components.drift_monitor.reference import FeatureReference, Reference, ReferenceConfig
from yachay.components.evaluator.predictions_file import StoredPredictions
from yachay.components.prediction_task import PredictionTask

VERSION = "1795239891"
START = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
NOW = START + datetime.timedelta(days=30)
CLASSES = ("no", "perhaps", "yes")
COURSES = ("art", "biology", "chemistry")
TASK = PredictionTask.model_validate(
    {
        "problem": "classification",
        "label": {"name": "Target", "values": CLASSES},
        "features": {"grade": "numeric", "age": "numeric", "Course": "categorical", "code": "categorical"},
    }
)


def draw(num_rows: int, seed: int, shift: float = 0.0, new: float = 0.0) -> dict[str, NDArray]:
    """Returns rows with their scores and labels; `shift` moves the grade, `new` is the share of new courses."""
    generator = np.random.default_rng(seed)
    grade = (generator.normal(12, 2, num_rows) + shift).astype(np.float32)
    courses = generator.choice(COURSES, num_rows, p=[0.5, 0.3, 0.2])
    logits = np.stack([(12 - grade) / 2, np.zeros(num_rows), (grade - 12) / 2], axis=1)
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (generator.random((num_rows, 1)) < scores.cumsum(axis=1)).argmax(axis=1)
    return {
        "grade": grade,
        "age": generator.integers(18, 40, num_rows).astype(np.float32),
        "Course": np.where(generator.random(num_rows) < new, "dance", courses).astype(object),
        "code": generator.choice([1, 2, 9], num_rows),
        "scores": scores.astype(np.float32),
        "label": labels,
    }


def small_reference(num_rows: int = 3000, slices: bool = False) -> Reference:
    """Returns the reference of a model that was trained on 3,000 rows and judged on 1,000."""
    train, judged = draw(num_rows, seed=100), draw(1000, seed=101)
    kinds = {"grade": ("numeric", "float32"), "age": ("numeric", "float32"), "Course": ("categorical", "string")}
    features = [
        FeatureReference(
            name=name,
            kind=kind,
            dtype=dtype,
            low=0.0 if name == "grade" else None,
            high=20.0 if name == "grade" else None,
            distribution=numeric_distribution(train[name].astype(float))
            if kind == "numeric"
            else categorical_distribution(pa.array(train[name])),
        )
        for name, (kind, dtype) in (kinds | {"code": ("categorical", "int64")}).items()
    ]
    stored = StoredPredictions(np.zeros(1000, np.uint32), judged["label"], judged["scores"], None)
    config = ReferenceConfig(task=TASK)
    predictions = describe_predictions(config, stored, {"Course": judged["Course"]} if slices else {})
    if slices:
        config = ReferenceConfig.model_validate({"task": TASK.model_dump(), "slices": [{"name": "Course"}]})
    return Reference(config=config, rows=num_rows, features=tuple(features), predictions=predictions)


def log_table(
    rows: dict[str, NDArray], start: datetime.datetime = START, seconds: float = 60.0, prefix: str = "r"
) -> pa.Table:
    """Returns rows as the server logs them, one request each."""
    number = len(rows["grade"])
    times = [start + datetime.timedelta(seconds=seconds * row) for row in range(number)]
    scores = pa.ListArray.from_arrays(np.arange(number + 1, dtype=np.int32) * 3, pa.array(rows["scores"].ravel()))
    return pa.table(
        {
            "prediction_id": [f"{prefix}{row}" for row in range(number)],
            "prediction_row": pa.array(np.zeros(number, np.int64)),
            "prediction_time": pa.array(times, pa.timestamp("us", "UTC")),
            "prediction_version": pa.repeat(VERSION, number),
            **{name: pa.array(rows[name]) for name in ("grade", "age", "Course", "code")},
            "prediction_scores": scores,
        }
    )


def write_log(folder: Path, *tables: pa.Table) -> str:
    """Writes a file a table, and returns the folder."""
    folder.mkdir(exist_ok=True)
    for place, table in enumerate(tables):
        pyarrow.parquet.write_table(table, folder / f"predictions-{place}.parquet")
    return str(folder)


class Known:
    """References of the versions that are given."""

    def __init__(self, references: dict[str, Reference]) -> None:
        self._references = references

    def of(self, version: str) -> Reference | None:
        return self._references.get(version)

    def newest(self) -> Reference:
        return next(reversed(self._references.values()))

    def missing(self, version: str) -> str:
        return "its push is gone"

    def uri(self, version: str) -> str:
        return f"store/push-{version}"
