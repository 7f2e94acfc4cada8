"""Judges what a log adds up to: each window of a version against its reference, and all of them together."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluator.metric import task_metrics
from ..features import Problem
from .counting import CLASS, LogCounts, WindowCounts
from .decision import adjusted
from .distance import compare
from .labels import Labels
from .reference import Distribution, FeatureReference, MetricReference, Reference
from .resampling import value_and_error
from .result import Comparison, Decision, Group, Interval, Performance, Reason
from .scores import estimate
from .settings import MonitorSettings

_Z = 1.959964
_NEW, _MISSING = -2, -1
"""The bins of new and of missing values."""
MIN_LABELS = 30
"""Labels of a window below which no metric is shown."""


@dataclasses.dataclass
class Judged:
    """What is found of a window.

    Args:
        counts: `WindowCounts`.
        features: list of `Comparison`.
        predictions: list of `Comparison`.
        groups: list of `Group`.
        estimated: dict of metric to `Performance`.
        measured: dict of metric to `Performance`.
        labels: int. Rows whose label is known.
        is_judged: bool. Whether the window has enough rows and, where that is asked for, is complete.
        reasons: list of `Reason`.
    """

    counts: WindowCounts
    features: list[Comparison] = dataclasses.field(default_factory=list)
    predictions: list[Comparison] = dataclasses.field(default_factory=list)
    groups: list[Group] = dataclasses.field(default_factory=list)
    estimated: dict[str, Performance] = dataclasses.field(default_factory=dict)
    measured: dict[str, Performance] = dataclasses.field(default_factory=dict)
    labels: int = 0
    is_judged: bool = False
    reasons: list[Reason] = dataclasses.field(default_factory=list)


class Judge:
    """Judges the windows of one model version.

    Args:
        reference: `Reference`.
        settings: `MonitorSettings`.
        log: `LogCounts`.
        labels: `Labels` or None.
        is_complete: function of a window and its counts. Whether no more rows are to come. Defaults to always.
    """

    def __init__(
        self,
        reference: Reference,
        settings: MonitorSettings,
        log: LogCounts,
        labels: Labels | None = None,
        is_complete: Callable[[int, WindowCounts], bool] = lambda window, counts: True,
    ) -> None:
        self._reference = reference
        self._settings = settings
        self._log = log
        self._labels = labels
        self._is_complete = is_complete
        self._classes = reference.config.task.label.values

    def judge(self, version: str, first_place: int) -> dict[int, Judged]:
        """Returns what is found of each window of a version.

        Args:
            version: string.
            first_place: int. Index of its first window among those of the result.
        """
        numbers = sorted(window for of, window in self._log.windows if of == version)
        found = {number: Judged(self._log.windows[version, number]) for number in numbers}
        places = {number: first_place + place for place, number in enumerate(numbers)}
        large = [number for number in numbers if self._is_judged(number, found[number].counts)]
        for feature in self._reference.features:
            of_feature = self._feature(feature, large, found)
            for number in numbers:
                found[number].features.append(of_feature.get(number) or _too_few(feature.name, feature.kind))
        predictions = self._reference.predictions
        if predictions is not None:
            for name, distribution in predictions.outputs.items():
                tables = {number: found[number].counts.outputs.get(name) for number in large}
                compared = self._compare(name, "prediction", distribution, tables)
                for number in numbers:
                    found[number].predictions.append(compared.get(number) or _too_few(name, "prediction"))
            for column, groups in predictions.slices.items():
                for group, distribution in groups.items():
                    self._group(column, group, distribution, large, found)
        for number in large:
            self._estimate(found[number])
            found[number].is_judged = True
        if self._labels is not None:
            self._measure(version, self._labels, found)
        self._decide(found, places)
        return found

    def _is_judged(self, number: int, counts: WindowCounts) -> bool:
        is_ready = self._settings.is_open_judged or self._is_complete(number, counts)
        return is_ready and counts.rows >= self._settings.min_rows

    def _feature(
        self, feature: FeatureReference, large: Sequence[int], found: Mapping[int, Judged]
    ) -> dict[int, Comparison]:
        name = feature.name
        if feature.distribution is None:
            reason = "time"
        elif name in self._log.hashed:
            reason = "hashed"
        elif name not in self._log.logged:
            reason = "not_logged"
        else:
            tables = {number: found[number].counts.features.get(name) for number in large}
            compared = self._compare(name, feature.kind, feature.distribution, tables)
            return {
                number: one.model_copy(
                    update={"out_of_range": found[number].counts.out_of_range.get(name, 0) / found[number].counts.rows}
                )
                if feature.low is not None or feature.high is not None
                else one
                for number, one in compared.items()
            }
        return {number: Comparison(name=name, kind=feature.kind, reason=reason) for number in found}

    def _compare(
        self, name: str, kind: str, distribution: Distribution, tables: Mapping[int, NDArray[np.int64] | None]
    ) -> dict[int, Comparison]:
        given = {number: table for number, table in tables.items() if table is not None and table.sum() > 0}
        before = np.array(distribution.counts)
        if not given or not before.sum():
            return {}
        distances = compare(
            before, np.stack(list(given.values())), {_NEW: distribution.singletons, _MISSING: int(before[-1])}
        )
        found = {}
        for place, (number, table) in enumerate(given.items()):
            shares = table / table.sum()
            found[number] = Comparison(
                name=name,
                kind=kind,
                distance=float(distances.value[place]),
                interval=(float(distances.low[place]), float(distances.high[place])),
                raw_distance=float(distances.raw[place]),
                p_value=float(distances.p_value[place]),
                missing=float(shares[-1]),
                missing_before=float(before[-1] / before.sum()),
                unseen=float(shares[-2]) if distribution.kind == "categorical" and not distribution.is_open else None,
                decision="quiet",
            )
        return found

    def _group(
        self, column: str, group: str, before: Distribution, large: Sequence[int], found: Mapping[int, Judged]
    ) -> None:
        predictions = self._reference.predictions
        if predictions is None:
            return
        tables = {number: found[number].counts.slices.get((column, group)) for number in large}
        least = self._settings.min_rows
        enough = {number: table for number, table in tables.items() if table is not None and table.sum() >= least}
        kind = CLASS if self._classes else "value"
        compared = self._compare(kind, "prediction", before, enough)
        for number, table in tables.items():
            if table is None:
                continue
            counts, rows = found[number].counts, int(table.sum())
            estimated = {}
            accuracy = predictions.metrics.get("accuracy")
            if self._classes and rows >= least and accuracy is not None:
                value = counts.confidence[column, group] / rows
                estimated["accuracy"] = _estimated(value, accuracy, rows, predictions.rows, has_reference=False)
            found[number].groups.append(
                Group(
                    column=column,
                    group=group,
                    rows=rows,
                    share=rows / counts.rows,
                    share_before=sum(before.counts) / predictions.rows,
                    predictions=compared.get(number) or _too_few(kind, "prediction"),
                    estimated=estimated,
                )
            )

    def _estimate(self, judged: Judged) -> None:
        predictions, scores = self._reference.predictions, judged.counts.scores
        if predictions is None or scores is None:
            return
        for name, value in estimate(scores, len(self._classes)).items():
            before = predictions.metrics.get(name)
            if before is not None and np.isfinite(value):
                judged.estimated[name] = _estimated(value, before, judged.counts.rows, predictions.rows)

    def _measure(self, version: str, labels: Labels, found: Mapping[int, Judged]) -> None:
        parts = [part for part in self._log.labelled if part.version == version]
        if not parts:
            return
        windows, places = (np.concatenate([getattr(part, name) for part in parts]) for name in ("windows", "places"))
        outputs = np.concatenate([part.outputs for part in parts])
        values = labels.values[places]
        columns = {name for part in parts for name in part.groups}
        groups = {name: np.concatenate([part.groups[name] for part in parts]) for name in columns}
        predictions = self._reference.predictions
        for number, judged in found.items():
            rows = np.flatnonzero(windows == number)
            judged.labels = len(rows)
            if not (self._settings.is_open_judged or self._is_complete(number, judged.counts)):
                continue
            judged.measured = self._metrics(values[rows], outputs[rows])
            for place, one in enumerate(judged.groups):
                if predictions is None or one.column not in groups:
                    continue
                index = list(predictions.slices[one.column]).index(one.group)
                own = rows[groups[one.column][rows] == index]
                measured = {
                    name: performance.model_copy(update={"reference": None, "p_value": None})
                    for name, performance in self._metrics(values[own], outputs[own]).items()
                }
                judged.groups[place] = one.model_copy(update={"measured": measured})

    def _metrics(self, labels: NDArray[Any], outputs: NDArray[np.float64]) -> dict[str, Performance]:
        if len(labels) < MIN_LABELS:
            return {}
        predictions = self._reference.predictions
        found = {}
        for name, metric in task_metrics(self._reference.config.task).items():
            value, error = value_and_error(metric, labels, outputs)
            if not np.isfinite(value):
                continue
            before = None if predictions is None else predictions.metrics.get(name)
            found[name] = Performance(
                value=value,
                interval=_interval(value, error, metric.lowest, metric.highest),
                reference=None if before is None else before.value,
                rows=len(labels),
                p_value=None if before is None else _worse(value, error, before),
            )
        return found

    def _decide(self, found: Mapping[int, Judged], places: Mapping[int, int]) -> None:
        """Decides all comparisons of the version together."""
        tests: list[tuple[float, Callable[[float], None]]] = []
        for number, judged in found.items():
            place = places[number]
            for kind, comparisons in (("feature", judged.features), ("prediction", judged.predictions)):
                tests += self._tests(kind, comparisons, place, judged)
            tests += self._group_tests(judged, place)
            tests += self._metric_tests(judged, place)
        for (_, settle), p_value in zip(tests, adjusted([p for p, _ in tests]), strict=True):
            settle(float(p_value))

    def _tests(
        self, kind: Any, comparisons: list[Comparison], window: int, judged: Judged
    ) -> Iterable[tuple[float, Callable[[float], None]]]:
        for place, one in enumerate(comparisons):
            comparisons[place] = one = one.model_copy(update={"window": window})
            if one.p_value is None:
                continue

            def settle(p_value: float, place: int = place, one: Comparison = one) -> None:
                comparisons[place] = self._settled(one, p_value)
                if comparisons[place].decision == "drift":
                    judged.reasons.append(Reason(kind=kind, name=one.name, window=window, distance=one.distance))

            yield one.p_value, settle

    def _group_tests(self, judged: Judged, window: int) -> Iterable[tuple[float, Callable[[float], None]]]:
        for place, one in enumerate(judged.groups):
            if one.predictions.p_value is None:
                continue

            def settle(p_value: float, place: int = place, one: Group = one) -> None:
                settled = self._settled(one.predictions.model_copy(update={"window": window}), p_value)
                judged.groups[place] = judged.groups[place].model_copy(update={"predictions": settled})
                if settled.decision == "drift":
                    name = f"{one.column}={one.group}"
                    judged.reasons.append(Reason(kind="group", name=name, window=window, distance=settled.distance))

            yield one.predictions.p_value, settle

    def _metric_tests(self, judged: Judged, window: int) -> Iterable[tuple[float, Callable[[float], None]]]:
        for name, one in judged.measured.items():
            if one.p_value is None or one.reference is None:
                continue

            def settle(p_value: float, name: str = name, one: Performance = one) -> None:
                decision = self._fallen(one, p_value, name)
                judged.measured[name] = one.model_copy(update={"p_value": p_value, "decision": decision})
                if decision == "drift":
                    judged.reasons.append(
                        Reason(kind="measured", name=name, window=window, value=one.value, reference=one.reference)
                    )

            yield one.p_value, settle

    def _settled(self, one: Comparison, p_value: float) -> Comparison:
        is_sure = p_value <= self._settings.false_alarms
        is_large = (one.distance or 0) >= self._settings.min_distance
        decision: Decision = ("drift" if is_large else "slight") if is_sure else "quiet"
        return one.model_copy(update={"p_value": p_value, "decision": decision})

    def _fallen(self, one: Performance, p_value: float, name: str) -> Decision:
        if p_value > self._settings.false_alarms or one.reference is None or self._reference.predictions is None:
            return "quiet"
        is_share = self._reference.predictions.metrics[name].is_share
        fall = abs(one.value - one.reference) / (1.0 if is_share else abs(one.reference) or 1.0)
        return "drift" if fall >= self._settings.min_fall else "slight"


def warnings_of(reference: Reference, windows: Iterable[Judged]) -> tuple[str, ...]:
    """Returns why estimated metrics may be wrong."""
    found = []
    if reference.predictions is not None and reference.config.task.problem is Problem.CLASSIFICATION:
        for metric in reference.predictions.metrics.values():
            if metric.estimated is not None and abs(metric.estimated - metric.value) > _Z * metric.error:
                found.append("miscalibrated")
    comparisons = [one for judged in windows for one in judged.features]
    if any(one.decision == "drift" for one in comparisons):
        found.append("covariate_shift")
    if any((one.unseen or 0) + (one.out_of_range or 0) > 0.01 for one in comparisons):
        found.append("new_values")
    return tuple(dict.fromkeys(found))


def _too_few(name: str, kind: str) -> Comparison:
    return Comparison(name=name, kind=kind, decision="too_few")


def _estimated(
    value: float, before: MetricReference, rows: int, rows_before: int, has_reference: bool = True
) -> Performance:
    """Returns an estimate: its error is that of as many labelled rows, and of the calibration on those before."""
    error = before.error * float(np.sqrt(rows_before / rows + 1))
    interval = _interval(value, error, 0.0, 1.0)
    is_worse = has_reference and interval[1] < before.value
    return Performance(
        value=value,
        interval=interval,
        reference=before.value if has_reference else None,
        rows=rows,
        decision="slight" if is_worse else "quiet",
    )


def _interval(value: float, error: float, lowest: float | None, highest: float | None) -> Interval:
    low, high = value - _Z * error, value + _Z * error
    return (low if lowest is None else max(low, lowest), high if highest is None else min(high, highest))


def _worse(value: float, error: float, before: MetricReference) -> float:
    """Returns the p-value of the test that a metric is no worse than before, by its distance in standard errors."""
    from scipy.stats import norm

    spread = float(np.hypot(error, before.error))
    fall = before.value - value if before.higher_is_better else value - before.value
    if spread <= 0:
        return 0.0 if fall > 0 else 1.0
    return float(norm.sf(fall / spread))
