"""Whether a last blessed model predicts what is asked for now."""

import json
from pathlib import Path
from typing import Any

import pytest

from yachay.components.evaluator.baseline import difference
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask

CLASSES = PredictionTask(
    problem=Problem.CLASSIFICATION,
    label=Label(name="grade", values=("A", "B")),
    features={"hours": FeatureKind.NUMERIC},
)
FORECAST = PredictionTask(
    problem=Problem.FORECAST, label=Label(name="ahead", steps=24, quantiles=(0.1, 0.5)),
    features={"hours": FeatureKind.NUMERIC},
)  # fmt: skip
OF_CLASSES = {"problem": "classification", "label": "grade", "labels": ["A", "B"], "steps": None, "quantiles": []}
OLD = {"problem": "classification", "label": "grade", "labels": ["A", "B"]}
OF_FORECAST = {"problem": "forecast", "label": "ahead", "labels": [], "steps": 24, "quantiles": [0.1, 0.5]}


def model(folder: Path, metadata: dict[str, Any] | None) -> str:
    if metadata is not None:
        (folder / "assets.extra").mkdir()
        (folder / "assets.extra" / "yachay.json").write_text(json.dumps(metadata))
    return str(folder)


@pytest.mark.parametrize(
    ("metadata", "task"),
    [(OF_CLASSES, CLASSES), (OF_FORECAST, FORECAST), (None, CLASSES), (OLD, CLASSES)],
)
def test_a_model_of_the_same_label_may_be_compared(tmp_path: Path, metadata: Any, task: PredictionTask) -> None:
    assert difference(model(tmp_path, metadata), task) == ""


@pytest.mark.parametrize(
    ("metadata", "task", "expected"),
    [
        (OF_CLASSES | {"labels": ["B", "A"]}, CLASSES, "labels: ['B', 'A'], now ['A', 'B']"),
        (OF_CLASSES | {"label": "class"}, CLASSES, "label: 'class', now 'grade'"),
        (OF_CLASSES, FORECAST, "problem: 'classification', now 'forecast'"),
        (OF_FORECAST | {"quantiles": [0.1, 0.5, 0.9]}, FORECAST, "quantiles: [0.1, 0.5, 0.9], now [0.1, 0.5]"),
        (OF_FORECAST | {"steps": 12}, FORECAST, "steps: 12, now 24"),
    ],
)
def test_a_model_of_another_label_is_named(tmp_path: Path, metadata: Any, task: PredictionTask, expected: str) -> None:
    assert difference(model(tmp_path, metadata), task) == expected
