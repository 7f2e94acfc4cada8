"""What of a report the page shows: all of it, until it grows too large for one file."""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

from ...web_page.numbers import is_number
from ...web_page.plots import thin
from ..report import ClassEvaluation, Confusion, Curve, Distribution, Fairness, Note, OperatingPoints, Report, SliceRow

T = TypeVar("T")
NUM_WORST = 25
FEW_ROWS_FACTOR = 3
TOP_CONFUSIONS = 10
NUM_THRESHOLD_ROWS = 21

NOTE_SECTIONS = {
    "evaluation_missing": "verdict",
    "evaluation_unreadable": "verdict",
    "out_of_fold": "verdict",
    "one_column": "verdict",
    "gate_differs": "verdict",
    "baseline_missing": "comparison",
    "baseline_unusable": "comparison",
    "baseline_of_other_labels": "comparison",
    "records_without_label": "data",
    "records_without_prediction": "data",
    "columns_absent": "slices",
    "columns_of_several_values": "slices",
    "no_slices": "slices",
    "slices_suppressed": "slices",
    "no_fairness_columns": "fairness",
    "fairness_of_alert_label": "fairness",
    "curves_of_largest_classes": "curves",
    "classes_without_records": "curves",
    "confusion_folded": "confusion",
    "train_labels_unknown": "leaderboard",
    "importance_of_sample": "importance",
    "importance_skipped": "importance",
}


def section_of(note: Note, sections: Sequence[str]) -> str:
    """Returns the section that a note stands in: the verdict's where the page has no nearer one."""
    section = NOTE_SECTIONS.get(note.code, "verdict")
    return section if section in (*sections, "comparison") else "verdict"


@dataclasses.dataclass(frozen=True)
class Limits:
    """The most that the page shows of each kind."""

    slices: int = 400
    class_rows: int = 320
    classes: int = 12
    confusion: int = 24
    fairness: int = 36
    groups: int = 40
    features: int = 400
    distributions: int = 60
    bins: int = 24
    importance: int = 40
    points: int = 240
    scatter: int = 400
    error_rows: int = 200
    windows: int = 6
    steps: int = 240
    leaderboard: int = 100
    trials: int = 100

    def halved(self) -> "Limits":
        """Returns limits half as wide, of no kind less than two."""
        return Limits(**{name: max(2, limit // 2) for name, limit in dataclasses.asdict(self).items()})

    @property
    def are_tightest(self) -> bool:
        """Whether there is nothing left to halve."""
        return all(limit <= 2 for limit in dataclasses.asdict(self).values())


@dataclasses.dataclass(frozen=True)
class Rates:
    """What the counts at each threshold come to.

    Args:
        precision: list of floats; None where nothing is alerted.
        recall: list of floats; None where no record is of the class.
        alerted: list of floats. Share of the records.
        cost: list of floats. Per 1,000 records.
        cheapest: int. Place of the lowest cost, the first of several.
    """

    precision: list[float | None]
    recall: list[float | None]
    alerted: list[float]
    cost: list[float]
    cheapest: int


class Selection:
    """The parts of a report that are cut, each within its limit.

    Args:
        report: `Report`.
        limits: `Limits`.
    """

    def __init__(self, report: Report, limits: Limits) -> None:
        self.limits = limits
        self.slices = _slices(report, limits.slices)
        self.few_rows = FEW_ROWS_FACTOR * report.min_slice_rows
        classification = report.classification
        self.alert_label = classification.alert_label if classification else ""
        evaluated = classification.classes if classification else ()
        by_size = sorted(evaluated, key=lambda item: (item.label != self.alert_label, -item.rows))
        self.class_rows = _in_order(evaluated, by_size[: limits.class_rows])
        self.classes: list[ClassEvaluation] = _in_order(evaluated, by_size[: limits.classes])
        self.thresholds: dict[str, OperatingPoints] = {
            item.label: self._thin(item.operating_points)
            for item in self.classes
            if item.operating_points and _num_records(item.operating_points)
        }
        self.confusion = _fold(classification.confusion, limits.confusion) if classification else None
        self.top_confusions = _top_confusions(classification.confusion) if classification else []
        alert_first = sorted(report.fairness, key=lambda item: item.label != self.alert_label)
        self.fairness: list[Fairness] = _in_order(report.fairness, alert_first[: limits.fairness])
        self.distributions = sorted(report.data.distributions, key=_drift, reverse=True)[: limits.distributions]

    def curve(self, curve: Curve) -> Curve:
        """Returns a curve of no more points than the limit."""
        return Curve(x=tuple(thin(curve.x, self.limits.points)), y=tuple(thin(curve.y, self.limits.points)))

    def _thin(self, points: OperatingPoints) -> OperatingPoints:
        return OperatingPoints(**{name: tuple(thin(values, self.limits.points)) for name, values in points})


def rates_at(points: OperatingPoints, cost_false_positive: float, cost_false_negative: float) -> Rates:
    """Returns the rates and the cost at each threshold."""
    counts = list(
        zip(points.true_positives, points.false_positives, points.true_negatives, points.false_negatives, strict=True)
    )
    cost = [
        1000 * (cost_false_positive * fp + cost_false_negative * fn) / (tp + fp + tn + fn) for tp, fp, tn, fn in counts
    ]
    return Rates(
        precision=[tp / (tp + fp) if tp + fp else None for tp, fp, _, _ in counts],
        recall=[tp / (tp + fn) if tp + fn else None for tp, _, _, fn in counts],
        alerted=[(tp + fp) / (tp + fp + tn + fn) for tp, fp, tn, fn in counts],
        cost=cost,
        cheapest=cost.index(min(cost)),
    )


def threshold_rows(points: OperatingPoints, cheapest: int) -> list[int]:
    """Returns the places of thresholds for a table, that of the lowest cost among them."""
    return sorted({*thin(range(len(points.thresholds)), NUM_THRESHOLD_ROWS), cheapest})


def _num_records(points: OperatingPoints) -> int:
    """Returns how many records the counts are of; none where there is no threshold."""
    counts = (points.true_positives, points.false_positives, points.true_negatives, points.false_negatives)
    return sum(column[0] for column in counts) if points.thresholds else 0


def _slices(report: Report, limit: int) -> list[SliceRow]:
    """Returns all slices, or those with most records and the worst of each metric."""
    if len(report.slices) <= limit:
        return list(report.slices)
    kept = list(report.slices[:1])
    for metric, direction in report.metric_directions.items():
        valued = [row for row in report.slices if metric in row.metrics and is_number(row.metrics[metric].value)]
        sign = 1 if direction == "up" else -1
        worst = sorted(valued, key=lambda row: sign * (row.metrics[metric].value or 0))
        kept += worst[: min(NUM_WORST, limit // 8)]
    kept += sorted(report.slices, key=lambda row: -(row.rows or 0))
    unique = list({id(row): row for row in kept}.values())
    return _in_order(report.slices, unique[:limit])


def _in_order(items: Sequence[T], chosen: Sequence[T]) -> list[T]:
    kept = {id(item) for item in chosen}
    return [item for item in items if id(item) in kept]


def _drift(distribution: Distribution) -> float:
    """Returns the distance in units of its threshold, so that what drifted comes first."""
    if not is_number(distribution.distance):
        return -1.0
    return distribution.distance / distribution.threshold if distribution.threshold else distribution.distance


def _fold(confusion: Confusion, limit: int) -> tuple[tuple[str, ...], list[list[int]], int]:
    """Returns labels, counts and the number of classes that are folded into one last row and column.

    Folded are the classes with fewest records.
    """
    labels, counts = confusion.labels, confusion.counts
    if len(labels) <= limit:
        return labels, [list(row) for row in counts], 0
    largest = sorted(range(len(labels)), key=lambda i: -sum(counts[i]))[: limit - 1]
    position = {index: place for place, index in enumerate(sorted(largest))}
    folded = [[0] * limit for _ in range(limit)]
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            folded[position.get(i, limit - 1)][position.get(j, limit - 1)] += count
    return tuple(labels[i] for i in position), folded, len(labels) - len(position)


def _top_confusions(confusion: Confusion) -> list[tuple[str, str, int, float]]:
    """Returns true label, predicted label, records and their share of the true label's, most records first."""
    pairs = [
        (label, confusion.labels[j], count, count / sum(row))
        for i, (label, row) in enumerate(zip(confusion.labels, confusion.counts, strict=True))
        for j, count in enumerate(row)
        if i != j and count
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:TOP_CONFUSIONS]
