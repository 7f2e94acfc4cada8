"""The verdict: what the gate compared, and the candidate beside the last blessed model."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from ...evaluator.evaluation import Evaluation, Failure
from ...evaluator.metric import Metric
from ...evaluator.statistics import Values
from ...evaluator.suppression import Slice as HiddenSlice
from ...evaluator.trivial import LEVEL, TRIVIAL_P_VALUE
from ..report import Comparison, Estimate, SliceEstimate, SliceRow, Threshold
from ..settings import ReportConfig
from . import intervals
from .resampling import Resamples, finite
from .slices import estimate_metric

MAX_FAILING_SLICES = 20
HIDDEN = "…"
"""Stands for the value of a column whose slice may not be shown."""


def thresholds(
    config: ReportConfig,
    metrics: Mapping[str, Estimate],
    baseline: Mapping[str, float],
    failures: Sequence[Failure] | None,
    slices: Sequence[SliceRow],
    trivial_p_value: float | None = None,
    hidden: Collection[HiddenSlice] = (),
) -> tuple[Threshold, ...]:
    """Returns the bounds of the gate, each with what it decided.

    Args:
        config: `ReportConfig`.
        metrics: mapping of metric to `Estimate` over all records.
        baseline: mapping of metric to the value of the last blessed model; empty where there is none.
        failures: sequence of the gate's `Failure`; None where they cannot be read, and the values decide.
        slices: sequence of `SliceRow`.
        trivial_p_value: float or None. As the gate has it.
        hidden: collection of slices whose values are left out, as `hidden_parts` returns it. Defaults to none.
    """
    found = []
    for name, bounds in config.evaluation.thresholds.items():
        value = metrics[name].value if name in metrics else None
        found.append(
            Threshold(
                metric=name,
                value=value,
                lower=bounds.lower,
                upper=bounds.upper,
                reason="; ".join(reason for reason in (bounds.lower_reason, bounds.upper_reason) if reason),
                is_met=_is_met(value, bounds.lower, bounds.upper, failures, name, is_change=False),
                margin=_margin(value, bounds.lower, bounds.upper),
                failing_slices=_failing(name, bounds.lower, bounds.upper, slices),
            )
        )
    if config.evaluation.beats_trivial and trivial_p_value is not None:
        found.append(
            Threshold(
                metric=TRIVIAL_P_VALUE,
                value=trivial_p_value,
                upper=LEVEL,
                is_met=_is_met(trivial_p_value, None, LEVEL, failures, TRIVIAL_P_VALUE, is_change=False),
                margin=LEVEL - trivial_p_value,
            )
        )
    # Without a last blessed model the gate compares nothing.
    change = config.evaluation.change
    if change is not None and baseline:
        found.append(_change(config.metrics[change.metric], change.tolerance, metrics, baseline, failures))
    shown = {(bound.metric, bound.is_change) for bound in found}
    # An Evaluator that is configured by hand may have others, and on slices.
    others = [one for one in failures or () if one.slice_key or (one.metric, one.is_change) not in shown]
    return (*found, *(_other(failure, frozenset(failure.slice_key) in hidden) for failure in others))


def comparisons(
    metrics: Mapping[str, Metric],
    candidate: Mapping[str, Values],
    baseline: Mapping[str, Values],
    labels: NDArray[Any],
    scores: tuple[Values, Values],
    resamples: Resamples,
    gate: Evaluation | None,
) -> tuple[Comparison, ...]:
    """Returns the metrics of both models on the same resamples.

    Args:
        metrics: mapping of name to `Metric`.
        candidate: mapping of metric to its values for the records and each resample.
        baseline: likewise of the last blessed model.
        labels: array of the records, as `Metric.compute` takes it.
        scores: pair of float arrays likewise: of the candidate and of the last blessed model.
        resamples: `Resamples` of the records.
        gate: `Evaluation`, whose values are shown where it has them.
    """
    found = []
    for name, values in candidate.items():
        ours = values[0] if gate is None else gate.metrics.get(name, values[0])
        theirs = baseline[name][0]
        if gate is not None and gate.baseline_metrics:
            theirs = gate.baseline_metrics.get(name, theirs)
        together = resamples.correlation(values, baseline[name])
        ends = intervals.difference(
            estimate_metric(metrics[name], values, labels, scores[0], resamples, value=ours, correlation=together),
            estimate_metric(
                metrics[name], baseline[name], labels, scores[1], resamples, value=theirs, correlation=together
            ),
            together,
        )
        difference = intervals.as_estimate(finite(ours - theirs), ends)
        found.append(
            Comparison(
                metric=name,
                candidate=finite(ours),
                baseline=finite(theirs),
                difference=difference,
                is_within_noise=None
                if difference.low is None or difference.high is None
                else difference.low <= 0 <= difference.high,
            )
        )
    return tuple(found)


def _change(
    metric: Metric,
    tolerance: float,
    metrics: Mapping[str, Estimate],
    baseline: Mapping[str, float],
    failures: Sequence[Failure] | None,
) -> Threshold:
    name = metric.name
    ours, theirs = metrics[name].value if name in metrics else None, finite(baseline.get(name, float("nan")))
    value = None if ours is None or theirs is None else ours - theirs
    lower, upper = (0.0 - tolerance, None) if metric.higher_is_better else (None, tolerance)
    return Threshold(
        metric=name,
        value=value,
        lower=lower,
        upper=upper,
        is_met=_is_met(value, lower, upper, failures, name, is_change=True),
        margin=_margin(value, lower, upper),
        is_change=True,
    )


def _other(failure: Failure, is_hidden: bool) -> Threshold:
    value = None if is_hidden else finite(failure.value)
    return Threshold(
        metric=failure.metric,
        value=value,
        lower=failure.lower,
        upper=failure.upper,
        is_met=False,
        margin=_margin(value, failure.lower, failure.upper),
        is_change=failure.is_change,
        slice={column: HIDDEN if is_hidden else value for column, value in failure.slice_key},
    )


def _is_met(
    value: float | None,
    lower: float | None,
    upper: float | None,
    failures: Sequence[Failure] | None,
    metric: str,
    *,
    is_change: bool,
) -> bool:
    if failures is not None:
        return not any(
            failure.metric == metric and failure.is_change == is_change and not failure.slice_key
            for failure in failures
        )
    margin = _margin(value, lower, upper)
    return margin is not None and margin >= 0


def _margin(value: float | None, lower: float | None, upper: float | None) -> float | None:
    if value is None:
        return None
    distances = [value - lower] if lower is not None else []
    distances += [upper - value] if upper is not None else []
    return min(distances, default=None)


def _failing(
    name: str, lower: float | None, upper: float | None, slices: Sequence[SliceRow]
) -> tuple[SliceEstimate, ...]:
    failing = []
    for row in slices:
        estimate = row.metrics.get(name)
        margin = None if estimate is None or not row.slice else _margin(estimate.value, lower, upper)
        if estimate is not None and margin is not None and margin < 0:
            failing.append((margin, SliceEstimate(slice=row.slice, rows=row.rows or 0, estimate=estimate)))
    failing.sort(key=lambda item: item[0])
    return tuple(part for _, part in failing[:MAX_FAILING_SLICES])
