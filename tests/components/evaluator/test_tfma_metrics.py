from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from yachay.components.evaluator.eval_config import METRIC_CLASS, METRIC_MODULE, metric_config
from yachay.components.evaluator.metric import measure, task_metrics
from yachay.components.evaluator.tfma_metrics import TaskMetric
from yachay.components.evaluator.trivial import TRIVIAL_P_VALUE, trivial_p_value
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask, SplitSettings
from yachay.errors import DataError

LABELS = ("no", "perhaps", "yes")


def make_task(problem: Problem, **label: Any) -> PredictionTask:
    return PredictionTask(problem=problem, label=Label(name="y", **label), features={"x": FeatureKind.NUMERIC})


def computed(
    task: PredictionTask,
    labels: Sequence[object],
    predictions: np.ndarray,
    keys: Sequence[np.ndarray] = (),
    names: Sequence[str] = (),
) -> dict[str, float]:
    """Runs the metrics as TFMA finds and runs them: from their `MetricConfig`, in two merged parts."""
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec()],
        metrics_specs=[
            config_pb2.MetricsSpec(metrics=[metric_config(task, name) for name in names or task_metrics(task)])
        ],
    )
    computations = metric_specs.to_computations(config.metrics_specs, eval_config=config)
    [gather] = {c for c in computations if isinstance(c, metric_types.MetricComputation)}  # TFMA runs equal ones once
    parts = []
    for half in (slice(0, 7), slice(7, None)):
        accumulator = gather.combiner.create_accumulator()
        key_of = list(keys or [None] * len(labels))
        for label, prediction, key in zip(labels[half], predictions[half], key_of[half], strict=True):
            element = metric_types.StandardMetricInputs(
                {"labels": np.atleast_1d(label), "predictions": prediction, "example_weights": np.array([1.0])}
            )
            if key is not None:
                element["features"] = {task.split.key: key}
            accumulator = gather.combiner.add_input(accumulator, element)
        parts.append(accumulator)
    gathered = gather.combiner.extract_output(gather.combiner.merge_accumulators(parts))
    results = {}
    for computation in computations:
        if isinstance(computation, metric_types.DerivedMetricComputation):
            results |= {key.name: value for key, value in computation.result(gathered).items()}
    return results


def test_a_classification_in_tfma_has_the_numbers_of_its_metrics() -> None:
    rng = np.random.default_rng(1)
    indices = rng.integers(0, 3, 60)
    scores = rng.dirichlet(np.ones(3), 60).astype(np.float32)
    task = make_task(Problem.CLASSIFICATION, values=LABELS)

    result = computed(task, [LABELS[index].encode() for index in indices], scores)

    assert result == measure(task_metrics(task), indices, scores)


@pytest.mark.parametrize("kind", [np.int64, np.float32])
def test_classes_may_be_numbers_in_the_records(kind: type) -> None:
    rng = np.random.default_rng(1)
    indices, scores = rng.integers(0, 3, 60), rng.dirichlet(np.ones(3), 60)
    task = make_task(Problem.CLASSIFICATION, values=("0", "1", "2"))

    assert computed(task, list(indices.astype(kind)), scores) == measure(task_metrics(task), indices, scores)


def test_a_label_that_is_no_class_is_named() -> None:
    task = make_task(Problem.CLASSIFICATION, values=("0", "1"))

    with pytest.raises(DataError, match=r"'y' to be one of label\.values: 0, 1\. Received: '7', none\."):
        computed(task, [0, 7, np.array([])] * 4, np.full((12, 2), 0.5))


@pytest.mark.parametrize("shape", [(60,), (60, 1)])
def test_a_regression_in_tfma_has_the_numbers_of_its_metrics(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    labels, predictions = rng.normal(size=60), rng.normal(size=shape)
    task = make_task(Problem.REGRESSION)

    result = computed(task, list(labels), predictions)

    assert result == measure(task_metrics(task), labels, predictions.reshape(60))


@pytest.mark.parametrize("quantiles", [(), (0.1, 0.5, 0.9)])
def test_a_forecast_in_tfma_has_the_numbers_of_its_metrics(quantiles: tuple[float, ...]) -> None:
    rng = np.random.default_rng(1)
    labels, predictions = rng.normal(size=(60, 24)), rng.normal(size=(60, 24, len(quantiles) or 1)).squeeze()
    task = make_task(Problem.FORECAST, steps=24, quantiles=quantiles)

    assert computed(task, list(labels), predictions) == measure(task_metrics(task), labels, predictions)


def test_a_label_of_another_length_than_the_forecast_is_named() -> None:
    with pytest.raises(DataError, match=r"Expected 24 numbers in each record's 'y'\. Received: 23\."):
        computed(make_task(Problem.FORECAST, steps=24), list(np.zeros((9, 23))), np.zeros((9, 24)))


def test_predictions_of_another_length_than_the_forecast_are_named() -> None:
    with pytest.raises(DataError, match=r"predictions of the shape \(9, 24\) .* Received: \(9, 12\)"):
        computed(make_task(Problem.FORECAST, steps=24), list(np.zeros((9, 24))), np.zeros((9, 12)))


@pytest.mark.parametrize("is_text", [False, True])
def test_forecasts_of_one_period_count_as_one_finding(is_text: bool) -> None:
    """The keys come as TFMA gives them, in any order: arrays of one number or of the bytes of a time."""
    rng = np.random.default_rng(1)
    split = SplitSettings(method="time", key="day")
    task = make_task(Problem.FORECAST, steps=3).model_copy(update={"split": split})
    labels, days = rng.normal(size=(60, 3)), rng.permutation(60)
    predictions = labels * (0.1 + 0.1 * rng.random((60, 1)))
    dates = np.datetime64("1999-12-01") + days
    keys = [np.array([str(date).encode()], object) for date in dates] if is_text else [np.array([day]) for day in days]

    p_value = computed(task, list(labels), predictions, keys, [TRIVIAL_P_VALUE])[TRIVIAL_P_VALUE]

    assert p_value == trivial_p_value(task, labels, predictions, days // 5)
    assert p_value != trivial_p_value(task, labels, predictions)


def test_a_config_names_the_class_that_tfma_looks_up() -> None:
    assert (TaskMetric.__name__, TaskMetric.__module__) == (METRIC_CLASS, METRIC_MODULE)
