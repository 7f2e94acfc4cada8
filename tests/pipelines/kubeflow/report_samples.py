"""A small report, and runs that have one, made in milliseconds."""

from pathlib import Path
from typing import Any

import yaml

from yachay.components.evaluation_report.report import (
    ClassEvaluation,
    Classification,
    Confusion,
    Estimate,
    Lineage,
    OperatingPoints,
    Report,
    SliceRow,
    Threshold,
    Verdict,
)
from yachay.pipelines.runs.summary import Summary

NONE = Estimate(value=None)


def sample_report(
    metrics: dict[str, float] | None = None,
    slices: tuple[tuple[dict[str, str], int, dict[str, float]], ...] = (),
    is_blessed: bool | None = True,
    lineage: Lineage | None = None,
    **changes: Any,
) -> Report:
    """Returns the report of a classifier of three classes and ten records."""
    values = metrics or {"accuracy": 0.8, "macro_f1": 0.7}
    fields: dict[str, Any] = {
        "problem": "classification",
        "verdict": Verdict(
            is_blessed=is_blessed,
            is_synthetic=False,
            thresholds=(
                Threshold(
                    metric="accuracy",
                    value=values["accuracy"],
                    lower=0.76,
                    upper=0.82,
                    is_met=bool(is_blessed),
                    margin=round(min(values["accuracy"] - 0.76, 0.82 - values["accuracy"]), 6),
                ),
            ),
        ),
        "metrics": {name: Estimate(value=value, low=value - 0.02, high=value + 0.02) for name, value in values.items()},
        "metric_directions": dict.fromkeys(values, "up"),
        "slices": (
            SliceRow(slice={}, rows=10),
            *(
                SliceRow(slice=name, rows=rows, metrics={key: Estimate(value=value) for key, value in own.items()})
                for name, rows, own in slices
            ),
        ),
        "classification": Classification(
            labels=("Dropout", "Enrolled", "Graduate"),
            confusion=Confusion(labels=("Dropout", "Enrolled", "Graduate"), counts=((3, 1, 0), (0, 1, 1), (0, 0, 4))),
            classes=(
                ClassEvaluation(
                    label="Dropout",
                    rows=4,
                    **dict.fromkeys(
                        (
                            *("auc", "average_precision", "expected_calibration_error", "brier"),
                            *("precision", "recall", "f1"),
                        ),
                        NONE,
                    ),
                    operating_points=OperatingPoints(
                        thresholds=(0.0, 0.5, 1.0),
                        true_positives=(4, 3, 0),
                        false_positives=(6, 3, 0),
                        true_negatives=(0, 3, 6),
                        false_negatives=(0, 1, 4),
                    ),
                ),
            ),
            brier=NONE,
            log_loss=NONE,
            alert_label="Dropout",
        ),
        "lineage": lineage or Lineage(pipeline="student_dropout", task="semester2", family="boosted_trees"),
    }
    return Report(**fields | changes)


def write_run(
    workdir: Path,
    run_id: str,
    report: Report | None = None,
    config: dict[str, Any] | None = None,
    home: str = "student-dropout--semester2",
    **summary: Any,
) -> Path:
    """Writes the folder of a run as `yachay run` leaves it, and returns it."""
    folder = workdir / home / "runs" / run_id
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config or {"name": "student_dropout"}), encoding="utf-8")
    fields: dict[str, Any] = {"pipeline": "student_dropout", "task": "semester2", "run_id": run_id}
    if report is not None:
        artifact = workdir / home / "artifacts/EvaluationReport/report" / run_id
        artifact.mkdir(parents=True)
        (artifact / "report.html").write_text("<!doctype html><title>page</title>", encoding="utf-8")
        (artifact / "report.json").write_text(report.model_dump_json(), encoding="utf-8")
        fields |= {
            "report_uri": str(artifact / "report.html"),
            "verdict": "blessed" if report.verdict.is_blessed else "not_blessed",
            "metrics": {name: estimate.value for name, estimate in report.metrics.items()},
        }
    Summary(**fields | summary).write(folder / "summary.json")
    return folder
