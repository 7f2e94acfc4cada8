"""XGBoost, support vector machines and ordinal networks: what they export is what their library predicts."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from yachay.components.prediction_task import PredictionTask
from yachay.components.trainer.families import ordinal, svm, xgboost
from yachay.components.trainer.family import load_families
from yachay.components.trainer.settings import TrainerSettings, check_trainer
from yachay.components.trainer.table import Table
from yachay.components.trainer.target import Target
from yachay.errors import ConfigurationError

pytestmark = pytest.mark.integration

FAMILIES = load_families()


def largest_difference(model: object, features: dict[str, np.ndarray]) -> float:
    exported = model.scores({name: tf.constant(values) for name, values in features.items()})  # type: ignore[attr-defined]
    return float(np.abs(exported.numpy() - model.predict(features)).max())  # type: ignore[attr-defined]


@pytest.mark.parametrize("num_classes", [0, 2, 3, 5])
def test_xgboost_trees_are_exported_to_the_precision_of_its_sums(
    num_classes: int, make_table: Callable[..., Table]
) -> None:
    hyperparameters = xgboost.XgboostHyperparameters(n_estimators=40)
    model = xgboost.fit(make_table(num_classes), None, hyperparameters, seed=1)
    unseen = make_table(num_classes, num_rows=2000, seed=2)
    # Codes of what is missing or was never seen, and numbers on the conditions of the trees.
    unseen.features["course"][:200] = 7
    unseen.features["origin"][:200] = 399
    conditions = next(variable for variable in model.variables if variable.name.startswith("threshold")).numpy()
    unseen.features["grade"][200:400] = np.resize(conditions[np.isfinite(conditions)], 200)
    unseen.features["grade"][400:600] = np.nextafter(unseen.features["grade"][200:400], np.float32(np.inf))

    assert largest_difference(model, unseen.features) < 1e-6 * (1 if num_classes else 10)


def test_xgboost_quantiles_ascend_and_are_exported(make_table: Callable[..., Table]) -> None:
    table = dataclasses.replace(make_table(0), target=Target(quantiles=(0.1, 0.5, 0.9)))
    model = xgboost.fit(table, None, xgboost.XgboostHyperparameters(n_estimators=20), seed=1)
    unseen = make_table(0, seed=2).features

    assert largest_difference(model, unseen) < 1e-5
    predicted = model.predict(unseen)
    assert (np.diff(predicted, axis=1) >= 0).all()
    assert 0.6 < np.mean(table.labels > model.predict(table.features)[:, 0]) < 1


def test_xgboost_trains_the_same_trees_again(make_table: Callable[..., Table]) -> None:
    hyperparameters = xgboost.XgboostHyperparameters(n_estimators=10)
    first, second = (xgboost.fit(make_table(3), None, hyperparameters, seed=4) for _ in range(2))

    np.testing.assert_array_equal(first.predict(make_table(3).features), second.predict(make_table(3).features))


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
@pytest.mark.parametrize("num_classes", [0, 2, 3, 5])
def test_a_support_vector_machine_is_exported_as_scikit_learn_decides(
    kernel: str, num_classes: int, make_table: Callable[..., Table]
) -> None:
    table = make_table(num_classes, num_rows=400)
    model = svm.fit(table, None, svm.SvmHyperparameters(kernel=kernel), seed=1)
    unseen = make_table(num_classes, seed=2)

    assert largest_difference(model, unseen.features) < 1e-6 * (1 if num_classes else 10)
    if num_classes:
        assert np.mean(model.predict(unseen.features).argmax(axis=1) == unseen.labels) > 1.3 / num_classes


def test_a_support_vector_machine_takes_numbers_of_any_unit(make_table: Callable[..., Table]) -> None:
    table, unseen = make_table(0, num_rows=400), make_table(0, seed=2)
    numbers = {}
    for unit in (1.0, 1e-3, 1e5):
        labels = (unit * (table.labels + 7)).astype(np.float32)
        model = svm.fit(dataclasses.replace(table, labels=labels), None, svm.SvmHyperparameters(), seed=1)
        assert largest_difference(model, unseen.features) < 1e-5 * unit
        numbers[unit] = model.predict(unseen.features)[:, 0] / unit - 7

    assert np.corrcoef(numbers[1.0], unseen.labels)[0, 1] > 0.8
    np.testing.assert_allclose(numbers[1e-3], numbers[1.0], atol=1e-3)
    np.testing.assert_allclose(numbers[1e5], numbers[1.0], atol=1e-3)


def test_a_support_vector_machine_of_many_rows_is_trained_on_some(
    make_table: Callable[..., Table], caplog: pytest.LogCaptureFixture
) -> None:
    svm.fit(make_table(3), None, svm.SvmHyperparameters(max_rows=200), seed=1)

    assert "svm: trained on 200 of 300 rows (max_rows)" in caplog.text


@pytest.mark.parametrize("head", ["corn", "coral"])
def test_an_ordinal_network_gives_probabilities_of_classes_that_the_export_gives_too(
    head: str, make_table: Callable[..., Table]
) -> None:
    table = make_table(4)
    hyperparameters = ordinal.OrdinalHyperparameters(head=head, hidden_units=(16,), learning_rate=0.02)
    model = ordinal.fit(table, make_table(4, seed=1), hyperparameters, seed=1)
    scores = model.predict(table.features)

    assert largest_difference(model, table.features) < 1e-6
    assert (scores >= 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert np.abs(scores.argmax(axis=1) - table.labels).mean() < 0.9


def test_corn_learns_an_output_from_the_rows_beyond_the_class_before() -> None:
    targets = ordinal.beyond(np.array([0, 1, 3]), 4)
    outputs = np.zeros((3, 3), np.float32)

    assert targets.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]
    np.testing.assert_allclose(ordinal.corn_loss(targets, outputs), np.log(2) * np.array([1, 2, 3]), rtol=1e-6)
    np.testing.assert_allclose(ordinal.corn_scores(outputs[:1]), [[0.5, 0.25, 0.125, 0.125]])


def test_an_ordinal_network_needs_classes_with_an_order() -> None:
    fields = {
        "problem": "classification",
        "label": {"name": "y", "values": ["a", "b", "c"]},
        "features": {"x": "numeric"},
    }
    ordered = fields | {"label": {**fields["label"], "ordered": True}}  # type: ignore[dict-item]

    with pytest.raises(ConfigurationError, match=r"expected a family for a classification \(.*\), received 'ordinal'"):
        check_trainer(PredictionTask.model_validate(fields), TrainerSettings(family="ordinal"))
    check_trainer(PredictionTask.model_validate(ordered), TrainerSettings(family="ordinal"))
