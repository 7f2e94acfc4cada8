"""What is shown of a classifier, beside scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from yachay.components.evaluation_report.analysis.classification import MAX_CONFUSION_LABELS, classification, confusion
from yachay.components.evaluation_report.analysis.resampling import Resamples
from yachay.components.evaluation_report.report import Classification

LABELS = ("no", "perhaps", "yes")
N = 500


@pytest.fixture(scope="module")
def records() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    labels = rng.choice(3, N, p=[0.6, 0.3, 0.1])
    logits = 1.2 * np.eye(3)[labels] + rng.normal(size=(N, 3))
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def shown(records: tuple[np.ndarray, np.ndarray]) -> Classification:
    found, notes = classification(*records, LABELS, Resamples(N, 100, 1), "no", (1.0, 5.0))
    assert not notes
    return found


def test_single_numbers_are_scikit_learns(records: tuple[np.ndarray, np.ndarray], shown: Classification) -> None:
    labels, scores = records
    precision, recall, f1, rows = sklearn_metrics.precision_recall_fscore_support(labels, scores.argmax(axis=1))

    assert shown.log_loss.value == pytest.approx(sklearn_metrics.log_loss(labels, scores), abs=1e-9)
    assert shown.brier.value == pytest.approx(((scores - np.eye(3)[labels]) ** 2).sum(axis=1).mean(), abs=1e-12)
    for k, one in enumerate(shown.classes):
        is_class = labels == k
        assert one.rows == rows[k]
        assert one.auc.value == pytest.approx(sklearn_metrics.roc_auc_score(is_class, scores[:, k]), abs=1e-9)
        assert one.average_precision.value == pytest.approx(
            sklearn_metrics.average_precision_score(is_class, scores[:, k]), abs=1e-9
        )
        assert one.brier.value == pytest.approx(sklearn_metrics.brier_score_loss(is_class, scores[:, k]), abs=1e-9)
        assert [one.precision.value, one.recall.value, one.f1.value] == pytest.approx(
            [precision[k], recall[k], f1[k]], abs=1e-9
        )


def test_the_confusion_is_scikit_learns(records: tuple[np.ndarray, np.ndarray], shown: Classification) -> None:
    labels, scores = records

    assert shown.confusion.labels == LABELS
    assert (
        np.array(shown.confusion.counts).tolist()
        == sklearn_metrics.confusion_matrix(labels, scores.argmax(axis=1)).tolist()
    )


def test_the_points_of_curves_are_scikit_learns_with_both_ends(
    records: tuple[np.ndarray, np.ndarray], shown: Classification
) -> None:
    labels, scores = records
    for k, one in enumerate(shown.classes):
        x, y, _ = sklearn_metrics.roc_curve(labels == k, scores[:, k])
        precision, recall, _ = sklearn_metrics.precision_recall_curve(labels == k, scores[:, k])
        for curve, theirs in ((one.roc, (x, y)), (one.precision_recall, (recall[::-1], precision[::-1]))):
            assert curve is not None
            assert len(curve.x) <= 200
            points = np.stack([curve.x, curve.y], axis=1)
            exact = np.stack(theirs, axis=1)
            distances = np.abs(points[:, None] - exact[None]).max(axis=2).min(axis=1)
            assert distances.max() < 1e-6
            assert points[[0, -1]] == pytest.approx(exact[[0, -1]], abs=1e-6)


def test_the_gain_is_the_share_of_the_class_that_the_highest_scores_hold(
    records: tuple[np.ndarray, np.ndarray], shown: Classification
) -> None:
    labels, scores = records
    gain = shown.classes[2].gain
    assert gain is not None

    for x, y in list(zip(gain.x, gain.y, strict=True))[1::40]:
        alerted = np.argsort(-scores[:, 2], kind="stable")[: round(x * N)]
        assert y == pytest.approx((labels[alerted] == 2).sum() / (labels == 2).sum(), abs=1e-6)
    assert (gain.x[0], gain.y[0], gain.x[-1], gain.y[-1]) == (0, 0, 1, 1)


def test_operating_points_are_exact_counts(records: tuple[np.ndarray, np.ndarray], shown: Classification) -> None:
    labels, scores = records
    points = shown.classes[0].operating_points
    assert points is not None
    assert 150 <= len(points.thresholds) <= 202
    assert (points.thresholds[0], points.thresholds[-1]) == (0.0, 1.0)

    for index, threshold in enumerate(points.thresholds):
        alerted = scores[:, 0] >= threshold
        assert points.true_positives[index] == (alerted & (labels == 0)).sum()
        assert points.false_positives[index] == (alerted & (labels != 0)).sum()
        assert points.true_negatives[index] == (~alerted & (labels != 0)).sum()
        assert points.false_negatives[index] == (~alerted & (labels == 0)).sum()


def test_calibration_bins_hold_every_record_once(records: tuple[np.ndarray, np.ndarray], shown: Classification) -> None:
    labels, scores = records
    one = shown.classes[1]
    inside = (scores[:, 1] >= 0.2) & (scores[:, 1] < 0.3)

    assert sum(part.rows for part in one.calibration) == N
    assert (one.calibration[2].low, one.calibration[2].high, one.calibration[2].rows) == (0.2, 0.3, inside.sum())
    assert one.calibration[2].mean_score == pytest.approx(scores[inside, 1].mean())
    assert one.calibration[2].positive_rate.value == pytest.approx((labels[inside] == 1).mean())
    gaps = [
        part.rows * abs(part.mean_score - part.positive_rate.value)
        for part in one.calibration
        if part.mean_score is not None and part.positive_rate.value is not None
    ]
    assert one.expected_calibration_error.value == pytest.approx(sum(gaps) / N)


def test_a_score_of_one_lies_in_the_last_bin() -> None:
    scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 5)

    found, _ = classification(np.array([0, 1] * 5), scores, ("a", "b"), Resamples(10, 0, 1), "a")

    assert [part.rows for part in found.classes[0].calibration] == [5, *[0] * 8, 5]
    assert found.classes[0].calibration[4].positive_rate.value is None
    assert found.classes[0].scores_positive is not None
    assert found.classes[0].scores_positive.counts[-1] == 5


def test_a_class_without_a_record_has_no_curves_and_a_note_names_it() -> None:
    scores = np.tile([0.5, 0.3, 0.2], (20, 1))

    found, notes = classification(np.array([0, 1] * 10), scores, LABELS, Resamples(20, 50, 1), LABELS[-1])

    absent = found.classes[2]
    assert (absent.rows, absent.auc.value, absent.roc, absent.recall.value) == (0, None, None, None)
    assert [(note.code, note.values) for note in notes] == [("classes_without_records", {"count": 1, "labels": "yes"})]


def test_of_many_classes_the_largest_and_that_of_the_alert_have_curves() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(300), 3)
    labels[:90] = np.arange(90) % 11
    names = [f"c{k}" for k in range(300)]

    found, notes = classification(labels, rng.dirichlet(np.ones(300), 900), names, Resamples(900, 20, 1), "c299")

    assert len(found.classes) == 12
    assert found.classes[-1].label == "c299"
    assert {one.label for one in found.classes[:11]} == set(names[:11])
    assert len(found.confusion.labels) == MAX_CONFUSION_LABELS
    assert {note.code for note in notes} >= {"curves_of_largest_classes", "confusion_folded"}


def test_a_folded_confusion_keeps_every_record() -> None:
    labels = np.repeat(np.arange(50), np.arange(50, 0, -1))
    predicted = np.roll(labels, 3)

    folded = confusion(labels, predicted, [str(k) for k in range(50)])

    assert folded.labels == (*(str(k) for k in range(39)), "…")
    counts = np.array(folded.counts)
    assert counts.sum() == len(labels)
    assert counts[:39, :39].tolist() == sklearn_metrics.confusion_matrix(labels, predicted)[:39, :39].tolist()


def test_log_loss_and_average_precision_have_no_interval_of_few_records() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    scores = np.clip(0.3 + 0.4 * labels + rng.normal(0, 0.2, 300), 0.01, 0.99)

    def is_too_few(num: int) -> tuple[bool, bool]:
        resamples = Resamples(num, 50, 0)
        both = np.stack([1 - scores, scores], axis=1)[:num]
        shown, _ = classification(labels[:num], both, ("no", "yes"), resamples, "yes")
        return shown.log_loss.is_too_few, shown.classes[1].average_precision.is_too_few

    assert [is_too_few(num) for num in (99, 100, 299, 300)] == [
        (True, True),
        (False, True),
        (False, True),
        (False, False),
    ]
