"""What is shown of a classifier: confusion, curves, calibration and operating points."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn import metrics as sklearn_metrics

from ...evaluator.statistics import (
    Labels,
    Mask,
    Statistic,
    Values,
    auc_and_average_precision,
    calibration_gaps,
    group_sums,
    mean,
)
from ..report import (
    CalibrationBin,
    ClassEvaluation,
    Classification,
    Confusion,
    Curve,
    Estimate,
    Histogram,
    Note,
    OperatingPoints,
)
from .resampling import MIN_BINNED_RECORDS, Resamples
from .slices import MIN_CLASS_RECORDS

NUM_POINTS = 200
NUM_BINS = 10
NUM_HISTOGRAM_BINS = 20
MAX_CURVES = 12
MIN_CLUSTERS_OF_PRECISION = 20
MIN_LOSS_RECORDS = 100
MAX_CONFUSION_LABELS = 40
OTHER = "…"

_DIGITS = 6


def classification(
    labels: Labels,
    scores: Values,
    label_values: Sequence[str],
    resamples: Resamples,
    alert_label: str,
    costs: tuple[float, float] = (1.0, 1.0),
) -> tuple[Classification, list[Note]]:
    """Returns the numbers of a classifier, and notes on what was left out.

    Args:
        labels: int array of shape `(N,)`.
        scores: float array of shape `(N, K)`.
        label_values: sequence of K strings.
        resamples: `Resamples` of the records.
        alert_label: string. The class that is acted upon.
        costs: pair of floats: of an alert too many, and of a record that is not alerted.
    """
    notes = []
    num_classes, rows = len(label_values), np.bincount(labels, minlength=len(label_values))
    # The largest classes, and always the one that is acted upon.
    ranked = sorted(range(num_classes), key=lambda k: (label_values[k] != alert_label, -rows[k]))
    shown = sorted(ranked[:MAX_CURVES])
    if num_classes > MAX_CURVES:
        notes.append(Note(code="curves_of_largest_classes", values={"shown": MAX_CURVES, "classes": num_classes}))
    if absent := [label_values[k] for k in range(num_classes) if not rows[k]]:
        notes.append(
            Note(code="classes_without_records", values={"count": len(absent), "labels": ", ".join(absent[:10])})
        )
    if num_classes > MAX_CONFUSION_LABELS:
        notes.append(Note(code="confusion_folded", values={"shown": MAX_CONFUSION_LABELS, "classes": num_classes}))
    predicted = scores.argmax(axis=1)
    own = scores[np.arange(len(labels)), labels]
    squares = (scores**2).sum(axis=1) - 2 * own + 1
    losses = -np.log(np.clip(own, np.finfo(np.float64).eps, 1.0))
    classes = [_Class(label_values[k], labels == k, scores[:, k], resamples) for k in shown]
    outcomes = (np.where(labels == predicted, labels, -1), labels, predicted)
    hits, actual, alerted, brier, log_loss, *values = resamples.compute_each(
        [
            *(partial(_counts, one, num_classes, shown) for one in outcomes),
            lambda weights: mean(squares, weights),
            lambda weights: mean(losses, weights),
            *itertools.chain.from_iterable(one.statistics() for one in classes),
        ]
    )
    per_class = len(values) // len(classes)
    return Classification(
        labels=tuple(label_values),
        confusion=confusion(labels, predicted, label_values),
        classes=tuple(
            one.evaluate(
                [found[index] for found in (hits, actual, alerted)], values[index * per_class : (index + 1) * per_class]
            )
            for index, one in enumerate(classes)
        ),
        brier=resamples.estimate(brier, bounds=(0.0, 2.0), unseen=_unseen(squares, 2.0)),
        log_loss=resamples.estimate(
            log_loss,
            bounds=(0.0, None),
            is_enough=resamples.are_clustered or len(labels) >= MIN_LOSS_RECORDS,
            unseen=_unseen(losses, float(losses.max())),
        ),
        alert_label=alert_label,
        cost_false_positive=costs[0],
        cost_false_negative=costs[1],
    ), notes


def confusion(labels: Labels, predicted: Labels, label_values: Sequence[str]) -> Confusion:
    """Returns the counts of true by predicted class; beyond 40 classes the smallest ones are folded into one."""
    num_classes = len(label_values)
    names, place = list(label_values), np.arange(num_classes)
    if num_classes > MAX_CONFUSION_LABELS:
        rows = np.bincount(labels, minlength=num_classes)
        kept = np.sort(np.argsort(-rows, kind="stable")[: MAX_CONFUSION_LABELS - 1])
        place = np.full(num_classes, MAX_CONFUSION_LABELS - 1)
        place[kept] = np.arange(len(kept))
        names = [*(label_values[k] for k in kept), OTHER]
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (place[labels], place[predicted]), 1)
    return Confusion(labels=tuple(names), counts=tuple(tuple(row) for row in counts.tolist()))


class _Class:
    """A class against the rest.

    Args:
        label: string.
        is_positive: bool array of shape `(N,)`.
        scores: float array of shape `(N,)`.
        resamples: `Resamples` of the records.
    """

    def __init__(self, label: str, is_positive: Mask, scores: Values, resamples: Resamples) -> None:
        self._label, self._is_positive, self._scores, self._resamples = label, is_positive, scores, resamples
        self._squares = (scores - is_positive) ** 2
        self._edges = np.linspace(0, 1, NUM_BINS + 1)
        self._bins = np.clip(np.searchsorted(self._edges, scores, side="right") - 1, 0, NUM_BINS - 1)

    def statistics(self) -> list[Statistic]:
        """Returns the statistics whose values `evaluate` takes."""
        is_positive, scores, bins = self._is_positive, self._scores, self._bins
        return [
            auc_and_average_precision(is_positive, scores),
            lambda weights: calibration_gaps(bins, NUM_BINS, is_positive, scores, weights),
            lambda weights: mean(self._squares, weights),
            lambda weights: group_sums(bins, NUM_BINS, weights, is_positive.astype(np.float64)),
            lambda weights: group_sums(bins, NUM_BINS, weights),
        ]

    def evaluate(self, counts: Sequence[Values], values: Sequence[Values]) -> ClassEvaluation:
        """Returns the numbers of the class.

        Args:
            counts: three float arrays of shape `(R + 1,)`. Its records that are predicted right, its records, and
                those predicted to be of it.
            values: the values of its statistics for the records and each resample.
        """
        is_positive, scores, resamples = self._is_positive, self._scores, self._resamples
        hits, actual, alerted = counts
        (area, mean_precision), gaps, squares, *bins = values
        exists = bool(is_positive.any() and not is_positive.all())
        positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
        ranks = min(positives, negatives) >= MIN_CLASS_RECORDS
        # Of an area of 1, the variance of Newcombe (Statistics in Medicine 2006) is that of a share of so many records.
        of_area = 4 * positives * negatives / (len(scores) + 2)
        # Of few records, or groups of them, its interval holds the true value in 85 to 90 % only.
        least = MIN_CLUSTERS_OF_PRECISION if resamples.are_clustered else MIN_BINNED_RECORDS
        of_precision = {"is_enough": ranks and resamples.num_units() >= least}
        ranking: dict[str, Any] = {
            "bounds": (0.0, 1.0),
            "is_enough": ranks,
            "units_at_bound": of_area,
            "rarest": min(positives, negatives),
        }
        return ClassEvaluation(
            label=self._label,
            rows=int(is_positive.sum()),
            auc=resamples.estimate(area, **ranking),
            average_precision=resamples.estimate(mean_precision, **ranking | of_precision),
            expected_calibration_error=resamples.calibration_error(gaps),
            brier=resamples.estimate(squares, bounds=(0.0, 1.0), unseen=_unseen(self._squares, 1.0)),
            precision=resamples.share(hits, alerted),
            recall=resamples.share(hits, actual),
            f1=f1_estimate(resamples.share(hits, actual + alerted - hits)),
            roc=_roc(is_positive, scores) if exists else None,
            precision_recall=_precision_recall(is_positive, scores) if exists else None,
            gain=_gain(is_positive, scores) if exists else None,
            calibration=self._calibration(*bins),
            scores_positive=_histogram(scores[is_positive]),
            scores_negative=_histogram(scores[~is_positive]),
            operating_points=operating_points(is_positive, scores),
        )

    def _calibration(self, hits: Values, of: Values) -> tuple[CalibrationBin, ...]:
        rows = np.bincount(self._bins, minlength=NUM_BINS)
        sums = np.bincount(self._bins, self._scores, NUM_BINS)
        return tuple(
            CalibrationBin(
                low=round(float(self._edges[index]), _DIGITS),
                high=round(float(self._edges[index + 1]), _DIGITS),
                rows=int(rows[index]),
                mean_score=float(sums[index] / rows[index]) if rows[index] else None,
                positive_rate=self._resamples.share(hits[index], of[index]),
            )
            for index in range(NUM_BINS)
        )


def f1_estimate(overlap: Estimate) -> Estimate:
    """Returns the F1 of the share of right predictions among the records that are of a class or predicted to be.

    F1 is `2 s / (1 + s)` of that share, so that its interval is that of the share (Lam et al., arXiv 2309.14621).
    """
    ends = {name: getattr(overlap, name) for name in ("value", "low", "high")}
    return overlap.model_copy(update={name: 2 * end / (1 + end) for name, end in ends.items() if end is not None})


def _counts(groups: Labels, num_groups: int, shown: Sequence[int], weights: Values) -> Values:
    return group_sums(groups, num_groups, weights)[shown]


def _unseen(losses: Values, highest: float) -> float:
    """Returns the standard error that half a record of the highest loss would add.

    Of a model that is nearly always right, few records have nearly all of the loss, and often none of them is drawn.
    """
    return 0.5 * (highest - float(losses.mean())) / len(losses)


def operating_points(is_positive: Mask, scores: Values) -> OperatingPoints:
    """Returns exact counts at hundredths and at quantiles of the scores."""
    quantiles = np.quantile(scores, np.linspace(0, 1, NUM_POINTS - 100), method="lower")
    thresholds = np.unique(np.concatenate([np.linspace(0, 1, 101), np.floor(quantiles * 1e4) / 1e4]).round(4))
    positives, negatives = np.sort(scores[is_positive]), np.sort(scores[~is_positive])
    missed, rejected = np.searchsorted(positives, thresholds), np.searchsorted(negatives, thresholds)
    return OperatingPoints(
        thresholds=tuple(thresholds.tolist()),
        true_positives=tuple((len(positives) - missed).tolist()),
        false_positives=tuple((len(negatives) - rejected).tolist()),
        true_negatives=tuple(rejected.tolist()),
        false_negatives=tuple(missed.tolist()),
    )


def _roc(is_positive: Mask, scores: Values) -> Curve:
    false_positive_rate, true_positive_rate, _ = sklearn_metrics.roc_curve(is_positive, scores)
    return thinned(false_positive_rate, true_positive_rate)


def _precision_recall(is_positive: Mask, scores: Values) -> Curve:
    precision, recall, _ = sklearn_metrics.precision_recall_curve(is_positive, scores, drop_intermediate=True)
    return thinned(recall[::-1], precision[::-1])


def _gain(is_positive: Mask, scores: Values) -> Curve:
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    reached = np.cumsum(is_positive[order])[ends] / is_positive.sum()
    return thinned(np.append(0.0, (ends + 1) / len(scores)), np.append(0.0, reached))


def thinned(x: Values, y: Values, num_points: int = NUM_POINTS) -> Curve:
    """Returns some 200 of the points of a curve, evenly in their order, with both ends."""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(num_points, len(x))).round().astype(np.int64))
    return Curve(x=tuple(x[chosen].round(_DIGITS).tolist()), y=tuple(y[chosen].round(_DIGITS).tolist()))


def _histogram(scores: Values) -> Histogram:
    counts, edges = np.histogram(scores, NUM_HISTOGRAM_BINS, (0.0, 1.0))
    return Histogram(edges=tuple(edges.round(_DIGITS).tolist()), counts=tuple(counts.tolist()))
