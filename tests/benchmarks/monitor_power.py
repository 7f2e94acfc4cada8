"""How often the monitor raises a false alarm, and how often it finds a shift, by size of window.

    .venv/bin/python tests/benchmarks/monitor_power.py STORE/push-1795341931 data.csv

The records of the real file are divided at random, 200 times: a reference of 2,400 of them, of which 600 stand for
those that the model was judged on, and one window of others. No record is in both, so that nothing has moved; then one
feature of each window is shifted. The decision is over all features, predictions and groups together.
"""

import argparse
import csv
import functools
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from yachay.components.drift_monitor.bins import categorical_distribution, numeric_distribution
from yachay.components.drift_monitor.counting import Counter, LogCounts
from yachay.components.drift_monitor.judge import Judge
from yachay.components.drift_monitor.make_reference import describe_predictions
from yachay.components.drift_monitor.reference import FeatureReference, Reference
from yachay.components.drift_monitor.settings import MonitorSettings
from yachay.components.evaluator.predictions_file import StoredPredictions
from yachay.components.features import to_identifier

NUM_REFERENCE, NUM_JUDGED = 2400, 600
SIZES = (100, 200, 500, 1000, 2000)
VERSION = "1"
SHIFTS = ("none", "mean +0.5 sd", "mean +0.25 sd", "15 % of one category", "10 % missing", "fees unpaid +15 %")


def read_rows(push: Path, data: Path) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, Reference]:
    """Returns the features, scores and labels of all records, and the push's reference."""
    import tensorflow as tf

    version = push.name.removeprefix("push-")
    model = push / version
    metadata = json.loads((model / "assets.extra" / "yachay.json").read_text())
    reference = Reference.from_json((model / "assets.extra" / "reference.json").read_bytes(), "the push")
    with data.open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    columns = {to_identifier(name): [row[name] for row in rows] for name in rows[0]}
    dtypes = {feature["name"]: feature["dtype"] for feature in metadata["features"]}
    features = {
        name: np.array(columns[name], float).astype(np.float32 if dtype == "float32" else np.int64)
        for name, dtype in dtypes.items()
    }
    signature = tf.saved_model.load(str(model)).signatures["serving_default"]
    scores = signature(**{name: tf.constant(values) for name, values in features.items()})["scores"].numpy()
    labels = np.array([metadata["labels"].index(label) for label in columns["Target"]])
    return features, scores, labels, reference


def make_reference(
    pushed: Reference, features: dict[str, np.ndarray], scores: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> Reference:
    """Returns the reference of a part of the records."""
    train, judged = rows[:-NUM_JUDGED], rows[-NUM_JUDGED:]
    found = [
        FeatureReference(
            name=one.name,
            kind=one.kind,
            dtype=one.dtype,
            distribution=numeric_distribution(features[one.name][train].astype(float))
            if one.distribution and one.distribution.kind == "numeric"
            else categorical_distribution(pa.array(features[one.name][train])),
        )
        for one in pushed.features
    ]
    stored = StoredPredictions(np.zeros(len(judged), np.uint32), labels[judged], scores[judged], None)
    groups = {
        one.name: features[one.name][judged].astype(str) for one in pushed.config.slices if one.name == one.source
    }
    predictions = describe_predictions(pushed.config, stored, groups)
    return Reference(config=pushed.config, rows=len(train), features=tuple(found), predictions=predictions)


def shift(
    kind: str,
    window: dict[str, pa.Array],
    kinds: dict[str, str],
    minor: dict[str, np.ndarray],
    generator: np.random.Generator,
) -> str | None:
    """Shifts a feature of a window, and returns its name."""
    if kind == "none":
        return None
    size = len(next(iter(window.values())))
    wanted = {"mean": "numeric", "15": "categorical", "10": None, "fees": None}[kind.split()[0]]
    names = list(minor) if wanted == "categorical" else [name for name, own in kinds.items() if wanted in (None, own)]
    name = "Tuition_fees_up_to_date" if kind.startswith("fees") else str(generator.choice(names))
    values = window[name].to_numpy(zero_copy_only=False)
    if kind.startswith("mean"):
        share = float(kind.split()[1])
        moved = values + share * max(values.std(), 1e-9)
        if values.dtype.kind == "i":  # So that the mean moves, and integers stay integers.
            moved = np.floor(moved + generator.random(size))
        window[name] = pa.array(moved.astype(values.dtype))
    elif kind.startswith("15"):
        category = generator.choice(minor[name])
        window[name] = pa.array(np.where(generator.random(size) < 0.15, category, values))
    elif kind.startswith("10"):
        window[name] = pa.array(values, mask=generator.random(size) < 0.10)
    else:
        window[name] = pa.array(np.where(generator.random(size) < 0.15, 0, values))
    return name


Found = dict[tuple[int, str], bool]


class Experiment:
    """What each repetition needs, read once by each process."""

    def __init__(self, push: Path, data: Path) -> None:
        self.features, self.scores, self.labels, self.pushed = read_rows(push, data)
        self.kinds = {
            one.name: one.distribution.kind
            for one in self.pushed.features
            if one.distribution and self.features[one.name].std() > 0
        }
        self.minor = {}
        for name in (name for name, kind in self.kinds.items() if kind == "categorical"):
            categories, counts = np.unique(self.features[name], return_counts=True)
            if (counts < 0.3 * len(self.labels)).any():
                self.minor[name] = categories[counts < 0.3 * len(self.labels)]

    def run(self, repeat: int) -> Found:
        """Returns whether each window of a repetition raised an alarm; of a shift, whether it names the feature."""
        generator = np.random.default_rng(repeat)
        order = generator.permutation(len(self.labels))
        reference = make_reference(self.pushed, self.features, self.scores, self.labels, order[:NUM_REFERENCE])
        found = {}
        for size in SIZES:
            rows = order[NUM_REFERENCE : NUM_REFERENCE + size]
            for kind in SHIFTS:
                window: dict[str, Any] = {name: pa.array(values[rows]) for name, values in self.features.items()}
                name = shift(kind, window, self.kinds, self.minor, generator)
                offsets = np.arange(size + 1, dtype=np.int32) * self.scores.shape[1]
                window["prediction_scores"] = pa.ListArray.from_arrays(offsets, pa.array(self.scores[rows].ravel()))
                counts = LogCounts()
                times = np.zeros(size, np.int64)
                Counter(reference).count(VERSION, pa.table(window), times, times, counts)
                judged = Judge(reference, MonitorSettings(), counts).judge(VERSION, 0)[0]
                names = {reason.name for reason in judged.reasons}
                found[size, kind] = bool(names) if name is None else name in names
        return found


def run(experiment: tuple[Path, Path], repeat: int) -> Found:
    """Returns a repetition of an experiment."""
    return _experiment(*experiment).run(repeat)


_experiment = functools.cache(Experiment)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("push", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args(arguments)
    with ProcessPoolExecutor(chosen.processes, multiprocessing.get_context("spawn")) as pool:
        one = functools.partial(run, (chosen.push, chosen.data))
        found = list(pool.map(one, range(chosen.windows)))
    print(f"{'rows':>6}", *(f"{kind:>22}" for kind in SHIFTS))
    for size in SIZES:
        shares = (np.mean([each[size, kind] for each in found]) for kind in SHIFTS)
        print(f"{size:>6}", *(f"{share:>22.3f}" for share in shares))


if __name__ == "__main__":
    main(sys.argv[1:])
