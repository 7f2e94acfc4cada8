"""Metrics of classifications, as in scikit-learn."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...features import Problem
from ...text import Text
from .. import statistics
from ..metric import Evidence, Metric, Values


class Accuracy(Metric):
    """The share of records whose class of the highest score is the label."""

    name = "accuracy"
    problems = (Problem.CLASSIFICATION,)
    lowest, highest = 0.0, 1.0
    title = Text(en="Accuracy", es="Exactitud")
    is_share = True

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the share for each row of weights."""
        return statistics.share(labels == predictions.argmax(axis=1), weights.T)


class MacroF1(Metric):
    """The unweighted mean F1 of the class of the highest score, over the classes in the labels or the predictions."""

    name = "macro_f1"
    problems = (Problem.CLASSIFICATION,)
    lowest, highest = 0.0, 1.0
    title = Text(en="Macro-F1", es="F1 macro")
    choice_priority = 1

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the mean for each row of weights."""
        rates = statistics.class_rates(labels, predictions.argmax(axis=1), predictions.shape[1], weights.T)
        return statistics.mean_where_known(rates[2])

    def evidence(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Evidence:
        """Returns the records that are predicted right of the class in the labels that has the fewest of them."""
        present = np.unique(labels)
        hits = np.bincount(labels[labels == predictions.argmax(axis=1)], minlength=int(present[-1]) + 1)
        return Evidence(rarest=int(hits[present].min()))


class AucOvr(Metric):
    """The mean exact one-vs-rest area under the ROC curve, over the classes that some records have and others not."""

    name = "auc_ovr"
    problems = (Problem.CLASSIFICATION,)
    lowest, highest = 0.0, 1.0
    title = Text(en="AUC (one vs rest)", es="AUC (uno contra el resto)")

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the mean for each row of weights."""
        return self.bind(labels, predictions)(weights)

    def bind(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Callable[[Values], Values]:
        """Returns the mean for each row of weights, as a function of them: the scores are sorted once."""
        areas = [statistics.auc(labels == k, predictions[:, k]) for k in np.unique(labels)]
        return lambda weights: statistics.mean_where_known(np.stack([area(weights.T) for area in areas]))


METRICS = [Accuracy(), MacroF1(), AucOvr()]
