"""How long the monitor takes for a long log, and how much memory.

    .venv/bin/python tests/benchmarks/monitor_speed.py --rows 10_000_000 --folder /tmp/log

Writes the log where the folder is absent: files of 200,000 rows of 36 features and three scores, a row each 50 ms.
"""

import argparse
import datetime
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from yachay.components.drift_monitor.bins import categorical_distribution, numeric_distribution
from yachay.components.drift_monitor.make_reference import describe_predictions
from yachay.components.drift_monitor.monitor import monitor
from yachay.components.drift_monitor.reference import FeatureReference, Reference, ReferenceConfig
from yachay.components.drift_monitor.settings import MonitorSettings
from yachay.components.evaluator.predictions_file import StoredPredictions
from yachay.components.prediction_task import PredictionTask

ROWS_A_FILE = 200_000
NUM_NUMBERS, NUM_CATEGORIES = 20, 16
CLASSES = ("no", "perhaps", "yes")
VERSION = "1795239891"
START = np.datetime64("2026-11-21T12:00:00", "us").astype(np.int64)
NOW = datetime.datetime(2026, 12, 31, tzinfo=datetime.UTC)


class One:
    """One reference for all versions."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    def of(self, version: str) -> Reference:
        return self._reference

    def newest(self) -> Reference:
        return self._reference

    def missing(self, version: str) -> str:
        return ""

    def uri(self, version: str) -> str:
        return ""


def draw(num_rows: int, generator: np.random.Generator) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns features and scores."""
    features = {f"number_{place}": generator.standard_normal(num_rows, np.float32) for place in range(NUM_NUMBERS)} | {
        f"category_{place}": generator.integers(0, 4 + 2 * place, num_rows) for place in range(NUM_CATEGORIES)
    }
    logits = np.stack([features["number_0"], features["number_1"], np.zeros(num_rows, np.float32)], axis=1)
    scores = np.exp(logits)
    return features, scores / scores.sum(axis=1, keepdims=True)


def make_reference() -> Reference:
    """Returns the reference of 50,000 rows."""
    generator = np.random.default_rng(1)
    features, _ = draw(50_000, generator)
    described = [
        FeatureReference(
            name=name,
            kind="categorical" if name.startswith("category") else "numeric",
            dtype="int64" if name.startswith("category") else "float32",
            distribution=categorical_distribution(pa.array(values))
            if name.startswith("category")
            else numeric_distribution(values.astype(float)),
        )
        for name, values in features.items()
    ]
    task = PredictionTask.model_validate(
        {
            "problem": "classification",
            "label": {"name": "Target", "values": CLASSES},
            "features": {one.name: one.kind for one in described},
        }
    )
    _, scores = draw(10_000, generator)
    labels = (generator.random((10_000, 1)) < scores.cumsum(axis=1)).argmax(axis=1)
    config = ReferenceConfig(task=task)
    stored = StoredPredictions(np.zeros(10_000, np.uint32), labels, scores, None)
    predictions = describe_predictions(config, stored, {})
    return Reference(config=config, rows=50_000, features=tuple(described), predictions=predictions)


def write_log(folder: Path, num_rows: int) -> None:
    """Writes a log."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(2)
    for place in range(num_rows // ROWS_A_FILE):
        features, scores = draw(ROWS_A_FILE, generator)
        rows = np.arange(ROWS_A_FILE) + place * ROWS_A_FILE
        offsets = np.arange(ROWS_A_FILE + 1, dtype=np.int32) * len(CLASSES)
        table = pa.table(
            {
                "prediction_id": pa.array(rows).cast(pa.string()),
                "prediction_row": np.zeros(ROWS_A_FILE, np.int64),
                "prediction_time": pa.array(START + rows * 50_000, pa.timestamp("us", "UTC")),
                "prediction_model": pa.repeat("model", ROWS_A_FILE),
                "prediction_version": pa.repeat(VERSION, ROWS_A_FILE),
                "prediction_protocol": pa.repeat("v1", ROWS_A_FILE),
                **{name: pa.array(values) for name, values in features.items()},
                "prediction_classes": pa.array(CLASSES).take(pa.array(scores.argmax(axis=1))),
                "prediction_scores": pa.ListArray.from_arrays(offsets, pa.array(scores.ravel())),
            }
        )
        pyarrow.parquet.write_table(table, folder / f"predictions-{place:05d}.parquet", compression="zstd")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--window", default="1d")
    chosen = parser.parse_args(arguments)
    if not chosen.folder.exists():
        write_log(chosen.folder, chosen.rows)
        print("written; run again to measure")  # The memory of writing would count.
        return
    reference = make_reference()
    started, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    result = monitor(str(chosen.folder), One(reference), MonitorSettings(window=chosen.window), now=NOW)
    now = resource.getrusage(resource.RUSAGE_SELF)
    seconds = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(
        f"{result.rows:,} rows, {len(result.windows)} windows of {chosen.window}: {result.verdict}, "
        f"{time.monotonic() - started:.1f} s, processor {seconds:.1f} s, at most {now.ru_maxrss / 1024:,.0f} MiB"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
