"""What the artifacts of a run say of it, whether its pipeline ran as it is or as a compiled spec."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .summary import Summary

if TYPE_CHECKING:
    from ...components.evaluator.evaluation import Evaluation

Properties = Mapping[str, Any]


def describe_ingest(examples: Properties, summary: Summary) -> None:
    """Takes the counts, the fingerprint and the warnings of the ingest from its examples."""
    summary.rows = {name: int(examples[f"rows_{name}"]) for name in ("read", "kept", "quarantined")}
    summary.data_fingerprint = examples["data_fingerprint"]
    summary.warnings += json.loads(examples["warnings"])


def describe_evaluation(evaluation: "Evaluation", min_slice_rows: int | None, summary: Summary) -> None:
    """Takes the metrics from an evaluation, and those of slices with that many records; None takes no slices."""
    summary.metrics, summary.baseline_metrics = evaluation.metrics, evaluation.baseline_metrics
    if min_slice_rows is not None:
        summary.slices = [
            {"slice": dict(key), "rows": evaluation.rows[key], **metrics}
            for key, metrics in sorted(evaluation.slices.items())
            if key and evaluation.rows[key] >= min_slice_rows
        ]


def describe_push(pushed_model: Properties, summary: Summary) -> None:
    """Takes what was pushed, and what became of the deployment, from the pushed model."""
    summary.pushed_model_uri = pushed_model.get("pushed_destination")
    summary.refusal = pushed_model.get("refusal")
    if "deploy_state" in pushed_model:
        summary.deployment = {
            "state": pushed_model["deploy_state"],
            "service_url": pushed_model.get("service_url", ""),
            "serving_version": pushed_model.get("serving_version", ""),
            "reason": pushed_model.get("deploy_reason", ""),
        }
