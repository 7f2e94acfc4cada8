"""The report of a small model, and of inputs with parts missing or broken."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv

from yachay.components.evaluation_report.analysis.build import build_report
from yachay.components.evaluation_report.analysis.inputs import Inputs
from yachay.components.evaluation_report.analysis.predictions import predict
from yachay.components.evaluation_report.report import Report
from yachay.components.evaluation_report.report_files import slices_csv, write_report
from yachay.components.evaluation_report.section import Section
from yachay.components.evaluation_report.settings import ReportConfig
from yachay.components.evaluator.metric import measure
from yachay.components.evaluator.model import Model
from yachay.components.evaluator.predictions_file import StoredPredictions
from yachay.components.evaluator.predictions_file import write_predictions as write_stored
from yachay.components.evaluator.records import Records as EvaluatedRecords
from yachay.components.examples import checksums, read_examples
from yachay.components.features import Problem
from yachay.components.text import Text
from yachay.errors import DataError, ModelError

from ..conftest import LABELS, MakeModel, Records, make_table, write_evaluation, write_examples

pytestmark = pytest.mark.integration

CONFIG: dict[str, Any] = {
    "problem": "classification",
    "label": "outcome",
    "label_values": LABELS,
    "features": {"dose": "numeric", "noise": "numeric"},
    "slices": [["sex"], ["age"], ["sex", "age"]],
    "fairness": ["sex"],
    "thresholds": {"accuracy": {"lower": 0.3}},
    "change": {"metric": "macro_f1", "tolerance": 0.0},
    "alert_label": "no",
}
FEW = 50


def make_config(**fields: Any) -> ReportConfig:
    """A configuration of flat fields, those of `CONFIG` where absent."""
    flat = CONFIG | fields

    def part(*names: str) -> dict[str, Any]:
        return {name: flat[name] for name in names if name in flat}

    label = {"name": flat["label"], "values": flat["label_values"]} | part("steps", "quantiles")
    return ReportConfig.model_validate(
        {
            "task": {"label": label} | part("problem", "features", "split"),
            "evaluation": part("slices", "min_slice_rows", "fairness", "thresholds", "change"),
            "report": part("alert_label", "error_columns", "baselines"),
            "pipeline": "small",
            "task_name": "only",
        }
    )


@pytest.fixture(scope="module")
def inputs(records: Records, model_path: str) -> Inputs:
    statistics = {
        split: tfdv.generate_statistics_from_dataframe(make_table(200, seed=seed)).datasets[0]
        for split, seed in (("train", 1), ("eval", 0))
    }
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(records.table))
    return Inputs(make_config(), model_path, [records.path], statistics=statistics, schema=schema)


@pytest.fixture(scope="module")
def scores(records: Records, model_path: str) -> np.ndarray:
    logits = records.table.dose.to_numpy()[:, None] * 1.5 * np.array([-1, 0, 1])
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def report(inputs: Inputs) -> Report:
    return build_report(inputs, 300)


def codes(report: Report) -> set[str]:
    return {note.code for note in report.notes}


def changed(inputs: Inputs, **fields: Any) -> Inputs:
    """Inputs with other fields, or other ones of their configuration."""
    known = {field.name for field in dataclasses.fields(inputs)}
    config = make_config(**{name: value for name, value in fields.items() if name not in known})
    return dataclasses.replace(
        inputs, config=config, **{name: value for name, value in fields.items() if name in known}
    )


def test_the_metrics_are_those_of_the_predictions(report: Report, records: Records, scores: np.ndarray) -> None:
    labels = np.array([LABELS.index(word) for word in records.table.outcome])

    assert {name: one.value for name, one in report.metrics.items()} == pytest.approx(
        measure(make_config().metrics, labels, scores), abs=1e-6
    )
    assert report.slices[0].rows == 300
    assert report.classification is not None
    assert report.classification.labels == LABELS


def test_the_same_inputs_give_the_same_report(inputs: Inputs, report: Report) -> None:
    assert build_report(inputs, 300) == report


def test_a_feature_that_the_model_does_not_hear_loses_nothing_where_it_is_shuffled(report: Report) -> None:
    dose, noise = report.importance

    assert report.importance_metric == "macro_f1"
    assert (dose.feature, noise.feature) == ("dose", "noise")
    assert dose.drop.low > 0.05  # type: ignore[operator]
    assert (noise.drop.value, noise.drop.low, noise.drop.high) == (0, 0, 0)


def test_the_leaderboard_has_trivial_predictions_of_the_training_labels(report: Report) -> None:
    assert [row.name for row in report.leaderboard] == ["linear", "linear", "majority_class", "stratified_random"]


def test_the_overall_numbers_are_the_gates_own(inputs: Inputs, report: Report, tmp_path: Path) -> None:
    told = {name: (one.value or 0) + 1e-9 for name, one in report.metrics.items()}
    evaluation = write_evaluation(tmp_path / "evaluation", {(): told, (("age", "<20"),): {"accuracy": 0.25}})

    judged = build_report(changed(inputs, evaluation=evaluation), FEW)

    assert {name: one.value for name, one in judged.metrics.items()} == told
    assert next(row for row in judged.slices if row.slice == {"age": "<20"}).metrics["accuracy"].value == 0.25
    assert codes(judged) == {"baseline_missing"}


def test_a_gate_that_says_something_else_is_noted(inputs: Inputs, tmp_path: Path) -> None:
    evaluation = write_evaluation(tmp_path / "evaluation", {(): {"accuracy": 0.99, "auc_ovr": float("nan")}})

    judged = build_report(changed(inputs, evaluation=evaluation), FEW)

    [note, nan] = [note for note in judged.notes if note.code == "gate_differs"]
    assert (note.values["metric"], note.values["gate"]) == ("accuracy", "0.99")
    assert (nan.values["metric"], judged.metrics["auc_ovr"].value) == ("auc_ovr", None)
    assert judged.verdict.thresholds[0].is_met


def test_a_truncated_evaluation_leaves_numbers_from_the_records(inputs: Inputs, tmp_path: Path) -> None:
    evaluation = write_evaluation(tmp_path / "evaluation", {(): {"accuracy": 0.99}})
    metrics = evaluation / "metrics-00000-of-00001.tfrecord"
    metrics.write_bytes(metrics.read_bytes()[:-7])

    judged = build_report(changed(inputs, evaluation=evaluation), FEW)

    assert "evaluation_unreadable" in codes(judged)
    assert judged.metrics["accuracy"].value != 0.99
    assert judged.verdict.thresholds[0].is_met


@pytest.mark.parametrize("lost", ["metrics-00000-of-00001.tfrecord", "validations.tfrecord"])
def test_an_evaluation_without_a_file_is_unreadable(inputs: Inputs, tmp_path: Path, lost: str) -> None:
    evaluation = write_evaluation(tmp_path / "evaluation", {(): {"accuracy": 0.99}})
    (evaluation / lost).unlink()

    assert "evaluation_unreadable" in codes(build_report(changed(inputs, evaluation=evaluation), FEW))


def test_a_baseline_is_compared_on_the_same_records(inputs: Inputs, make_model: MakeModel, records: Records) -> None:
    judged = build_report(changed(inputs, baseline_path=make_model(strength=-1.5)), FEW)

    accuracy = judged.verdict.comparisons[0]
    assert accuracy.is_within_noise is False
    assert accuracy.difference.value == pytest.approx((accuracy.candidate or 0) - (accuracy.baseline or 0))
    assert [row.kind for row in judged.leaderboard[:2]] == ["candidate", "baseline"]
    assert [bound.is_change for bound in judged.verdict.thresholds] == [False, True]


def test_without_a_baseline_nothing_is_compared(report: Report) -> None:
    assert report.verdict.comparisons == ()
    assert codes(report) == {"baseline_missing", "evaluation_missing"}


def test_a_baseline_of_other_labels_is_not_compared(inputs: Inputs, make_model: MakeModel) -> None:
    judged = build_report(changed(inputs, baseline_path=make_model(labels=("no", "yes"))), FEW)

    assert judged.verdict.comparisons == ()
    assert "baseline_of_other_labels" in codes(judged)


def test_a_baseline_that_asks_for_a_column_that_is_gone_is_not_compared(inputs: Inputs, make_model: MakeModel) -> None:
    judged = build_report(changed(inputs, baseline_path=make_model(features=("height",))), FEW)

    assert judged.verdict.comparisons == ()
    [note] = [note for note in judged.notes if note.code == "baseline_unusable"]
    assert "height" in str(note.values["reason"])


def test_a_baseline_that_is_gone_is_not_compared(inputs: Inputs, tmp_path: Path) -> None:
    assert "baseline_unusable" in codes(build_report(changed(inputs, baseline_path=str(tmp_path / "gone")), FEW))


def test_a_baseline_whose_graph_is_gone_is_not_compared(inputs: Inputs, make_model: MakeModel, tmp_path: Path) -> None:
    baseline = Path(shutil.copytree(make_model(), tmp_path / "baseline"))
    (baseline / "saved_model.pb").unlink()

    judged = build_report(changed(inputs, baseline_path=str(baseline)), FEW)

    assert judged.verdict.comparisons == ()
    [note] = [note for note in judged.notes if note.code == "baseline_unusable"]
    assert "saved_model.pb" in str(note.values["reason"])


def test_a_single_slice_and_columns_that_no_record_has(inputs: Inputs) -> None:
    judged = build_report(changed(inputs, slices=[["shoe_size"]], fairness=[]), FEW)

    assert len(judged.slices) == 1
    assert codes(judged) >= {"columns_absent", "no_slices", "no_fairness_columns"}


@pytest.mark.slow
def test_two_thousand_slices(inputs: Inputs, tmp_path: Path) -> None:
    table = make_table(4000)
    table["pupil"] = np.arange(4000) // 2
    table["school"] = np.arange(4000) // 20
    path = write_examples(table, tmp_path / "eval.gz")

    judged = build_report(changed(inputs, example_files=[path], slices=[["pupil"], ["school"]]), FEW)

    assert sum(row.is_suppressed for row in judged.slices) == 2000
    assert len(judged.slices) == 2201
    [note] = [note for note in judged.notes if note.code == "slices_suppressed"]
    assert note.values == {"count": 2000, "rows": 10}
    assert all(not row.metrics for row in judged.slices if row.is_suppressed)


def test_three_hundred_classes(inputs: Inputs, make_model: MakeModel, tmp_path: Path) -> None:
    labels = tuple(f"c{k:03}" for k in range(300))
    path = write_examples(make_table(600, labels), tmp_path / "eval.gz")

    judged = build_report(
        changed(inputs, label_values=labels, alert_label="c007", example_files=[path], model_path=make_model(labels)),
        FEW,
    )

    assert judged.classification is not None
    assert len(judged.classification.classes) == 12
    assert codes(judged) >= {"curves_of_largest_classes", "confusion_folded", "fairness_of_alert_label"}
    assert {one.label for one in judged.fairness} == {"c007"}


def test_columns_of_several_values_give_no_slices(inputs: Inputs, tmp_path: Path) -> None:
    table = make_table(100)
    table["age"] = [["<20", ">=23"]] + [["<20"]] * 99
    path = write_examples(table, tmp_path / "eval.gz")

    judged = build_report(changed(inputs, example_files=[path]), FEW)

    assert "columns_of_several_values" in codes(judged)
    assert {tuple(row.slice) for row in judged.slices} == {(), ("sex",)}


def test_records_without_a_known_label_or_a_prediction_are_left_out_and_counted(inputs: Inputs, tmp_path: Path) -> None:
    table = make_table(100)
    table.loc[:2, "outcome"] = "never heard of"
    table.loc[3:4, "dose"] = np.float32("inf")
    table.loc[5, "sex"] = None
    path = write_examples(table, tmp_path / "eval.gz")

    judged = build_report(changed(inputs, example_files=[path], min_slice_rows=1), FEW)

    counts = {note.code: note.values.get("count") for note in judged.notes}
    assert (counts["records_without_label"], counts["records_without_prediction"]) == (3, 2)
    assert judged.slices[0].rows == 95
    assert sum(row.rows for row in judged.slices if list(row.slice) == ["sex"]) == 94


def test_few_records_and_a_column_without_values(inputs: Inputs, tmp_path: Path) -> None:
    table = make_table(8)
    table["nothing"] = [[]] * 8
    path = write_examples(table, tmp_path / "eval.gz")

    few = build_report(changed(inputs, example_files=[path], slices=[["nothing"]]), FEW)
    enough = build_report(changed(inputs, example_files=[path], min_slice_rows=1), FEW)

    assert codes(few) >= {"importance_skipped", "columns_absent"}
    assert few.importance == ()
    assert [row.feature for row in enough.importance] == ["dose", "noise"]


def test_records_without_any_label_are_rejected(inputs: Inputs, tmp_path: Path) -> None:
    path = write_examples(make_table(20).drop(columns="outcome"), tmp_path / "eval.gz")

    with pytest.raises(DataError, match=r"Expected records with the label 'outcome'.*Received: none"):
        build_report(changed(inputs, example_files=[path]), FEW)


def test_a_model_without_metadata_is_rejected(inputs: Inputs, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"assets.extra/yachay.json"):
        build_report(changed(inputs, model_path=str(tmp_path)), FEW)


def test_without_statistics_there_are_no_trivial_predictions_and_no_distributions(inputs: Inputs) -> None:
    judged = build_report(changed(inputs, statistics={}), FEW)

    assert "train_labels_unknown" in codes(judged)
    assert judged.data.distributions == ()


def test_without_resamples_there_are_numbers_without_intervals(inputs: Inputs) -> None:
    plain = build_report(inputs, 0)

    assert plain.metrics["accuracy"].value is not None
    assert plain.metrics["accuracy"].low is None


def test_a_regression_is_reported(inputs: Inputs, make_model: MakeModel, tmp_path: Path) -> None:
    table = make_table(200, ())
    table["persistence"] = table.outcome + 3
    config = {
        "problem": "regression", "label_values": (), "alert_label": None, "fairness": [], "change": None,
        "thresholds": {"rmse": {"upper": 2.0}}, "error_columns": ["age"],
        "baselines": {"persistence": "persistence"},
    }  # fmt: skip

    judged = build_report(
        changed(
            inputs,
            **config,
            example_files=[write_examples(table, tmp_path / "eval.gz")],
            model_path=make_model(labels=(), features=("dose",)),
        ),
        FEW,
    )

    metrics = make_config(**config).metrics
    expected = measure(metrics, table.outcome.to_numpy(float), 2 * table.dose.to_numpy(float))
    assert {name: one.value for name, one in judged.metrics.items()} == pytest.approx(expected, abs=1e-6)
    assert judged.classification is None
    assert judged.regression is not None
    assert [one.by for one in judged.regression.tables] == ["all", "age"]
    skill = judged.regression.tables[0].rows[0].skill["persistence"].value
    assert skill == pytest.approx(1 - expected["rmse"] / 3, abs=1e-6)
    assert judged.importance[0].drop.low > 0  # type: ignore[operator]


def test_a_baseline_of_words_is_rejected(inputs: Inputs, make_model: MakeModel, tmp_path: Path) -> None:
    path = write_examples(make_table(50, ()), tmp_path / "eval.gz")
    config = {
        "problem": "regression", "label_values": (), "alert_label": None, "fairness": [], "change": None,
        "thresholds": {}, "example_files": [path], "model_path": make_model(labels=(), features=("dose",)),
    }  # fmt: skip

    with pytest.raises(DataError, match=r"Expected numbers in 'age'\. Received: strings"):
        build_report(changed(inputs, **config, baselines={"by age": "age"}), FEW)


def test_the_model_predicts_in_batches_as_in_one(records: Records, model_path: str, scores: np.ndarray) -> None:
    model = Model(model_path, make_config().task)

    examples = list(tf.data.TFRecordDataset(records.path, compression_type="GZIP").as_numpy_iterator())

    assert np.concatenate([model.predict(examples[:7]), model.predict(examples[7:])]) == pytest.approx(scores, abs=1e-6)


def test_the_files_hold_every_slice_and_reads_back(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path)

    assert Report.model_validate_json((tmp_path / "report.json").read_text()) == report
    lines = (tmp_path / "slices.csv").read_text().splitlines()
    assert lines == slices_csv(report).splitlines()
    assert len(lines) == 1 + len(report.slices)
    assert lines[0] == "slice,rows,suppressed," + ",".join(
        f"{name}{bound}" for name in report.metrics for bound in ("", "_low", "_high", "_too_few")
    )
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.json", "slices.csv"}


def test_a_suppressed_slice_has_no_number_in_slices_csv(inputs: Inputs) -> None:
    table = slices_csv(build_report(changed(inputs, min_slice_rows=60), FEW))

    suppressed = [line for line in csv.DictReader(table.splitlines()) if line.pop("suppressed") == "1"]
    assert any("age=" in line.pop("slice") for line in suppressed)
    assert all(not cell for line in suppressed for name, cell in line.items() if name != "slice")


class Naive(tf.Module):
    """Forecasts three quantiles of three steps around the last value of the sequence `past`."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        past = tf.io.parse_example(examples, {"past": tf.io.FixedLenFeature([4], tf.float32)})["past"]
        spread = tf.constant([-1.0, 0.0, 1.0])
        return {"quantiles": past[:, -1, None, None] + spread + tf.zeros([1, 3, 1])}


def test_a_forecast_from_sequences_is_reported_with_its_own_section(inputs: Inputs, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    walk = rng.normal(size=(120, 7)).cumsum(axis=1).astype(np.float32)
    table = pd.DataFrame(
        {
            "past": list(map(list, walk[:, :4])), "load": list(map(list, walk[:, 4:])),
            "naive": list(map(list, np.repeat(walk[:, 3:4], 3, axis=1))), "site": np.repeat(np.arange(12), 10),
        }
    )  # fmt: skip
    path = write_examples(table, tmp_path / "eval.gz")
    folder = tmp_path / "model"
    module = Naive()
    tf.saved_model.save(module, str(folder), signatures={"serving_examples": module.serve})
    (folder / "assets.extra").mkdir()
    metadata = {
        "problem": "forecast", "family": "naive", "label": "load", "labels": [], "features": [{"name": "past"}],
        "seed": 1, "leaderboard": [], "hyperparameters": {}, "versions": {},
    }  # fmt: skip
    (folder / "assets.extra" / "yachay.json").write_text(json.dumps(metadata))
    statistics = tfdv.generate_statistics_from_tfrecord(path).datasets[0]
    widths = Section(
        "widths",
        Text(en="Widths"),
        lambda given: float(np.ptp(given.predictions, axis=2).mean()),
        lambda data: f"{data}",
    )
    of_classes = dataclasses.replace(widths, name="of_classes", problems=frozenset({Problem.CLASSIFICATION}))

    judged = build_report(
        changed(
            inputs, problem="forecast", label="load", label_values=(), features={"past": "numeric"}, steps=3,
            quantiles=(0.1, 0.5, 0.9), alert_label=None, fairness=[], change=None, thresholds={}, slices=[["site"]],
            baselines={"persistence": "naive"}, split={"method": "group", "key": "site"},
            example_files=[path], model_path=str(folder), statistics={"train": statistics, "eval": statistics},
            sections=(widths, of_classes),
        ),
        FEW,
    )  # fmt: skip

    assert judged.metrics.keys() == {"pinball", "interval_coverage", "rmse", "mae"}
    assert judged.metrics["mae"].value == pytest.approx(np.abs(walk[:, 4:] - walk[:, 3:4]).mean(), abs=1e-6)
    assert judged.regression is not None
    assert [one.by for one in judged.regression.tables] == ["all", "step"]
    errors = [row.rmse.value for row in judged.regression.tables[1].rows]
    assert errors == sorted(errors)  # type: ignore[type-var]
    assert judged.regression.tables[1].rows[0].skill["persistence"].value == pytest.approx(0)
    assert {row.name for row in judged.leaderboard} == {"naive", "quantiles", "persistence"}
    assert [(one.name, one.data) for one in judged.sections] == [("widths", pytest.approx(2.0))]
    assert judged.importance[0].drop.value is not None
    assert len(judged.slices) == 13
    write_report(judged, tmp_path / "report", sections={"widths": widths})
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Errors by" in page
    assert "step ahead" in page
    assert 'id="own-widths"' in page


def checksums_of(records: Records) -> np.ndarray:
    return np.concatenate([checksums(examples) for examples in read_examples([records.path])])


def stored_for(records: Records, scores: np.ndarray) -> StoredPredictions:
    labels = np.array([LABELS.index(label) for label in records.table.outcome])
    return StoredPredictions(checksums_of(records), labels, scores, None)


def test_what_the_evaluator_predicted_is_not_predicted_again(records: Records, scores: np.ndarray) -> None:
    turned = scores[:, ::-1].astype(np.float32)
    model = Model("no such folder", make_config().task)

    found = predict([records.path], model, None, make_config().task, stored=stored_for(records, turned))

    np.testing.assert_array_equal(found.scores, turned)


@pytest.mark.parametrize("part", [slice(1, None), slice(None, None, -1)], ids=["fewer", "other_order"])
def test_predictions_of_other_records_are_not_used(
    part: slice, records: Records, model_path: str, scores: np.ndarray
) -> None:
    task = make_config().task
    stored = stored_for(records, scores[:, ::-1])
    other = StoredPredictions(stored.checksums[part], stored.labels[part], stored.scores[part], None)

    found = predict([records.path], Model(model_path, task), None, task, stored=other)

    assert found.scores == pytest.approx(scores, abs=1e-6)


def test_a_report_of_kept_predictions_is_that_of_the_model(
    inputs: Inputs, records: Records, model_path: str, tmp_path: Path
) -> None:
    config = make_config()
    plain = predict([records.path], Model(model_path, config.task), None, config.task)
    evaluation = write_evaluation(tmp_path / "evaluation", {(): measure(config.metrics, plain.labels, plain.scores)})
    asked = build_report(dataclasses.replace(inputs, evaluation=evaluation), 50)

    kept = EvaluatedRecords(plain.labels, plain.scores.astype(np.float32), checksums=checksums_of(records))
    write_stored(kept, evaluation)

    assert build_report(dataclasses.replace(inputs, evaluation=evaluation), 50) == asked


def test_moments_of_one_period_are_drawn_together(tmp_path: Path, model_path: str) -> None:
    table = make_table(240).assign(hour=np.arange(240))
    path = write_examples(table, tmp_path / "eval.gz")
    task = make_config(split={"method": "time", "key": "hour"}).task

    found = predict([path], Model(model_path, task), None, task)

    assert found.clusters is not None
    assert found.clusters.tolist() == (np.arange(240) // 20).tolist()
