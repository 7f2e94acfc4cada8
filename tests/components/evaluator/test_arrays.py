"""Metrics of slices from arrays, without a model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from yachay.components.evaluator.arrays import evaluate_arrays
from yachay.components.evaluator.eval_config import complete_config, eval_config
from yachay.components.evaluator.evaluation import Failure, read_evaluation
from yachay.components.evaluator.metric import measure, task_metrics
from yachay.components.evaluator.model import Model
from yachay.components.evaluator.predictions_file import PREDICTIONS_FILE, read_predictions, write_predictions
from yachay.components.evaluator.records import Records, SliceColumn, find_slices, read_records, split_keys
from yachay.components.evaluator.settings import EvaluationSettings
from yachay.components.evaluator.tfma_files import write_evaluation
from yachay.components.evaluator.trivial import LEVEL, TRIVIAL_P_VALUE, trivial_p_value, why_untestable
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask, SplitSettings
from yachay.errors import DataError

from .conftest import save_model, write_examples

N = 60
TASK = PredictionTask(
    problem=Problem.CLASSIFICATION, label=Label(name="y", values=("no", "yes")), features={"x": FeatureKind.NUMERIC}
)


def make_records(seed: int = 0) -> Records:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, N)
    scores = rng.dirichlet([1, 1], N)
    return Records(labels, scores, columns={"site": SliceColumn.of([None, 3, 1] * 20)})


def test_given_predictions_are_evaluated_slice_by_slice() -> None:
    records = make_records()

    everything, *slices = evaluate_arrays(TASK, EvaluationSettings(slices=(("site",),)), records)

    assert everything.metrics[TRIVIAL_P_VALUE] == trivial_p_value(TASK, records.labels, records.scores)
    assert [(part.key, part.num_rows) for part in slices] == [((("site", 3),), 20), ((("site", 1),), 20)]
    expected = measure(task_metrics(TASK), records.labels[1::3], records.scores[1::3])
    assert {name: slices[0].metrics[name] for name in expected} == expected


def test_classes_may_be_numbers_and_a_negative_zero_is_a_zero(tmp_path: Path) -> None:
    task = TASK.model_copy(update={"label": Label(name="y", values=("0", "0.1"))})
    write_examples(tmp_path, {"y": [0.0, 0.1, -0.0], "dose": [-0.0, 0.5, 0.0], "prediction": [[0.5, 0.5]] * 3})
    save_model(tmp_path, task, (2,))
    model = Model(str(tmp_path / "Format-Serving"), task)

    records = read_records([str(tmp_path / "Split-eval" / "data.gz")], task, ["dose"], model)

    assert records.labels.tolist() == [0, 1, 0]
    slices = {key: rows.tolist() for key, rows in find_slices(records.columns, [("dose",)])}
    assert slices == {(("dose", 0.0),): [0, 2], (("dose", 0.5),): [1]}


def test_a_record_is_once_in_the_slice_of_each_combination_of_its_values() -> None:
    many = SliceColumn(("a", "b"), np.array([0, 0, 2]), np.array([0, 1, 1]))
    columns = {"z": SliceColumn.of(["u", "u", "v"]), "many": many}

    found = {key: rows.tolist() for key, rows in find_slices(columns, [("z", "many"), ("many", "z"), ("many",), ()])}

    assert found == {
        (("many", "a"),): [0],
        (("many", "b"),): [0, 2],
        (("many", "a"), ("z", "u")): [0],
        (("many", "b"), ("z", "u")): [0],
        (("many", "b"), ("z", "v")): [2],
    }


@pytest.mark.parametrize("shape", [(N,), (N, 4), (N, 4, 3)])
def test_predictions_are_kept_as_they_were(shape: tuple[int, ...], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.normal(size=shape[:2]), rng.normal(size=shape).astype(np.float32)
    scores[3] = np.nan

    checksums = np.arange(N, dtype=np.uint32)

    write_predictions(Records(labels, scores, -scores, checksums=checksums), tmp_path)

    stored = read_predictions(tmp_path)
    assert stored is not None
    np.testing.assert_array_equal(stored.checksums, checksums)
    assert stored.scores.dtype == np.float32
    np.testing.assert_array_equal(stored.labels, labels)
    np.testing.assert_array_equal(stored.scores, scores)
    np.testing.assert_array_equal(stored.baseline_scores, -scores)


def test_predictions_of_nobody_knows_which_records_are_not_read(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"label": [0, 1]}), tmp_path / PREDICTIONS_FILE)

    assert read_predictions(tmp_path) is None


def test_a_group_is_one_whether_a_file_has_its_key_as_a_number_or_as_text() -> None:
    parts = [pa.array([7, 10, None]), pa.array([b"10", b"7", b"x"]), pa.array([7.0])]

    codes = split_keys(parts, SplitSettings(method="group", key="school"))

    assert codes.tolist() == [1, 0, -1, 0, 1, 2, 1]


def test_times_as_numbers_in_one_file_and_as_text_in_another_are_an_error() -> None:
    parts = [pa.array([7, 10]), pa.array([b"2024-01-01"])]

    with pytest.raises(DataError, match=r"Expected times of one type in 'hour'\. Received: int64 and string"):
        split_keys(parts, SplitSettings(method="time", key="hour"))


def test_damaged_predictions_are_named(tmp_path: Path) -> None:
    (tmp_path / PREDICTIONS_FILE).write_bytes(b"PAR1")

    with pytest.raises(DataError, match=r"predictions in .*predictions\.parquet.*Evaluate again"):
        read_predictions(tmp_path)


def test_an_evaluation_that_is_cut_off_is_named(tmp_path: Path) -> None:
    config = complete_config(eval_config(TASK, EvaluationSettings()), has_baseline=False)
    write_evaluation(tmp_path, config, evaluate_arrays(TASK, EvaluationSettings(), make_records()), {"": "model"})
    [path] = tmp_path.glob("metrics*")
    path.write_bytes(path.read_bytes()[:-5])

    with pytest.raises(DataError, match="a file that is cut off"):
        read_evaluation(tmp_path)


def test_an_evaluation_without_a_validation_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"one validation in .*Received: 0"):
        read_evaluation(tmp_path)


def test_what_the_evaluator_says_of_a_failure_is_read(tmp_path: Path) -> None:
    config = complete_config(eval_config(TASK, EvaluationSettings()), has_baseline=False)
    slices = evaluate_arrays(TASK, EvaluationSettings(), make_records())

    write_evaluation(tmp_path, config, slices, {"": "model"}, {TRIVIAL_P_VALUE: "too few"})

    [failure] = read_evaluation(tmp_path).failures
    assert isinstance(failure, Failure)
    assert str(failure).endswith("above 0.05; too few")


@pytest.mark.parametrize(
    ("problem", "values", "quantiles"),
    [
        (Problem.CLASSIFICATION, ("a", "b"), ()),
        (Problem.CLASSIFICATION, ("a", "b", "c", "d"), ()),
        (Problem.REGRESSION, (), ()),
        (Problem.REGRESSION, (), (0.5,)),
    ],
)
def test_with_too_few_groups_no_model_passes_and_with_one_more_it_may(
    problem: Problem, values: Sequence[str], quantiles: Sequence[float]
) -> None:
    label = Label(name="y", values=tuple(values), quantiles=tuple(quantiles))
    split = SplitSettings(method="group", key="school")
    task = PredictionTask(problem=problem, label=label, features={"x": FeatureKind.NUMERIC}, split=split)
    fewest = next(num for num in range(1, 20) if not why_untestable(task, num))

    def perfect(num_groups: int) -> float:
        classes = np.tile(np.arange(max(len(values), 2)), num_groups * 10)
        labels = classes if values else classes.astype(float)
        scores = np.eye(len(values))[labels] if values else labels[:, None] if quantiles else labels
        return trivial_p_value(task, labels, scores, np.sort(np.arange(len(labels)) % num_groups))

    assert "groups of 'school'" in why_untestable(task, fewest - 1)
    assert perfect(fewest - 1) > LEVEL
    assert perfect(fewest) <= LEVEL
