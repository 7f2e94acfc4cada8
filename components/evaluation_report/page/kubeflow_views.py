"""The report as Kubeflow Pipelines' own page of a run, and its comparison of runs, show it.

Both draw scalars, a ROC curve and a confusion matrix from the metadata of artifacts, in the structure that the KFP
SDK's `Metrics` and `ClassificationMetrics` write; pages and texts they read from the artifact's file. An artifact
without a `display_name` of its own is shown by its output's name.
"""

import html
import re
from typing import Any

from ..report import ClassEvaluation, Confusion, Estimate, Report, SliceName, Threshold

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~-])")


def scalar_metrics(report: Report) -> dict[str, float]:
    """Returns the metadata of `system.Metrics`: the metrics over all records, and 1 or 0 as the model was blessed."""
    values = {name: estimate.value for name, estimate in report.metrics.items() if estimate.value is not None}
    if report.verdict.is_blessed is not None:
        values["blessed"] = float(report.verdict.is_blessed)
    return values


def classification_metrics(report: Report) -> dict[str, Any]:
    """Returns the metadata of `system.ClassificationMetrics`.

    `confidenceMetrics` is the ROC curve of the class that is alerted, `confusionMatrix` that of all classes. Either is
    left out where there are no such numbers.
    """
    if report.classification is None:
        return {}
    alert = report.classification.alert_label
    curve = [point for one in report.classification.classes if one.label == alert for point in _roc(one)]
    confusion = report.classification.confusion
    return ({"confidenceMetrics": curve} if curve else {}) | (
        {"confusionMatrix": _confusion_matrix(confusion)} if confusion.labels else {}
    )


def markdown(report: Report) -> str:
    """Returns the verdict and the metrics as Markdown, for `system.Markdown`."""
    verdict = report.verdict
    word = {True: "BLESSED", False: "NOT BLESSED", None: "NOT JUDGED"}[verdict.is_blessed]
    lines = [f"# {word}: {_text(report.lineage.pipeline)}, {_text(report.lineage.task)}", ""]
    if verdict.is_synthetic:
        lines += ["**SYNTHETIC DATA: these figures say nothing about real people.**", ""]
    lines += ["| metric | value | 95 % interval |", "|---|---|---|"]
    lines += [f"| {_text(name)} | {_number(one.value)} | {_interval(one)} |" for name, one in report.metrics.items()]
    if verdict.thresholds:
        lines += ["", "## Thresholds", "", "| bound | value | margin | met |", "|---|---|---|---|"]
        lines += [_threshold(threshold) for threshold in verdict.thresholds]
    if verdict.comparisons:
        lines += ["", "## Against the last blessed model", ""]
        lines += ["| metric | candidate | last blessed | difference | 95 % interval |", "|---|---|---|---|---|"]
        lines += [
            f"| {_text(one.metric)} | {_number(one.candidate)} | {_number(one.baseline)} "
            f"| {_number(one.difference.value, '+')} | {_interval(one.difference)} |"
            for one in verdict.comparisons
        ]
    return "\n".join([*lines, ""])


def _roc(one: ClassEvaluation) -> list[dict[str, float]]:
    """Returns the points of the curve, from the highest threshold to the lowest."""
    points = one.operating_points
    if points is None:
        return []
    counts = zip(
        points.thresholds,
        points.true_positives,
        points.false_positives,
        points.true_negatives,
        points.false_negatives,
        strict=True,
    )
    return [
        {
            "confidenceThreshold": threshold,
            "recall": true_positives / (true_positives + false_negatives),
            "falsePositiveRate": false_positives / (false_positives + true_negatives),
        }
        for threshold, true_positives, false_positives, true_negatives, false_negatives in counts
        if true_positives + false_negatives and false_positives + true_negatives
    ][::-1]


def _confusion_matrix(confusion: Confusion) -> dict[str, Any]:
    return {
        "annotationSpecs": [{"displayName": label} for label in confusion.labels],
        "rows": [{"row": list(row)} for row in confusion.counts],
    }


def _threshold(threshold: Threshold) -> str:
    sides = (("≥", threshold.lower), ("≤", threshold.upper))
    bounds = " and ".join(f"{sign} {bound:g}" for sign, bound in sides if bound is not None)
    what = f"{_text(threshold.metric)}{_where(threshold.slice)}"
    if threshold.is_change:
        what = f"{what} less that of the last blessed model"
    met = "yes" if threshold.is_met else "**no**"
    sign = "+" if threshold.is_change else ""
    return f"| {what} {bounds} | {_number(threshold.value, sign)} | {_number(threshold.margin, '+')} | {met} |"


def _where(name: SliceName) -> str:
    return f" in {', '.join(_text(f'{column}={value}') for column, value in name.items())}" if name else ""


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.4f}"


def _interval(estimate: Estimate) -> str:
    if estimate.is_too_few:
        return "too few records"
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{estimate.low:.4f} to {estimate.high:.4f}"


def _text(value: str) -> str:
    """Returns a value of the data or of a user as text, whatever it holds."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(value.split()), quote=False))
