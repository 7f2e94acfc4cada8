import numpy as np
import pytest

from yachay.components.evaluator.metric import measure
from yachay.components.evaluator.ranking import TopPrecision, WorstShareAuc
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask

AUC = WorstShareAuc(name="auc_worst", worst_share=0.2)
FIRST_3 = TopPrecision(name="top_3", worst_share=0.2, top=3)
# Ten records, the neediest two those with 5 and 10; the prediction puts 10 first, then 40, then 5.
SHARES = np.array([40.0, 5.0, 90.0, 10.0, 60.0, 70.0, 80.0, 50.0, 55.0, 65.0])
PREDICTED = np.array([15.0, 20.0, 85.0, 12.0, 61.0, 72.0, 79.0, 48.0, 57.0, 66.0])


def test_of_a_regression_the_lowest_labels_are_in_need() -> None:
    assert measure({"auc": AUC, "top": FIRST_3}, SHARES, PREDICTED) == pytest.approx({"auc": 15 / 16, "top": 2 / 3})


def test_of_a_classification_the_first_class_is_in_need() -> None:
    labels = np.where(SHARES <= 10, 0, 1)
    scores = np.stack([-PREDICTED, PREDICTED], axis=1)

    assert measure({"auc": AUC, "top": FIRST_3}, labels, scores) == pytest.approx({"auc": 15 / 16, "top": 2 / 3})


def test_the_area_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(1)
    labels = random.normal(size=200)
    predictions = labels + random.normal(size=200).round(1)
    worst = labels <= np.sort(labels)[39]

    assert measure({"auc": AUC}, labels, predictions)["auc"] == pytest.approx(roc_auc_score(worst, -predictions))


def test_a_resample_counts_each_record_as_often_as_it_was_drawn() -> None:
    weights = np.ones((3, 10))
    weights[1] = [0, 3, 1, 0, 1, 1, 1, 1, 1, 1]
    weights[2] = 0.2

    precisions = FIRST_3.compute(SHARES, PREDICTED, weights)

    assert precisions[:2] == pytest.approx([2 / 3, 1.0])
    assert np.isnan(precisions[2])


def test_of_quantiles_the_median_makes_the_order() -> None:
    task = PredictionTask(
        problem=Problem.REGRESSION,
        label=Label(name="share", quantiles=(0.1, 0.5, 0.9)),
        features={"x": FeatureKind.NUMERIC},
    )
    predictions = np.stack([-PREDICTED, PREDICTED, -PREDICTED], axis=1)
    bound = FIRST_3.for_task(task)

    assert bound is not None
    assert measure({"top": bound}, SHARES, predictions)["top"] == pytest.approx(2 / 3)
