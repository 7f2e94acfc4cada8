"""`student_dropout` on the real file of UCI 697, and the numbers of its page beside the gate and scikit-learn."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from yachay.components.evaluation_report.report import Report

pytestmark = pytest.mark.end_to_end

LABELS = ("Dropout", "Enrolled", "Graduate")


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def result(yachay: Any, real_data: Path, workdir: Path) -> Any:
    return yachay("run", "student_dropout", "--data", real_data / "student_dropout", "--workdir", workdir)


@pytest.fixture(scope="module")
def report(result: Any) -> Report:
    assert result.output["error"] is None, result.stderr
    return Report.model_validate_json(Path(result.output["report_uri"]).with_name("report.json").read_bytes())


@pytest.fixture(scope="module")
def answers(result: Any, workdir: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and sex of the records of the split `eval`, through the model's other signature."""
    [home] = workdir.glob("student-dropout-*")
    files = sorted(map(str, home.glob("artifacts/ColumnarExampleGen/examples/*/Split-eval/*")))
    model = tf.saved_model.load(f"{result.output['model_uri']}/Format-Serving")
    described = json.loads(Path(result.output["model_uri"], "Format-Serving/assets.extra/yachay.json").read_text())
    asked = {one["name"]: tf.io.FixedLenFeature([], one["dtype"]) for one in described["features"]}
    spec = asked | {"Target": tf.io.FixedLenFeature([], tf.string), "Gender": tf.io.FixedLenFeature([], tf.int64)}
    examples = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
    raw = tf.io.parse_example(examples, spec)
    scores = model.signatures["serving_default"](**{name: raw[name] for name in asked})["scores"].numpy()
    labels = np.array([LABELS.index(word.decode()) for word in raw["Target"].numpy()])
    return labels, scores.astype(np.float64), raw["Gender"].numpy()


def test_the_real_file_ends_in_a_blessed_model_within_the_bounds(result: Any) -> None:
    assert result.status == 0, (result.output["reasons"], result.stderr)
    assert result.output["rows"] == {"read": 4424, "kept": 4424, "quarantined": 0}
    assert 0.76 <= result.output["metrics"]["accuracy"] <= 0.82
    assert result.output["metrics"]["macro_f1"] >= 0.69
    assert result.output["metrics"]["auc_ovr"] >= 0.88


def test_bad_data_leaves_the_last_pushed_model_untouched(
    yachay: Any, result: Any, workdir: Path, tmp_path: Path
) -> None:
    def contents() -> dict[Path, bytes]:
        store = Path(result.output["pushed_model_uri"]).parents[1]
        return {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}

    before = contents()
    (tmp_path / "data.csv").write_text("Marital status;Target\n1;Dropout\n")

    bad = yachay("run", "student_dropout", "--data", tmp_path / "data.csv", "--workdir", workdir)

    assert bad.status == 1
    assert before
    assert contents() == before


def test_the_page_the_command_line_and_the_gate_say_the_same(result: Any, report: Report) -> None:
    assert {name: one.value for name, one in report.metrics.items()} == result.output["metrics"]
    assert report.verdict.is_blessed == (result.output["verdict"] == "blessed")
    by_slice = {json.dumps(row.slice, sort_keys=True): row for row in report.slices}
    for told in result.output["slices"]:
        row = by_slice[json.dumps(told["slice"], sort_keys=True)]
        assert row.rows == told["rows"]
        assert {name: one.value for name, one in row.metrics.items()} == {
            name: told[name] for name in ("accuracy", "macro_f1", "auc_ovr")
        }
    assert not [note.code for note in report.notes if note.code in ("gate_differs", "evaluation_unreadable")]


def test_the_page_says_how_long_each_step_took(report: Report) -> None:
    assert list(report.lineage.node_seconds) == [
        "ColumnarExampleGen", "CuratedSchema", "StatisticsGen", "ExampleValidator", "Transform", "Trainer",
        "Evaluator", "Pusher",
    ]  # fmt: skip
    assert report.lineage.node_seconds["Transform"] > 0


def test_overall_numbers_are_scikit_learns(report: Report, answers: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, _ = answers
    predicted = scores.argmax(axis=1)

    assert {name: one.value for name, one in report.metrics.items()} == pytest.approx(
        {
            "accuracy": sklearn_metrics.accuracy_score(labels, predicted),
            "macro_f1": sklearn_metrics.f1_score(labels, predicted, average="macro"),
            "auc_ovr": sklearn_metrics.roc_auc_score(
                labels, scores / scores.sum(axis=1, keepdims=True), multi_class="ovr"
            ),
        },
        abs=1e-6,
    )
    shown = report.classification
    assert shown is not None
    assert np.array(shown.confusion.counts).tolist() == sklearn_metrics.confusion_matrix(labels, predicted).tolist()
    assert shown.log_loss.value == pytest.approx(-np.log(scores[np.arange(len(labels)), labels]).mean(), abs=1e-6)
    for k, one in enumerate(shown.classes):
        of_class = labels == k
        assert one.auc.value == pytest.approx(sklearn_metrics.roc_auc_score(of_class, scores[:, k]), abs=1e-6)
        assert one.average_precision.value == pytest.approx(
            sklearn_metrics.average_precision_score(of_class, scores[:, k]), abs=1e-6
        )
        assert one.brier.value == pytest.approx(sklearn_metrics.brier_score_loss(of_class, scores[:, k]), abs=1e-6)


def test_fairness_rates_are_those_of_the_records(
    report: Report, answers: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    labels, scores, sex = answers
    [rates] = [one for one in report.fairness if one.columns == ("Gender",) and one.label == "Dropout"]

    for group in rates.groups:
        inside = sex == int(group.group["Gender"])
        selected, positive = scores[inside].argmax(axis=1) == 0, labels[inside] == 0
        assert group.rates["selection_rate"].value == pytest.approx(selected.mean())
        assert group.rates["true_positive_rate"].value == pytest.approx(selected[positive].mean())
        assert group.rates["false_positive_rate"].value == pytest.approx(selected[~positive].mean())


def test_the_report_is_whole(report: Report, result: Any) -> None:
    assert {path.name for path in Path(result.output["report_uri"]).parent.iterdir()} >= {
        "report.html", "report.json", "slices.csv",
    }  # fmt: skip
    assert all(one.low < one.value < one.high for one in report.metrics.values())  # type: ignore[operator]
    assert report.data.split_rows == {"train": 3576, "eval": 848}
    assert len(report.importance) == 36
    assert report.lineage.run_id == result.output["run_id"]
    assert report.lineage.data_fingerprint == result.output["data_fingerprint"]
    assert max(one.drop.value or 0 for one in report.importance) > 0.02


@pytest.mark.slow
@pytest.mark.parametrize("task", ["enrolment", "semester1"])
@pytest.mark.parametrize("family", ["keras", "boosted_trees", "random_forest", "linear", "auto"])
def test_every_family_ends_with_a_verdict_on_every_task(
    yachay: Any, real_data: Path, tmp_path: Path, task: str, family: str
) -> None:
    result = yachay(
        "run", "student_dropout", "--data", real_data / "student_dropout", "--workdir", tmp_path,
        "--task", task, "--set", f"model.family={family}",
    )  # fmt: skip

    assert result.output["verdict"] in ("blessed", "not_blessed"), result.stderr
    assert result.output["error"] is None
