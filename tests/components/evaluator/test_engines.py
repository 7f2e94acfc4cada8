"""The Evaluator's two engines write the same files."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_model_analysis.api.model_eval_lib import load_eval_result, load_validation_result
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from yachay.components.evaluator.predictions_file import read_predictions
from yachay.components.evaluator.settings import EvaluationSettings
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask, SplitSettings

from .conftest import run_evaluator, save_model, write_examples

pytestmark = pytest.mark.end_to_end

N = 90
MESSAGES = {
    "metrics-00000-of-00001.tfrecord": metrics_for_slice_pb2.MetricsForSlice,
    "plots-00000-of-00001.tfrecord": metrics_for_slice_pb2.PlotsForSlice,
    "attributions-00000-of-00001.tfrecord": metrics_for_slice_pb2.AttributionsForSlice,
    "validations.tfrecord": validation_result_pb2.ValidationResult,
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A prediction task, how it is judged, and its records."""

    task: PredictionTask
    settings: EvaluationSettings
    columns: Mapping[str, Sequence[Any]]
    shape: tuple[int, ...]
    has_baseline: bool


def make_case(problem: Problem, seed: int) -> Case:
    """A random configuration of a kind of problem, with records that lack values or have several."""
    rng = np.random.default_rng(seed)
    label, labels, shape = make_labels(problem, rng)
    spread = rng.uniform(0.2, 2)
    exact = np.eye(len(label.values))[labels] if label.values else np.asarray(labels).reshape(N, -1, 1)
    predicted, baseline = (
        (exact + factor * rng.normal(size=(*exact.shape[:1], *(shape or (1,))))).astype(np.float32)
        if not label.quantiles
        else np.sort(exact + factor * rng.normal(size=(N, label.steps, len(label.quantiles))), axis=-1)
        for factor in (spread, spread * rng.uniform(0.5, 2))
    )
    method = rng.choice(["hash", "group", "time"])
    key = {
        "hash": [None] * N,
        "group": [f"g{one}" if seed % 2 else int(one) for one in rng.integers(0, 15, N)],
        "time": [f"2024-01-{1 + one:02}T00:00" if seed % 2 else int(one) for one in rng.integers(0, 28, N)],
    }[method]
    columns = {
        "y": [name_of(one, label) for one in labels],
        "prediction": list(predicted.reshape(N, -1)),
        "other_prediction": list(baseline.reshape(N, -1)),
        "key": key,
        "site": [None if rng.random() < 0.2 else int(one) for one in rng.integers(-1, 3, N)],
        "dose": [None if rng.random() < 0.2 else float(one) for one in rng.choice([0.1, 2.0, 1e-7], N)],
        "name": [None if rng.random() < 0.2 else str(one) for one in rng.choice(["01", "ñandú", ""], N)],
        "many": [[*map(str, rng.choice(["a", "b"], rng.integers(0, 4)))] for _ in range(N)],
    }
    slices = [("site",), ("dose",), ("name", "site"), ("site", "name"), ("many",), ("many", "dose"), ("absent",)]
    task = PredictionTask(
        problem=problem,
        label=label,
        features={"x": FeatureKind.NUMERIC},
        split=SplitSettings(method=method, key=None if method == "hash" else "key"),
    )
    metric, higher = {"classification": ("macro_f1", True)}.get(problem, ("mae", False))
    bound = float(rng.uniform(0, 1.2))
    settings = EvaluationSettings.model_validate(
        {
            "thresholds": {metric: {"lower" if higher else "upper": bound}} if rng.random() < 0.7 else {},
            "change": {"metric": metric, "tolerance": float(rng.uniform(0, 0.2))} if rng.random() < 0.7 else None,
            "beats_trivial": bool(rng.random() < 0.7),
            "slices": [slices[place] for place in rng.choice(len(slices), 4, replace=False)],
        }
    )
    return Case(task, settings, columns, shape, bool(rng.random() < 0.6))


def make_labels(problem: Problem, rng: np.random.Generator) -> tuple[Label, np.ndarray, tuple[int, ...]]:
    """A label, its values for each record, and the shape of what a model predicts of one."""
    if problem is Problem.CLASSIFICATION:
        values = [("no", "yes"), ("0", "1", "2")][rng.integers(2)]
        return Label(name="y", values=values), rng.integers(0, len(values), N), (len(values),)
    quantiles = [(), (0.1, 0.5, 0.9)][rng.integers(2)]
    steps = 4 if problem is Problem.FORECAST else 1
    label = Label(name="y", steps=steps, quantiles=quantiles)
    labels = rng.normal(size=(N, steps)).astype(np.float32)
    shape = ((steps,) if problem is Problem.FORECAST else ()) + ((len(quantiles),) if quantiles else ())
    return label, labels, shape


def name_of(label: Any, described: Label) -> Any:
    if not described.values:
        return label
    name = described.values[label]
    return int(name) if name.isdigit() else name


def read_messages(path: Path) -> dict[str, Any]:
    """The records of a file by their slice, as flat dicts of numbers and strings."""
    found = {}
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        document = json_format.MessageToDict(MESSAGES[path.name].FromString(record))
        key = json.dumps(document.get("sliceKey"))
        assert key not in found
        found[key] = dict(flatten(document))
    return found


def flatten(value: Any, place: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [pair for name, one in value.items() for pair in flatten(one, f"{place}.{name}")]
    if isinstance(value, list):
        return [pair for index, one in enumerate(value) for pair in flatten(one, f"{place}[{index}]")]
    return [(place, float(value) if value in ("NaN", "Infinity", "-Infinity") else value)]


@pytest.mark.parametrize(
    ("problem", "seed"),
    [
        (Problem.CLASSIFICATION, 0),
        pytest.param(Problem.CLASSIFICATION, 1, marks=pytest.mark.slow),
        (Problem.REGRESSION, 2),
        pytest.param(Problem.FORECAST, 3, marks=pytest.mark.slow),
        (Problem.FORECAST, 4),
    ],
)
def test_both_engines_write_the_same_evaluation(problem: Problem, seed: int, tmp_path: Path) -> None:
    case = make_case(problem, seed)
    write_examples(tmp_path / "examples", case.columns)
    save_model(tmp_path / "model", case.task, case.shape)
    save_model(tmp_path / "baseline", case.task, case.shape, "other_prediction")

    ours, stock = (
        run_evaluator(tmp_path, case.task, case.settings, engine, has_baseline=case.has_baseline)
        for engine in ("arrays", "beam")
    )

    folders = [Path(evaluation.uri) for evaluation, _ in (ours, stock)]
    names = [{path.name for path in folder.iterdir()} for folder in folders]
    assert names[0] == names[1] | {"predictions.parquet"}
    for name in MESSAGES:
        found, expected = (read_messages(folder / name) for folder in folders)
        assert found.keys() == expected.keys()
        for key, values in expected.items():
            assert found[key].keys() == values.keys()
            for place, value in values.items():
                exact = value if isinstance(value, str) else pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)
                assert found[key][place] == exact, f"{name} {key} {place}"
    assert (folders[0] / "eval_config.json").read_text() == (folders[1] / "eval_config.json").read_text()
    properties, expected = ({**blessing.mlmd_artifact.custom_properties} for _, blessing in (ours, stock))
    assert properties == expected
    files = [sorted(path.name for path in Path(one.uri).glob("*")) for _, one in (ours, stock)]
    assert files[0] == files[1]
    results = [load_eval_result(str(folder)).slicing_metrics for folder in folders]
    assert sorted(key for key, _ in results[0]) == sorted(key for key, _ in results[1])
    assert (
        load_validation_result(str(folders[0])).validation_ok == load_validation_result(str(folders[1])).validation_ok
    )
    stored = read_predictions(folders[0])
    assert stored is not None
    assert stored.scores.shape == (N, *case.shape)
    np.testing.assert_array_equal(stored.scores.reshape(N, -1), np.float32(case.columns["prediction"]))
    assert (stored.baseline_scores is not None) == case.has_baseline
