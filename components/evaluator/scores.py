"""The numbers of a prediction: the one place where the gate, the command line and the page get them."""

import numpy as np
from sklearn import metrics as sklearn_metrics

LOWER_IS_BETTER = frozenset({"rmse", "mae"})


def classification_metrics(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Returns the metrics of a classification.

    Args:
        labels: int array of shape `(N,)`. The index of each record's class.
        scores: float array of shape `(N, K)`. The score of each class, each row in `[0, 1]` with sum 1.

    Returns:
        Dict with `accuracy` and `macro_f1` of the class of the highest score, and `auc_ovr`, the mean over classes of
        the exact one-vs-rest area under the ROC curve. As in scikit-learn, `macro_f1` is the mean over the classes
        that occur in the labels or the predictions; a class that is absent, or that every record has, is left out of
        `auc_ovr`, which is NaN where none is left.
    """
    predicted = scores.argmax(axis=1)
    areas = [
        sklearn_metrics.roc_auc_score(labels == k, scores[:, k])
        for k in range(scores.shape[1])
        if 0 < np.count_nonzero(labels == k) < len(labels)
    ]
    return {
        "accuracy": float(sklearn_metrics.accuracy_score(labels, predicted)),
        "macro_f1": float(sklearn_metrics.f1_score(labels, predicted, average="macro", zero_division=0.0)),
        "auc_ovr": float(np.mean(areas)) if areas else float("nan"),
    }


def regression_metrics(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Returns the metrics of a regression, in the unit of the label (`r2` has none).

    Args:
        labels: float array of shape `(N,)`.
        predictions: float array of shape `(N,)`.

    Returns:
        Dict with `rmse`, `mae` and `r2`; `r2` is NaN where the labels do not vary.
    """
    varies = len(labels) > 1 and float(np.ptp(labels)) > 0
    return {
        "rmse": float(sklearn_metrics.root_mean_squared_error(labels, predictions)),
        "mae": float(sklearn_metrics.mean_absolute_error(labels, predictions)),
        "r2": float(sklearn_metrics.r2_score(labels, predictions)) if varies else float("nan"),
    }
