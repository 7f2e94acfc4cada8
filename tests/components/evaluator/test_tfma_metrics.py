from collections.abc import Sequence

import numpy as np
import pytest
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from yachay.components.evaluator.scores import classification_metrics, regression_metrics
from yachay.components.evaluator.tfma_metrics import METRICS, metric_config
from yachay.components.features import Problem

LABELS = ("no", "perhaps", "yes")


def computed(
    problem: Problem, labels: Sequence[object], predictions: np.ndarray, values: Sequence[str]
) -> dict[str, float]:
    """Runs the metrics as TFMA finds and runs them: from their `MetricConfig`, in two merged parts."""
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec()],
        metrics_specs=[
            config_pb2.MetricsSpec(metrics=[metric_config(problem, name, values) for name in METRICS[problem]])
        ],
    )
    computations = metric_specs.to_computations(config.metrics_specs, eval_config=config)
    [gather] = {c for c in computations if isinstance(c, metric_types.MetricComputation)}  # TFMA runs equal ones once
    parts = []
    for half in (slice(0, 7), slice(7, None)):
        accumulator = gather.combiner.create_accumulator()
        for label, prediction in zip(labels[half], predictions[half], strict=True):
            element = metric_types.StandardMetricInputs(
                {"labels": np.array([label]), "predictions": prediction, "example_weights": np.array([1.0])}
            )
            accumulator = gather.combiner.add_input(accumulator, element)
        parts.append(accumulator)
    gathered = gather.combiner.extract_output(gather.combiner.merge_accumulators(parts))
    results = {}
    for computation in computations:
        if isinstance(computation, metric_types.DerivedMetricComputation):
            results |= {key.name: value for key, value in computation.result(gathered).items()}
    return results


def test_a_classification_in_tfma_has_the_numbers_of_scores() -> None:
    rng = np.random.default_rng(1)
    indices = rng.integers(0, 3, 60)
    scores = rng.dirichlet(np.ones(3), 60).astype(np.float32)

    result = computed(Problem.CLASSIFICATION, [LABELS[index].encode() for index in indices], scores, LABELS)

    assert result == classification_metrics(indices, scores)


def test_a_regression_in_tfma_has_the_numbers_of_scores() -> None:
    rng = np.random.default_rng(1)
    labels, predictions = rng.normal(size=60), rng.normal(size=60)

    result = computed(Problem.REGRESSION, list(labels), predictions, ())

    assert result == pytest.approx(regression_metrics(labels, predictions))
