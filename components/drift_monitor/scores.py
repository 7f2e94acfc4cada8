"""How good a classification is by its scores alone, and what of them must be kept for that.

Confidence-based performance estimation: where scores are calibrated probabilities, a prediction is right with the
probability that its score says, so that the expected confusion matrix follows from scores without labels (NannyML's
CBPE; Garg et al., "Leveraging unlabeled data to predict out-of-distribution performance", ICLR 2022, name it average
confidence). It holds where inputs shift and stays right of nothing where the relation of inputs and label changes, or
where the model meets inputs on which it is not calibrated.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_SCORE_BINS = 400
"""Bins of a score, for the area under the ROC curve: it is off by some .0005."""

Values = NDArray[np.float64]


@dataclasses.dataclass
class ScoreSums:
    """Sums over the rows of `W` windows of `K` classes.

    Args:
        rows: float array `(W,)`.
        hits: float array `(W, K)`. Sum of the scores of the predicted class, by that class.
        predicted: float array `(W, K)`. Rows by predicted class.
        expected: float array `(W, K)`. Sum of the scores of each class.
        histogram: float array `(W, K, NUM_SCORE_BINS, 2)`. Rows, and the sum of scores, by bins of each class's score.
    """

    rows: Values
    hits: Values
    predicted: Values
    expected: Values
    histogram: Values

    @classmethod
    def of(cls, scores: Values, windows: NDArray[np.int64], num_windows: int) -> "ScoreSums":
        """Returns the sums of scores `(N, K)` by window `(N,)`."""
        num_classes = scores.shape[1]
        best = scores.argmax(axis=1)
        place = windows * num_classes + best
        size = num_windows * num_classes
        histogram = np.empty((num_windows, num_classes, NUM_SCORE_BINS, 2))
        expected = np.empty((num_windows, num_classes))
        for k in range(num_classes):
            own = scores[:, k]
            bins = np.clip((own * NUM_SCORE_BINS).astype(np.int64), 0, NUM_SCORE_BINS - 1)
            bins += windows * NUM_SCORE_BINS
            for part, weights in enumerate((None, own)):
                counted = np.bincount(bins, weights, num_windows * NUM_SCORE_BINS)
                histogram[:, k, :, part] = counted.reshape(num_windows, NUM_SCORE_BINS)
            expected[:, k] = histogram[:, k, :, 1].sum(axis=1)
        return cls(
            rows=np.bincount(windows, minlength=num_windows).astype(np.float64),
            hits=np.bincount(place, scores[np.arange(len(scores)), best], size)
            .reshape(num_windows, num_classes)
            .astype(np.float64),
            predicted=np.bincount(place, minlength=size).reshape(num_windows, num_classes).astype(np.float64),
            expected=expected,
            histogram=histogram,
        )

    def to_row(self, window: int) -> Values:
        """Returns the sums of a window as one row, which may be added to others."""
        parts: list[Any] = [self.rows[window], self.hits[window], self.predicted[window], self.expected[window]]
        return np.concatenate([np.ravel(part) for part in (*parts, self.histogram[window])])


def estimate(row: Values, num_classes: int) -> dict[str, float]:
    """Returns the expected accuracy, macro-F1 and mean one-vs-rest AUC of the rows of `ScoreSums.to_row`."""
    rows = row[0]
    hits, predicted, expected = row[1 : 1 + 3 * num_classes].reshape(3, num_classes)
    histogram = row[1 + 3 * num_classes :].reshape(num_classes, NUM_SCORE_BINS, 2)
    is_there = predicted + expected > 0
    f1 = 2 * hits[is_there] / (predicted + expected)[is_there]
    areas = [area for area in map(_area, histogram) if np.isfinite(area)]
    return {
        "accuracy": float(hits.sum() / rows),
        "macro_f1": float(f1.mean()),
        "auc_ovr": float(np.mean(areas)) if areas else float("nan"),
    }


def _area(histogram: Values) -> float:
    """Returns the expected area under the ROC curve; rows of a bin are tied."""
    positive = histogram[:, 1]
    negative = histogram[:, 0] - positive
    total = positive.sum() * negative.sum()
    if total <= 0:
        return float("nan")
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / total)
