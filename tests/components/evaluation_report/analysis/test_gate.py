"""The report beside what TFMA computes of the same records: slices, crossed ones, and the difference of two."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.api import dataframe
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer

from yachay.components.evaluation_report.analysis.predictions import Column, Predictions
from yachay.components.evaluation_report.analysis.resampling import Resamples
from yachay.components.evaluation_report.analysis.slices import slice_rows
from yachay.components.evaluator.eval_config import metric_config
from yachay.components.evaluator.evaluation import SliceKey, read_evaluation
from yachay.components.evaluator.metric import task_metrics
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask

pytestmark = pytest.mark.end_to_end

LABELS = ["no", "perhaps", "yes"]
TASK = PredictionTask(
    problem=Problem.CLASSIFICATION,
    label=Label(name="outcome", values=tuple(LABELS)),
    features={"dose": FeatureKind.NUMERIC},
)
N = 300


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    rng = np.random.default_rng(0)
    sex, labels = rng.integers(0, 2, N), rng.integers(0, 3, N)
    logits = (0.5 + 1.5 * sex)[:, None] * np.eye(3)[labels] + rng.normal(size=(N, 3))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns = {"sex": Column(("0", "1"), sex), "age": Column(("<20", ">=20"), rng.integers(0, 2, N))}
    return Predictions(labels, scores, None, columns, {}, ())


@pytest.fixture(scope="module")
def evaluation(predictions: Predictions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What TFMA writes of the same records, with the difference of two slices."""
    folder = tmp_path_factory.mktemp("evaluation")
    sex, age = (predictions.columns[name] for name in ("sex", "age"))
    table = pd.DataFrame(
        {
            "label": np.array(LABELS)[predictions.labels],
            "prediction": list(predictions.scores),
            "sex": np.array(sex.values)[sex.codes],
            "age": np.array(age.values)[age.codes],
        }
    )
    zero, one = (config_pb2.SlicingSpec(feature_values={"sex": value}) for value in "01")
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="label", prediction_key="prediction")],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            config_pb2.SlicingSpec(feature_keys=["sex"]),
            config_pb2.SlicingSpec(feature_keys=["sex", "age"]),
        ],
        cross_slicing_specs=[config_pb2.CrossSlicingSpec(baseline_spec=zero, slicing_specs=[one])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config(TASK, name) for name in task_metrics(TASK)])],
    )
    tfma.analyze_raw_data(table, config, output_path=str(folder))
    return folder


def ours(predictions: Predictions) -> dict[SliceKey, dict[str, float | None]]:
    specs = [["sex"], ["sex", "age"]]
    rows = slice_rows(predictions, task_metrics(TASK), Resamples(N, 0, 1), specs, (), None)
    return {tuple(sorted(row.slice.items())): {name: one.value for name, one in row.metrics.items()} for row in rows}


def test_each_slice_has_tfmas_numbers(predictions: Predictions, evaluation: Path) -> None:
    gate = read_evaluation(evaluation)
    slices = ours(predictions)

    theirs = {tuple(sorted(key)): metrics for key, metrics in gate.slices.items() if key}
    assert set(slices) == set(theirs)
    assert len(slices) == 6
    for key, metrics in slices.items():
        assert metrics == pytest.approx(theirs[key], abs=1e-6), key


def test_the_difference_of_two_slices_is_right_where_tfmas_table_calls_it_overall(
    predictions: Predictions, evaluation: Path
) -> None:
    records = metrics_plots_and_validations_writer.load_and_deserialize_metrics(str(evaluation))
    table = dataframe.metrics_as_dataframes(records).double_value
    accuracies = table[table["metric_keys", "name"] == "accuracy"]
    of_all = accuracies[accuracies["slices", "sex"].isna() & accuracies["slices", "age"].isna()]
    slices = ours(predictions)

    difference = slices[(("sex", "0"),)]["accuracy"] - slices[(("sex", "1"),)]["accuracy"]  # type: ignore[operator]
    overall = float((predictions.scores.argmax(axis=1) == predictions.labels).mean())
    assert sorted(of_all["metric_values", "double_value"]) == pytest.approx(sorted([difference, overall]))
    assert len(of_all) == 2  # TFMA's table has two rows of all records: it names no other slice for the difference.
    assert read_evaluation(evaluation).metrics["accuracy"] == pytest.approx(overall)
