"""The Evaluator as TFX runs it: forecasts, integer classes, a system's own metric, and the bound that chance sets."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfx.components.util import model_utils
from tfx.types import standard_artifacts

from yachay.components.evaluator.evaluation import Evaluation, read_evaluation
from yachay.components.evaluator.metric import measure, task_metrics
from yachay.components.evaluator.settings import EvaluationSettings
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask
from yachay.errors import DataError

from .conftest import run_evaluator, save_model, write_examples

pytestmark = pytest.mark.end_to_end

N, STEPS = 120, 4
QUANTILES = (0.1, 0.5, 0.9)

Evaluate = Callable[..., tuple[Evaluation, bool]]


# What Beam writes is compared with what arrays write in test_engines.py.
@pytest.fixture(params=["arrays", pytest.param("beam", marks=pytest.mark.slow)])
def evaluate(request: pytest.FixtureRequest, tmp_path: Path) -> Evaluate:
    """Runs the Evaluator on labels and predictions; returns its evaluation, and whether it blessed."""

    def run(
        task: PredictionTask,
        labels: np.ndarray,
        predictions: np.ndarray,
        settings: EvaluationSettings | None = None,
        columns: Mapping[str, Sequence[Any]] | None = None,
    ) -> tuple[Evaluation, bool]:
        save_model(tmp_path / "model", task, predictions.shape[1:])
        write_examples(tmp_path / "examples", {"y": labels, "prediction": predictions, **(columns or {})})
        evaluation, blessing = run_evaluator(tmp_path, task, settings or EvaluationSettings(), request.param)
        return read_evaluation(Path(evaluation.uri)), model_utils.is_model_blessed(blessing)

    return run


def make_task(problem: Problem, extensions: tuple[str, ...] = (), **label: Any) -> PredictionTask:
    return PredictionTask(
        problem=problem, label=Label(name="y", **label), features={"x": FeatureKind.NUMERIC}, extensions=extensions
    )


@pytest.mark.parametrize("quantiles", [(), QUANTILES])
def test_a_forecast_of_several_steps_is_measured_and_blessed(evaluate: Evaluate, quantiles: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    task = make_task(Problem.FORECAST, steps=STEPS, quantiles=quantiles)
    labels = rng.normal(size=(N, STEPS)).astype(np.float32)
    offsets = np.linspace(-1, 1, len(quantiles)) if quantiles else np.zeros(1)
    predictions = (labels[..., None] + 0.3 * rng.normal(size=(N, STEPS, 1)) + offsets).astype(np.float32)
    predictions = predictions if quantiles else predictions[..., 0]
    settings = EvaluationSettings.model_validate({"thresholds": {"mae": {"upper": 0.5}}, "slices": [["site"]]})

    evaluation, is_blessed = evaluate(task, labels, predictions, settings, {"site": np.arange(N) % 2})

    assert evaluation.metrics == pytest.approx(measure(task_metrics(task), labels, predictions), abs=1e-6)
    assert evaluation.slices.keys() == {(), (("site", "0"),), (("site", "1"),)}
    assert evaluation.trivial_p_value is not None
    assert evaluation.trivial_p_value < 1e-6
    assert is_blessed


def test_integer_classes_are_measured(evaluate: Evaluate) -> None:
    rng = np.random.default_rng(0)
    task = make_task(Problem.CLASSIFICATION, values=("0", "1", "2"))
    labels = rng.integers(0, 3, N)
    scores = (np.eye(3)[labels] + rng.random((N, 3))).astype(np.float32)

    evaluation, is_blessed = evaluate(task, labels, scores)

    assert evaluation.metrics == pytest.approx(measure(task_metrics(task), labels, scores), abs=1e-9)
    assert is_blessed


def test_a_label_that_is_no_class_ends_the_evaluation_with_its_value(evaluate: Evaluate) -> None:
    task = make_task(Problem.CLASSIFICATION, values=("0", "1", "2"))

    with pytest.raises((DataError, RuntimeError), match=r"label\.values: 0, 1, 2\. Received: '7'"):
        evaluate(task, np.where(np.arange(N) == 50, 7, np.arange(N) % 3), np.full((N, 3), 0.3, np.float32))


def test_a_constant_prediction_is_not_blessed_where_classes_are_imbalanced(evaluate: Evaluate) -> None:
    task = make_task(Problem.CLASSIFICATION, values=("0", "1"))
    labels = (np.arange(600) % 100 == 0).astype(int)
    scores = np.tile(np.float32([0.99, 0.01]), (600, 1))
    settings = EvaluationSettings.model_validate({"thresholds": {"accuracy": {"lower": 0.98}}})

    evaluation, is_blessed = evaluate(task, labels, scores, settings)

    assert evaluation.metrics["accuracy"] == pytest.approx(0.99)
    assert not is_blessed
    assert [str(failure) for failure in evaluation.failures] == [
        "no better than the best trivial prediction by more than chance: p-value 1.0000, above 0.05"
    ]


def test_a_constant_prediction_is_blessed_where_the_settings_do_not_mind(evaluate: Evaluate) -> None:
    task = make_task(Problem.CLASSIFICATION, values=("0", "1"))
    labels = (np.arange(600) % 100 == 0).astype(int)
    settings = EvaluationSettings.model_validate({"thresholds": {"accuracy": {"lower": 0.98}}, "beats_trivial": False})

    _, is_blessed = evaluate(task, labels, np.tile(np.float32([0.99, 0.01]), (600, 1)), settings)

    assert is_blessed


def test_a_metric_of_a_systems_own_module_is_measured_and_bounds(
    evaluate: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_bias_metric.py").write_text(
        "from yachay.components.evaluator.metric import Metric\n"
        "from yachay.components.features import Problem\n"
        "class Bias(Metric):\n"
        "    name = 'bias'\n"
        "    problems = (Problem.REGRESSION,)\n"
        "    def compute(self, labels, predictions, weights):\n"
        "        return weights @ (predictions - labels) / weights.sum(axis=1)\n"
        "METRICS = [Bias()]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    task = make_task(Problem.REGRESSION, extensions=("own_bias_metric",))
    labels = np.random.default_rng(0).normal(size=N).astype(np.float32)
    settings = EvaluationSettings.model_validate({"thresholds": {"bias": {"upper": 0.2}}})

    evaluation, is_blessed = evaluate(task, labels, labels + np.float32(0.25), settings)

    assert evaluation.metrics["bias"] == pytest.approx(0.25, abs=1e-6)
    assert [failure.metric for failure in evaluation.failures] == ["bias"]
    assert not is_blessed


def test_a_threshold_of_a_metric_that_the_task_lacks_is_rejected_where_the_pipeline_is_written() -> None:
    from tfx import types

    from yachay.components.evaluator.component import Evaluator
    from yachay.errors import ConfigurationError

    examples, model = types.Channel(standard_artifacts.Examples), types.Channel(standard_artifacts.Model)
    settings = EvaluationSettings.model_validate({"thresholds": {"acuracy": {"lower": 0.5}, "auc_ovr": {"lower": 2}}})

    with pytest.raises(ConfigurationError) as raised:
        Evaluator(examples, model, make_task(Problem.CLASSIFICATION, values=("a", "b")), settings)

    assert "received 'acuracy'. Did you mean 'accuracy'?" in str(raised.value)
    assert "thresholds.auc_ovr: expected `lower` <= 1, received 2.0: no model can meet it" in str(raised.value)
