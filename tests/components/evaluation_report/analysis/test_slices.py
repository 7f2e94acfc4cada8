"""Slices of raw columns, with what a small one may show."""

import numpy as np
import pytest

from yachay.components.evaluation_report.analysis.predictions import Column, Predictions
from yachay.components.evaluation_report.analysis.resampling import Resamples
from yachay.components.evaluation_report.analysis.slices import find_slices, hidden_parts, metric_estimates, slice_rows
from yachay.components.evaluation_report.report import SliceRow
from yachay.components.evaluator.evaluation import Evaluation
from yachay.components.evaluator.metric import measure, task_metrics
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask

N = 240
METRICS = task_metrics(
    PredictionTask(
        problem=Problem.CLASSIFICATION,
        label=Label(name="outcome", values=("no", "yes")),
        features={"dose": FeatureKind.NUMERIC},
    )
)


@pytest.fixture
def predictions() -> Predictions:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, N)
    columns = {
        "sex": Column(("0", "1"), rng.integers(0, 2, N)),
        "age": Column(("<20", "20-<23", ">=23"), np.where(np.arange(N) < 6, 2, rng.integers(-1, 2, N))),
    }
    return Predictions(labels, rng.dirichlet(np.ones(2), N), None, columns, {}, ())


def rows_of(
    predictions: Predictions, specs: list[list[str]], gate: Evaluation | None = None, min_rows: int = 10
) -> list[SliceRow]:
    resamples = Resamples(N, 50, 1)
    hidden = hidden_parts(predictions.columns, N, specs, (), (), min_rows)
    return list(slice_rows(predictions, METRICS, resamples, specs, hidden, gate))


def test_slices_come_in_the_order_of_their_values_and_leave_out_records_without_one(predictions: Predictions) -> None:
    slices = list(find_slices(predictions.columns, [["age"]]))

    assert [part.name for part in slices] == [{"age": "<20"}, {"age": "20-<23"}, {"age": ">=23"}]
    assert sum(len(part.rows) for part in slices) == (predictions.columns["age"].codes >= 0).sum() < N


def test_a_crossed_slice_holds_the_records_of_both_values(predictions: Predictions) -> None:
    slices = {tuple(part.name.items()): part.rows for part in find_slices(predictions.columns, [["sex", "age"]])}

    expected = (predictions.columns["sex"].codes == 1) & (predictions.columns["age"].codes == 0)
    assert slices[("sex", "1"), ("age", "<20")].tolist() == np.flatnonzero(expected).tolist()


def test_a_slice_has_the_numbers_of_the_gates_own_function(predictions: Predictions) -> None:
    row = next(row for row in rows_of(predictions, [["sex"]]) if row.slice == {"sex": "1"})

    inside = predictions.columns["sex"].codes == 1
    expected = measure(METRICS, predictions.labels[inside], predictions.scores[inside])
    assert row.rows == inside.sum()
    assert {name: estimate.value for name, estimate in row.metrics.items()} == pytest.approx(expected, abs=1e-12)
    assert all(estimate.low <= estimate.value <= estimate.high for estimate in row.metrics.values())  # type: ignore[operator]


def test_the_value_is_the_gates_where_the_gate_has_one_in_any_order_of_columns(predictions: Predictions) -> None:
    key = (("age", "<20"), ("sex", "1"))
    gate = Evaluation({(): {}, key: {"accuracy": 0.123}}, {}, {}, ())

    rows = rows_of(predictions, [["sex", "age"]], gate, 1)

    assert [row.metrics["accuracy"].value for row in rows if row.slice == {"sex": "1", "age": "<20"}] == [0.123]


def test_a_slice_of_fewer_than_ten_records_shows_its_name_alone(predictions: Predictions) -> None:
    row = next(row for row in rows_of(predictions, [["age"]]) if row.slice == {"age": ">=23"})

    assert row == SliceRow(slice={"age": ">=23"}, is_suppressed=True)


def test_a_class_that_is_absent_from_a_slice_is_left_out_of_its_auc() -> None:
    labels = np.array([0, 1] * 10 + [0] * 10)
    predictions = Predictions(
        labels, np.random.default_rng(0).dirichlet(np.ones(2), 30), None,
        {"g": Column(("a", "b"), np.repeat([0, 1], [20, 10]))}, {}, (),
    )  # fmt: skip

    [both, one] = slice_rows(predictions, METRICS, Resamples(30, 50, 1), [["g"]], (), None)

    assert both.metrics["auc_ovr"].value is not None
    assert one.metrics["auc_ovr"].value is None
    assert one.metrics["accuracy"].value is not None


def test_unknown_columns_give_no_slice(predictions: Predictions) -> None:
    assert not list(find_slices(predictions.columns, [["shoe_size"], ["sex", "shoe_size"], []]))


def test_a_small_course_does_not_follow_from_its_faculty() -> None:
    sizes = (40, 30, 3, 50, 12)
    codes = np.repeat(np.arange(5), sizes)
    columns = {
        "course": Column(("a", "b", "c", "d", "e"), codes),
        "faculty": Column(("arts", "law"), np.array([0, 0, 0, 1, 1])[codes]),
    }

    hidden = hidden_parts(columns, len(codes), [["course"], ["faculty"]], (), (), 10)

    # Of "arts" a reader knows the courses: beside "c" another of them is left out, or "arts" itself.
    assert frozenset({("course", "c")}) in hidden
    arts = [("course", "a"), ("course", "b"), ("faculty", "arts")]
    assert any(frozenset({one}) in hidden for one in arts)
    alone = hidden_parts({"course": columns["course"]}, len(codes), [["course"]], (), (), 10)
    assert alone == {frozenset({("course", "c")}), frozenset({("course", "e")})}


def test_macro_f1_of_a_class_that_is_hardly_ever_predicted_right_has_no_interval() -> None:
    labels = np.repeat([0, 1], [900, 100])
    scores = np.tile([0.9, 0.1], (1000, 1))
    scores[-4:] = [0.1, 0.9]

    few = metric_estimates(METRICS, labels, scores, Resamples(1000, 50, 1))
    scores[-5:] = [0.1, 0.9]
    enough = metric_estimates(METRICS, labels, scores, Resamples(1000, 50, 1))

    assert (few["macro_f1"].is_too_few, few["accuracy"].is_too_few, few["auc_ovr"].is_too_few) == (True, False, False)
    assert enough["macro_f1"].low is not None


def test_the_interval_of_an_error_goes_up_as_far_as_more_records_of_the_largest_one_would_move_it() -> None:
    task = PredictionTask(problem=Problem.REGRESSION, label=Label(name="grade"), features={"dose": FeatureKind.NUMERIC})
    labels = np.resize([-3.0, 3.0], 100)
    errors = np.append(np.resize([-1.0, 1.0], 99), 8.0)

    found = metric_estimates(task_metrics(task), labels, labels + errors, Resamples(100, 200, 1))

    rmse, r2 = found["rmse"], found["r2"]
    assert rmse.value is not None
    assert rmse.low is not None
    assert rmse.high is not None
    # One more such record adds 64 / 100 / (2 x RMSE); the bootstrap alone goes as far down as up.
    reach = np.exp(1.96 * 0.64 / (2 * rmse.value) / rmse.value)
    assert rmse.value * reach * rmse.value / rmse.low < rmse.high
    assert r2.value is not None
    assert r2.low is not None
    assert r2.high is not None
    assert np.log((1 - r2.low) / (1 - r2.value)) == pytest.approx(2 * np.log(rmse.high / rmse.value), rel=0.1)
    assert np.log((1 - r2.value) / (1 - r2.high)) == pytest.approx(2 * np.log(rmse.value / rmse.low), rel=0.1)
