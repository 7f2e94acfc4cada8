"""What is shown of a regression or a forecast: errors by group, skill against baselines, residuals, windows."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ...evaluator.metrics.regression import point_predictions
from ...evaluator.statistics import Values, mean, unseen_rmse
from ...evaluator.suppression import Slice as HiddenSlice
from ..report import ErrorRow, ErrorTable, Estimate, Histogram, Regression, Window
from .predictions import Column
from .resampling import ALL_ROWS, Resamples, Rows, finite

NUM_RESIDUAL_BINS = 41
MAX_POINTS = 400
MAX_ERROR_ROWS = 100
NUM_WINDOWS = 4
ALL = "all"
STEP = "step"

_DIGITS = 6


def regression(
    labels: Values,
    predictions: Values,
    resamples: Resamples,
    quantiles: Sequence[float] = (),
    groups: Mapping[str, Column] | None = None,
    baselines: Mapping[str, Values] | None = None,
    unit: str = "",
    hidden: Collection[HiddenSlice] = (),
    seed: int = 0,
) -> Regression:
    """Returns the errors of a regression or a forecast: over all, by step ahead, and by groups.

    Args:
        labels: float array of shape `(N,)`, in the unit of the target; `(N, H)` of a forecast.
        predictions: float array of the same shape; with quantiles one more axis.
        resamples: `Resamples` of the N records.
        quantiles: sequence of floats. Defaults to none.
        groups: mapping of name (`hour`, `season`, ...) to `Column`. Defaults to none.
        baselines: mapping of name (`persistence`, `climatology`, ...) to float array of the labels' shape, NaN where it
            predicts nothing; skill is over the records where it does. Defaults to none.
        unit: string.
        hidden: collection of the groups to leave out, as `hidden_parts` returns it. Defaults to none.
        seed: int. Seed of the sample of points and windows.
    """
    num_rows, is_forecast = len(labels), labels.ndim > 1
    points = point_predictions(predictions, tuple(quantiles))
    truth, forecast = labels.reshape(num_rows, -1), points.reshape(num_rows, -1)
    errors = _Errors(
        truth,
        forecast,
        {name: values.reshape(num_rows, -1) for name, values in (baselines or {}).items()},
        _covered(labels, predictions, quantiles),
        resamples,
    )
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(truth.size)[:MAX_POINTS])
    overall = errors.row(ALL)
    tables = [ErrorTable(by=ALL, rows=(overall,))]
    if is_forecast:
        steps = tuple(errors.row(str(step + 1), steps=slice(step, step + 1)) for step in range(truth.shape[1]))
        tables.append(ErrorTable(by=STEP, rows=steps))
    for name, column in (groups or {}).items():
        rows = {value: np.flatnonzero(column.codes == code) for code, value in enumerate(column.values)}
        kept = {value: inside for value, inside in rows.items() if frozenset({(name, value)}) not in hidden}
        if kept:
            limited = list(kept.items())[:MAX_ERROR_ROWS]
            tables.append(ErrorTable(by=name, rows=tuple(errors.row(value, inside) for value, inside in limited)))
    windows: tuple[Window, ...] = ()
    if is_forecast:
        shown = np.sort(generator.permutation(num_rows)[:NUM_WINDOWS])
        bounds = (predictions[..., 0], predictions[..., -1]) if len(quantiles) > 1 else None
        windows = tuple(_window_of(int(row), truth, forecast, bounds) for row in shown)
    return Regression(
        unit=unit,
        residuals=_residual_histogram((forecast - truth).reshape(-1)),
        actual=tuple(truth.reshape(-1)[chosen].round(_DIGITS).tolist()),
        predicted=tuple(forecast.reshape(-1)[chosen].round(_DIGITS).tolist()),
        coverage=overall.coverage,
        nominal_coverage=round(quantiles[-1] - quantiles[0], _DIGITS) if len(quantiles) > 1 else None,
        tables=tuple(tables),
        windows=windows,
    )


def _covered(labels: Values, predictions: Values, quantiles: Sequence[float]) -> Values | None:
    """Returns which values lie between the first and the last quantile, `(N, H)`; None where they bound no interval."""
    if len(quantiles) < 2:
        return None
    inside = (predictions[..., 0] <= labels) & (labels <= predictions[..., -1])
    covered: Values = inside.reshape(len(labels), -1).astype(np.float64)
    return covered


def _window_of(row: int, truth: Values, forecast: Values, bounds: tuple[Values, Values] | None) -> Window:
    return window(
        f"#{row + 1}",
        [str(step + 1) for step in range(truth.shape[1])],
        truth[row],
        forecast[row],
        *(() if bounds is None else (bounds[0][row], bounds[1][row])),
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


@dataclasses.dataclass(frozen=True)
class _Errors:
    """What the rows of the tables are made from, each array of shape `(N, H)`."""

    truth: Values
    forecast: Values
    baselines: Mapping[str, Values]
    covered: Values | None
    resamples: Resamples

    def row(self, value: str, inside: Rows = ALL_ROWS, steps: slice = ALL_ROWS) -> ErrorRow:
        """Returns the errors of some records at some steps."""
        error = (self.forecast - self.truth)[inside][:, steps]
        # A record's mean over its steps: the mean of those is that over all.
        columns = [np.abs(error).mean(axis=1), (error**2).mean(axis=1), error.mean(axis=1)]
        if self.covered is not None:
            columns.append(self.covered[inside][:, steps].mean(axis=1))

        def means(weights: Values) -> Values:
            return np.stack([mean(column, weights) for column in columns])

        mae, squares, bias, *coverage = self.resamples.compute(means, inside)
        return ErrorRow(
            value=value,
            rows=len(error),
            mae=self.resamples.estimate(mae, inside, bounds=(0.0, None)),
            rmse=self.resamples.estimate(
                np.sqrt(squares), inside, bounds=(0.0, None), beyond=unseen_rmse(columns[1]) if len(error) else 0.0
            ),
            bias=self.resamples.estimate(bias, inside),
            skill={name: self._skill(baseline, inside, steps) for name, baseline in self.baselines.items()},
            coverage=self.resamples.estimate(coverage[0], inside, bounds=(0.0, 1.0)) if coverage else None,
        )

    def _skill(self, baseline: Values, inside: Rows, steps: slice) -> Estimate:
        rows = np.arange(len(self.truth))[inside]
        rows = rows[np.isfinite(baseline[rows][:, steps]).all(axis=1)]
        if not len(rows):
            return Estimate(value=None)
        truth = self.truth[rows][:, steps]
        ours = ((self.forecast[rows][:, steps] - truth) ** 2).mean(axis=1)
        theirs = ((baseline[rows][:, steps] - truth) ** 2).mean(axis=1)
        skills = self.resamples.compute(lambda weights: skill(ours, theirs, weights), rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = unseen_rmse(ours) / np.sqrt(theirs.mean())
        return self.resamples.estimate(skills, rows, bounds=(None, 1.0), beyond=beyond)


def _residual_histogram(residuals: Values) -> Histogram:
    limit = float(np.abs(residuals).max(initial=0.0)) or 1.0
    counts, edges = np.histogram(residuals, NUM_RESIDUAL_BINS, (-limit, limit))
    return Histogram(edges=tuple(edges.round(_DIGITS).tolist()), counts=tuple(counts.tolist()))


def _with_gaps(numbers: Values) -> tuple[float | None, ...]:
    return tuple(finite(round(float(number), _DIGITS)) for number in numbers)
