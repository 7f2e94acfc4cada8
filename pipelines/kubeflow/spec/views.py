"""The outputs that show a report on the page of Kubeflow Pipelines."""

from collections.abc import Mapping

REPORT = "report"
"""The output of the step that holds the report."""

VIEWS: Mapping[str, tuple[str, str]] = {
    "page": ("system.HTML", "Evaluation"),
    "summary": ("system.Markdown", "Verdict"),
    "metrics": ("system.Metrics", "Metrics"),
    "classification": ("system.ClassificationMetrics", "Alerted class and confusion"),
}
"""`{output: (artifact type, display name)}`."""
