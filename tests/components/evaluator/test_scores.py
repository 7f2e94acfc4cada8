import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from yachay.components.evaluator.scores import classification_metrics, regression_metrics


def test_classification_metrics_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 500)
    scores = rng.dirichlet(np.ones(3), 500)

    result = classification_metrics(labels, scores)

    assert result["accuracy"] == pytest.approx(accuracy_score(labels, scores.argmax(axis=1)))
    assert result["macro_f1"] == pytest.approx(f1_score(labels, scores.argmax(axis=1), average="macro"))
    assert result["auc_ovr"] == pytest.approx(roc_auc_score(labels, scores, multi_class="ovr"))


def test_a_class_without_records_is_left_out_of_the_area() -> None:
    labels = np.array([0, 1, 0, 1])
    scores = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])

    assert classification_metrics(labels, scores)["auc_ovr"] == 1.0


def test_the_area_of_one_class_alone_is_not_a_number() -> None:
    assert math.isnan(classification_metrics(np.zeros(4, int), np.tile([0.7, 0.3], (4, 1)))["auc_ovr"])


def test_regression_metrics_are_in_the_unit_of_the_label() -> None:
    result = regression_metrics(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))

    assert result["rmse"] == pytest.approx(math.sqrt(4 / 3))
    assert result["mae"] == pytest.approx(2 / 3)
    assert result["r2"] == pytest.approx(-1.0)


def test_labels_that_do_not_vary_have_no_coefficient_of_determination() -> None:
    assert math.isnan(regression_metrics(np.ones(3), np.ones(3))["r2"])
