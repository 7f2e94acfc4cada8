"""Errors of regressions and forecasts."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from yachay.components.evaluation_report.analysis.predictions import Column
from yachay.components.evaluation_report.analysis.regression import regression, window
from yachay.components.evaluation_report.analysis.resampling import Resamples
from yachay.components.evaluation_report.report import ErrorTable, Regression

N = 480


@pytest.fixture(scope="module")
def forecast() -> tuple[np.ndarray, np.ndarray, Column, np.ndarray]:
    """Truth, forecast, horizon and persistence, which says nothing of the first 20 records."""
    rng = np.random.default_rng(6)
    horizon = np.arange(N) % 3
    truth = rng.normal(20, 5, N)
    persistence = truth + rng.normal(0, 3, N)
    persistence[:20] = np.nan
    return truth, truth + rng.normal(0.5, 1 + horizon), Column(("1", "2", "3"), horizon), persistence


@pytest.fixture(scope="module")
def shown(forecast: tuple[np.ndarray, np.ndarray, Column, np.ndarray]) -> Regression:
    truth, predicted, horizon, persistence = forecast
    return regression(
        truth, predicted[:, None] + np.array([-2.0, 0.0, 2.0]), Resamples(N, 200, 1), (0.1, 0.5, 0.9),
        {"horizon": horizon}, {"persistence": persistence}, unit="degC",
    )  # fmt: skip


def table(shown: Regression, by: str) -> ErrorTable:
    return next(one for one in shown.tables if one.by == by)


def test_errors_of_all_records_are_scikit_learns(
    forecast: tuple[np.ndarray, np.ndarray, Column, np.ndarray], shown: Regression
) -> None:
    truth, predicted, _, _ = forecast
    [row] = table(shown, "all").rows

    assert row.rows == N
    assert row.rmse.value == pytest.approx(sklearn_metrics.root_mean_squared_error(truth, predicted))
    assert row.mae.value == pytest.approx(sklearn_metrics.mean_absolute_error(truth, predicted))
    assert row.bias.value == pytest.approx((predicted - truth).mean())
    assert row.rmse.low < row.rmse.value < row.rmse.high  # type: ignore[operator]


def test_errors_by_horizon_grow_as_they_were_made(
    forecast: tuple[np.ndarray, np.ndarray, Column, np.ndarray], shown: Regression
) -> None:
    truth, predicted, horizon, _ = forecast
    rows = table(shown, "horizon").rows

    assert [row.value for row in rows] == ["1", "2", "3"]
    for code, row in enumerate(rows):
        inside = horizon.codes == code
        assert row.rmse.value == pytest.approx(np.sqrt(((predicted - truth)[inside] ** 2).mean()))


def test_skill_is_over_the_records_of_which_the_baseline_says_something(
    forecast: tuple[np.ndarray, np.ndarray, Column, np.ndarray], shown: Regression
) -> None:
    truth, predicted, _, persistence = forecast
    known = np.isfinite(persistence)

    ours, theirs = (
        sklearn_metrics.root_mean_squared_error(truth[known], said[known]) for said in (predicted, persistence)
    )
    assert table(shown, "all").rows[0].skill["persistence"].value == pytest.approx(1 - ours / theirs)


def test_a_baseline_that_says_nothing_has_no_skill() -> None:
    shown = regression(np.arange(20.0), np.arange(20.0), Resamples(20, 10, 1), (), {}, {"nothing": np.full(20, np.nan)})

    assert shown.tables[0].rows[0].skill["nothing"].value is None
    assert shown.residuals is not None
    assert sum(shown.residuals.counts) == 20


def test_coverage_is_the_share_of_records_within_the_interval(
    forecast: tuple[np.ndarray, np.ndarray, Column, np.ndarray], shown: Regression
) -> None:
    truth, predicted, _, _ = forecast

    assert shown.coverage is not None
    assert shown.coverage.value == pytest.approx((np.abs(truth - predicted) <= 2).mean())


def test_residuals_and_a_sample_of_points_are_kept(shown: Regression) -> None:
    assert shown.residuals is not None
    assert sum(shown.residuals.counts) == N
    assert shown.residuals.edges[0] == -shown.residuals.edges[-1]
    assert len(shown.actual) == len(shown.predicted) == 400
    assert shown.unit == "degC"


def test_groups_that_may_not_be_shown_are_left_out() -> None:
    column = Column(("a", "b"), np.array([0] * 15 + [1] * 5))

    hidden = {frozenset({("site", "b")})}
    shown = regression(np.arange(20.0), np.zeros(20), Resamples(20, 10, 1), (), {"site": column}, hidden=hidden)

    assert [row.value for row in table(shown, "site").rows] == ["a"]


def test_a_window_has_gaps_where_nothing_is_known() -> None:
    one = window("March", ["1", "2"], np.array([1.0, np.nan]), np.array([1.5, 2.5]), lower=np.array([1.0, 2.0]))

    assert (one.actual, one.predicted, one.lower, one.upper) == ((1.0, None), (1.5, 2.5), (1.0, 2.0), ())


def test_a_forecast_is_shown_by_step_with_the_coverage_of_its_quantiles() -> None:
    rng = np.random.default_rng(2)
    spread = np.arange(1.0, 7.0)
    truth = rng.normal(size=(200, 6))
    quantiles = truth[..., None] + (rng.normal(size=(200, 6)) * spread)[..., None] + np.array([-2.0, 0.0, 2.0])
    persistence = truth + 3

    shown = regression(
        truth, quantiles, Resamples(200, 100, 1), (0.1, 0.5, 0.9), None, {"persistence": persistence}, unit="MW"
    )

    [overall] = table(shown, "all").rows
    steps = table(shown, "step").rows
    assert [row.value for row in steps] == ["1", "2", "3", "4", "5", "6"]
    assert overall.rmse.value == pytest.approx(np.sqrt(((quantiles[..., 1] - truth) ** 2).mean()))
    for step, row in enumerate(steps):
        errors = (quantiles[..., 1] - truth)[:, step]
        assert row.mae.value == pytest.approx(np.abs(errors).mean())
        assert row.coverage is not None
        assert row.coverage.value == pytest.approx((np.abs(errors) <= 2).mean())
        assert row.skill["persistence"].value == pytest.approx(1 - np.sqrt((errors**2).mean()) / 3)
    assert steps[0].mae.value < steps[5].mae.value  # type: ignore[operator]
    assert shown.nominal_coverage == pytest.approx(0.8)
    assert [len(window.actual) for window in shown.windows] == [6] * 4
    assert all(window.lower for window in shown.windows)
