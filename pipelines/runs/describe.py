"""Fields of `Summary` from the artifacts of a run, whether its pipeline ran as it is or as a compiled spec."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...components.drift_monitor.output import PAGE_FILE
from ...components.evaluation_report.report import COMPARISON
from ...components.evaluator.settings import Bounds
from ...components.pusher.settings import REJECTION
from ...components.tuner.settings import TUNING
from ...model_store.metadata import METADATA_FILE

if TYPE_CHECKING:
    from ...components.evaluator.evaluation import Evaluation, Failure

Properties = Mapping[str, Any]
Fields = dict[str, Any]


def describe_ingest(examples: Properties) -> Fields:
    """Returns the counts, the fingerprint and the warnings of the ingest, from its examples."""
    return {
        "rows": {name: int(examples[f"rows_{name}"]) for name in ("read", "kept", "quarantined")},
        "data_fingerprint": examples["data_fingerprint"],
        "warnings": json.loads(examples["warnings"]),
    }


def describe_evaluation(
    evaluation: "Evaluation",
    min_slice_rows: int | None,
    left_out: Iterable[Mapping[str, str]] = (),
    thresholds: Mapping[str, Bounds] | None = None,
) -> Fields:
    """Returns the metrics of an evaluation, those of the slices that may be shown, and why the model is not blessed.

    Args:
        evaluation: `Evaluation`.
        min_slice_rows: int or None. Slices of fewer rows are not shown, nor those from which they would follow; None
            shows no slice.
        left_out: iterable of slices that the report leaves out: column to value. Defaults to none.
        thresholds: mapping of metric to its `Bounds`, whose reasons stand beside what is not met. Defaults to none.
    """
    from ...components.evaluator.suppression import hidden_slices

    shown = []
    if min_slice_rows is not None:
        counts = {frozenset(key): rows for key, rows in evaluation.rows.items()}
        hidden = hidden_slices(counts, min_slice_rows) | {frozenset(one.items()) for one in left_out}
        shown = sorted(key for key in evaluation.slices if key and frozenset(key) not in hidden)
    reasons = [
        _reason(failure, (thresholds or {}).get(failure.metric), is_hidden=failure.slice_key not in {(), *shown})
        for failure in evaluation.failures
    ]
    return {
        "metrics": evaluation.metrics,
        "baseline_metrics": evaluation.baseline_metrics,
        "slices": [{"slice": dict(key), "rows": evaluation.rows[key], **evaluation.slices[key]} for key in shown],
        # Slices that may not be shown differ in what is left out of their lines.
        "reasons": list(dict.fromkeys(reasons)),
    }


def _reason(failure: "Failure", bounds: Bounds | None, *, is_hidden: bool) -> str:
    line = failure.describe(is_hidden=is_hidden)
    if bounds is None or failure.is_change:
        return line
    reason = bounds.lower_reason if failure.is_too_low else bounds.upper_reason
    return f"{line} ({reason})" if reason else line


def describe_champion_gate(blessing: Properties) -> Fields:
    """Returns the verdict on a candidate that was compared with the champion, where that is what it fails by."""
    comparison = json.loads(blessing.get(COMPARISON, "{}"))
    if not comparison.get("metric") or comparison["passes"]:
        return {}
    return {"verdict": "not_blessed", "reasons": [comparison["reason"]]}


def describe_tuning(results: Properties, uri: str, metrics: Mapping[str, float]) -> Fields:
    """Returns the outline of a search, with what the model that it chose reaches on records that it has not seen.

    Args:
        results: mapping. The properties of `tuner_results`.
        uri: string. Where they lie.
        metrics: mapping. Those of the evaluation; empty where there was none.
    """
    outline = json.loads(results[TUNING])
    held_out = metrics.get(outline["objective"])
    return {"tuning": outline | {"held_out": held_out, "tuned_uri": f"{uri}/{outline.pop('tuned_file')}"}}


def describe_training(model: Path) -> Fields:
    """Returns the family of a model and, of a training on several devices, their strategy and the global batch.

    Args:
        model: path. The artifact `model`; one of a `run_fn` of a system's own may lack the metadata.
    """
    from ...components.tfx_api import path_utils

    file = Path(path_utils.serving_model_path(str(model)), METADATA_FILE)
    if not file.is_file():
        return {}
    metadata = json.loads(file.read_bytes())
    used = metadata["hyperparameters"]
    devices = {name: used[name] for name in ("strategy", "replicas", "global_batch_size") if name in used}
    return {"training": {"family": metadata["family"], **devices}}


def describe_tracking(tracking: Properties) -> Fields:
    """Returns what tracking the run came to, from the properties of `tracking`."""
    return {"tracking": {name: tracking.get(name, "") for name in ("state", "url", "model", "reason")}}


def describe_monitoring(report: Properties, folder: Path) -> Fields:
    """Returns what the monitor found, from its report.

    Args:
        report: mapping. The properties of `report`.
        folder: path. Where it lies.
    """
    found = {name: report.get(name, "") for name in ("verdict", "model", "drifted")}
    return {"monitoring": found | {"page_uri": str(folder / PAGE_FILE)}}


def describe_retraining(decision: Properties) -> Fields:
    """Returns whether a training was started and why, from the properties of `decision`."""
    found = {name: decision.get(name, "") for name in ("reason", "run_id")}
    return {"retraining": {"starts": bool(decision.get("starts"))} | found}


def describe_push(pushed_model: Properties) -> Fields:
    """Returns what was pushed, and the outcome of the deployment, from the pushed model."""
    fields: Fields = {
        "pushed_model_uri": pushed_model.get("pushed_destination"),
        "rejection": pushed_model.get(REJECTION),
    }
    if "deploy_state" in pushed_model:
        fields["deployment"] = {
            "state": pushed_model["deploy_state"],
            "service_url": pushed_model.get("service_url", ""),
            "serving_version": pushed_model.get("serving_version", ""),
            "reason": pushed_model.get("deploy_reason", ""),
        }
    return fields
