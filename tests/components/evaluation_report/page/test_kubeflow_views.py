import json
import math

from kfp import dsl
from report_samples import sample_report

from yachay.components.evaluation_report.page.kubeflow_views import (
    classification_metrics,
    markdown,
    scalar_metrics,
)
from yachay.components.evaluation_report.report import Estimate, Verdict


def test_scalars_are_written_as_the_sdk_writes_them() -> None:
    expected = dsl.Metrics()
    expected.log_metric("accuracy", 0.8)
    expected.log_metric("macro_f1", 0.7)
    expected.log_metric("blessed", 1.0)

    assert scalar_metrics(sample_report()) == expected.metadata


def test_a_metric_without_a_value_is_left_out() -> None:
    report = sample_report().model_copy(update={"metrics": {"accuracy": Estimate(value=None)}})

    assert scalar_metrics(report) == {"blessed": 1.0}


def test_roc_and_confusion_are_written_as_the_sdk_writes_them() -> None:
    expected = dsl.ClassificationMetrics()
    expected.log_roc_curve(fpr=[0.0, 0.5, 1.0], tpr=[0.0, 0.75, 1.0], threshold=[1.0, 0.5, 0.0])
    expected.log_confusion_matrix(["Dropout", "Enrolled", "Graduate"], [[3, 1, 0], [0, 1, 1], [0, 0, 4]])

    written = classification_metrics(sample_report())

    assert written == expected.metadata
    assert all(math.isfinite(value) for point in written["confidenceMetrics"] for value in point.values())
    assert json.loads(json.dumps(written)) == written


def test_a_regression_has_no_classification_metrics() -> None:
    assert classification_metrics(sample_report(problem="regression", classification=None)) == {}


def test_the_markdown_says_verdict_metrics_and_thresholds() -> None:
    text = markdown(sample_report(is_blessed=False))

    assert text.startswith("# NOT BLESSED: student\\_dropout, semester2\n")
    assert "| accuracy | 0.8000 | 0.7800 to 0.8200 |" in text
    assert "| accuracy ≥ 0.76 and ≤ 0.82 | 0.8000 | +0.0200 | **no** |" in text


def test_words_of_the_data_are_text_in_the_markdown() -> None:
    [threshold] = sample_report().verdict.thresholds
    hostile = threshold.model_copy(update={"slice": {"Course": "<img src=x>|[a](javascript:b)\n# c"}})

    text = markdown(sample_report(verdict=Verdict(is_blessed=True, is_synthetic=True, thresholds=(hostile,))))

    assert "SYNTHETIC DATA" in text
    assert "accuracy in Course=&lt;img src=x&gt;\\|\\[a\\]\\(javascript:b\\) \\# c ≥" in text
