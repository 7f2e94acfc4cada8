"""What is shown of a regression or a forecast: errors by group, skill against baselines, residuals, windows."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...evaluator.statistics import Values, mean, share
from ..report import ErrorRow, ErrorTable, Estimate, Histogram, Regression, Window
from .predictions import Column
from .resampling import ALL_ROWS, Resamples, Rows, finite, to_estimate

NUM_RESIDUAL_BINS = 41
MAX_POINTS = 400
MAX_ERROR_ROWS = 100
ALL = "all"

_DIGITS = 6


def regression(
    labels: Values,
    predictions: Values,
    resamples: Resamples,
    groups: Mapping[str, Column] | None = None,
    baselines: Mapping[str, Values] | None = None,
    interval: tuple[Values, Values] | None = None,
    windows: Sequence[Window] = (),
    unit: str = "",
    min_rows: int = 10,
    seed: int = 0,
) -> Regression:
    """Returns the errors of a regression, or of a forecast with one row for each issue and horizon.

    Args:
        labels: float array of shape `(N,)`, in the unit of the target.
        predictions: float array of shape `(N,)`.
        resamples: `Resamples` of the N records.
        groups: mapping of name (`horizon`, `hour`, `season`, ...) to `Column`. Defaults to none.
        baselines: mapping of name (`persistence`, `climatology`, ...) to float array of shape `(N,)`, NaN where it says
            nothing; skill is over the records where it does. Defaults to none.
        interval: pair of float arrays of shape `(N,)`, the bounds of the forecast's interval.
        windows: sequence of `Window`, as `window` makes them.
        unit: string.
        min_rows: int. Groups of fewer records are left out.
        seed: int. Seed of the sample of points.
    """
    residuals = predictions - labels
    chosen = np.sort(np.random.default_rng(seed).permutation(len(labels))[:MAX_POINTS])
    coverage = None
    if interval is not None:
        covered = (interval[0] <= labels) & (labels <= interval[1])
        coverage = to_estimate(resamples.compute(lambda weights: share(covered, weights)))
    tables = [_error_table(ALL, {ALL: ALL_ROWS}, labels, predictions, resamples, baselines or {})]
    for name, column in (groups or {}).items():
        rows = {value: np.flatnonzero(column.codes == code) for code, value in enumerate(column.values)}
        kept = {value: inside for value, inside in rows.items() if len(inside) >= min_rows}
        if kept:
            limited = dict(list(kept.items())[:MAX_ERROR_ROWS])
            tables.append(_error_table(name, limited, labels, predictions, resamples, baselines or {}))
    return Regression(
        unit=unit,
        residuals=_residual_histogram(residuals),
        actual=tuple(labels[chosen].round(_DIGITS).tolist()),
        predicted=tuple(predictions[chosen].round(_DIGITS).tolist()),
        coverage=coverage,
        tables=tuple(tables),
        windows=tuple(windows),
    )


def window(
    title: str,
    times: Sequence[str],
    actual: Values,
    predicted: Values,
    lower: Values | None = None,
    upper: Values | None = None,
) -> Window:
    """Returns a stretch of truth and forecast; NaN becomes a gap."""
    return Window(
        title=title,
        x=tuple(times),
        actual=_with_gaps(actual),
        predicted=_with_gaps(predicted),
        lower=() if lower is None else _with_gaps(lower),
        upper=() if upper is None else _with_gaps(upper),
    )


def skill(squared_error: Values, baseline_squared_error: Values, weights: Values) -> Values:
    """Returns `1 - rmse / rmse of the baseline`: 1 is perfect, 0 no better (Murphy, 1988, of the RMSE)."""
    return 1 - np.sqrt(mean(squared_error, weights) / mean(baseline_squared_error, weights))


def _error_table(
    by: str,
    groups: Mapping[str, Rows],
    labels: Values,
    predictions: Values,
    resamples: Resamples,
    baselines: Mapping[str, Values],
) -> ErrorTable:
    errors = predictions - labels
    rows = []
    for value, inside in groups.items():
        error = errors[inside]

        def errors_of(weights: Values, error: Values = error) -> Values:
            return np.stack([mean(np.abs(error), weights), np.sqrt(mean(error**2, weights)), mean(error, weights)])

        mae, rmse, bias = (to_estimate(values) for values in resamples.compute(errors_of, inside))
        skills = {
            name: _skill_where_known(labels, errors, baseline, resamples, inside)
            for name, baseline in baselines.items()
        }
        rows.append(ErrorRow(value=value, rows=len(error), mae=mae, rmse=rmse, bias=bias, skill=skills))
    return ErrorTable(by=by, rows=tuple(rows))


def _skill_where_known(
    labels: Values, errors: Values, baseline: Values, resamples: Resamples, inside: Rows
) -> Estimate:
    rows = np.arange(len(labels))[inside]
    rows = rows[np.isfinite(baseline[rows])]
    if not len(rows):
        return Estimate(value=None)
    ours, theirs = errors[rows] ** 2, (baseline[rows] - labels[rows]) ** 2
    return to_estimate(resamples.compute(lambda weights: skill(ours, theirs, weights), rows))


def _residual_histogram(residuals: Values) -> Histogram:
    limit = float(np.abs(residuals).max(initial=0.0)) or 1.0
    counts, edges = np.histogram(residuals, NUM_RESIDUAL_BINS, (-limit, limit))
    return Histogram(edges=tuple(edges.round(_DIGITS).tolist()), counts=tuple(counts.tolist()))


def _with_gaps(numbers: Values) -> tuple[float | None, ...]:
    return tuple(finite(round(float(number), _DIGITS)) for number in numbers)
