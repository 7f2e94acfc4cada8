"""What the page of Kubeflow Pipelines shows of a report or a recommendation: further outputs of its step."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....components.drift_monitor.output import PAGE_FILE as MONITORING_PAGE
from ....components.evaluation_report import report_files
from ....components.evaluation_report.page.kubeflow_views import classification_metrics, markdown, scalar_metrics
from ....components.evaluation_report.report import Report
from ....components.intervention_recommender.settings import PAGE_FILE
from ..spec.views import RECOMMENDATION, REPORT, VIEWS
from .executor_input import StepArtifact


def write_views(outputs: Mapping[str, StepArtifact], places: Mapping[str, StepArtifact]) -> dict[str, dict[str, Any]]:
    """Writes the views of what a step made.

    Args:
        outputs: mapping of output to its `StepArtifact`: the report, of an evaluation or of the monitor, or the
            recommendation, which are folders.
        places: mapping of output to its `StepArtifact`, which is a file; some or all of `VIEWS`.

    Returns:
        `{output: metadata of its artifact}`.
    """
    if RECOMMENDATION in outputs:
        return _copy_page(Path(outputs[RECOMMENDATION].path, PAGE_FILE), places)
    if "monitoring_page" in places:
        return _copy_page(Path(outputs[REPORT].path, MONITORING_PAGE), places)
    folder = Path(outputs[REPORT].path)
    report = Report.model_validate_json((folder / report_files.REPORT).read_bytes())
    written = {}
    for output, artifact in places.items():
        path = Path(artifact.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata: dict[str, Any] = {}
        if output == "page":
            shutil.copyfile(folder / report_files.PAGE, path)
        elif output == "summary":
            path.write_text(markdown(report), encoding="utf-8")
        else:
            metadata = scalar_metrics(report) if output == "metrics" else classification_metrics(report)
            path.write_text(json.dumps(metadata), encoding="utf-8")
        written[output] = {"display_name": VIEWS[output][1], **metadata}
    return written


def _copy_page(page: Path, places: Mapping[str, StepArtifact]) -> dict[str, dict[str, Any]]:
    for artifact in places.values():
        path = Path(artifact.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, path)
    return {output: {"display_name": VIEWS[output][1]} for output in places}
