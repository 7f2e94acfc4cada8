"""The outputs that show a report on the page of Kubeflow Pipelines."""

from collections.abc import Mapping

REPORT, RECOMMENDATION = "report", "recommendation"
"""The outputs of the steps that hold what the views show."""

VIEWS: Mapping[str, tuple[str, str]] = {
    "page": ("system.HTML", "Evaluation"),
    "summary": ("system.Markdown", "Verdict"),
    "metrics": ("system.Metrics", "Metrics"),
    "classification": ("system.ClassificationMetrics", "Alerted class and confusion"),
    "monitoring_page": ("system.HTML", "Monitoring"),
    "recommendation_page": ("system.HTML", "Recommendation"),
}
"""`{output: (artifact type, display name)}`."""
