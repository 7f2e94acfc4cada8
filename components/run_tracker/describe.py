"""From a report to the record of a run."""

import hashlib
import json
import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ..evaluation_report.report import Estimate, NewestComparison, Report, SliceName, TrialRow
from .record import Dataset, NestedRun, PushedModel, RunRecord
from .settings import TrackerConfig

_UNKNOWN = re.compile(r"[^\w.\- :/]+")
_MAX_NAME = 150
_HASH_DIGITS = 6
_STATUS: Mapping[str, Any] = {"failed": "FAILED", "stopped": "KILLED", "out_of_time": "KILLED"}


def describe_run(
    report: Report,
    config: TrackerConfig,
    run_id: str,
    seconds: Mapping[str, float],
    peak_bytes: Mapping[str, int],
    files: Mapping[str, str],
    push: PushedModel | None,
) -> RunRecord:
    """Returns the record of a run that came to its report.

    Args:
        report: `Report`.
        config: `TrackerConfig`.
        run_id: string.
        seconds: mapping of node to the wall time that it took.
        peak_bytes: mapping of node to the most memory that its process held.
        files: mapping of an artifact's path on the server to a local path.
        push: `PushedModel` or None.
    """
    lineage, verdict = report.lineage, report.verdict
    end_ms = int(time.time() * 1000)
    reasons = [
        f"{threshold.metric}{_where(threshold.slice)} {threshold.value}, expected {_bounds(threshold)}"
        for threshold in verdict.thresholds
        if not threshold.is_met
    ]
    outcome = "not blessed" if not verdict.is_blessed else "rejected" if verdict.push_rejection else "blessed"
    newest = verdict.newest
    if newest is not None and not newest.passes and newest.metric:
        reasons.append(newest.reason)
    reason = verdict.push_rejection or "; ".join(reasons)
    tags = base_tags(config, run_id) | {
        "verdict": outcome,
        "reason": reason,
        "synthetic": str(verdict.is_synthetic).lower(),
        "family": lineage.family,
        "data_fingerprint": lineage.data_fingerprint,
        "model_uri": lineage.model_uri,
        "pushed_model_uri": lineage.pushed_model_uri,
        "yachay_version": lineage.code_version,
    }
    return RunRecord(
        key=run_key(config, run_id),
        experiment=config.experiment,
        name=run_id,
        start_ms=end_ms - int(1000 * sum(seconds.values())),
        end_ms=end_ms,
        parameters=_parameters(report),
        metrics={
            **dict(_estimates(report.metrics)),
            **_slices(report),
            **step_metrics(seconds, peak_bytes),
            **_newest(verdict.newest),
            **{f"rows/{name}": float(count) for name, count in report.data.rows.items()},
        },
        tags={name: value for name, value in tags.items() if value},
        note=f"{outcome}: {reason}" if reason else outcome,
        dataset=_dataset(report, config),
        nested=(*_trials(report), *_families(report)),
        files=dict(files),
        push=push,
        uri=config.uri,
        registry=config.registry,
    )


def describe_unfinished(
    config: TrackerConfig,
    run_id: str,
    error: str,
    *,
    is_interrupted: bool = False,
    metrics: Mapping[str, float] | None = None,
    seconds: Mapping[str, float] | None = None,
    failed_node: str = "",
    data_fingerprint: str = "",
    files: Mapping[str, str] | None = None,
) -> RunRecord:
    """Returns the record of a run that failed or was interrupted, with the reason and what it measured before.

    Args:
        config: `TrackerConfig`.
        run_id: string.
        error: string. Why it ended.
        is_interrupted: bool. Defaults to False.
        metrics: mapping of metric to value. Defaults to none.
        seconds: mapping of node to the wall time that it took. Defaults to none.
        failed_node: string. Where it ended.
        data_fingerprint: string. Empty where the records were not read.
        files: mapping of an artifact's path on the server to a local path. Defaults to none.
    """
    end_ms = int(time.time() * 1000)
    tags = base_tags(config, run_id) | {
        "verdict": "interrupted" if is_interrupted else "failed",
        "reason": error,
        "failed_node": failed_node,
        "data_fingerprint": data_fingerprint,
    }
    return RunRecord(
        key=run_key(config, run_id),
        experiment=config.experiment,
        name=run_id,
        status="KILLED" if is_interrupted else "FAILED",
        start_ms=end_ms - int(1000 * sum((seconds or {}).values())),
        end_ms=end_ms,
        metrics={name: value for name, value in (metrics or {}).items() if math.isfinite(value)}
        | step_metrics(seconds or {}, {}),
        tags={name: value for name, value in tags.items() if value},
        note=f"{tags['verdict']}{f' at {failed_node}' if failed_node else ''}: {error}",
        dataset=Dataset(name=config.pipeline, fingerprint=data_fingerprint, source=config.source)
        if data_fingerprint
        else None,
        files=dict(files or {}),
        uri=config.uri,
        registry=config.registry,
    )


def run_key(config: TrackerConfig, run_id: str) -> str:
    """Returns what no two runs have in common, whoever sends them."""
    return f"{config.home}/{run_id}"


def base_tags(config: TrackerConfig, run_id: str) -> dict[str, str]:
    """Returns the tags of any run, some of them empty."""
    return {
        "pipeline": config.pipeline,
        "task": config.task,
        "run_id": run_id,
        "kfp_run_id": run_id if config.image else "",
        "image": config.image,
        "mlflow.source.git.commit": config.git_commit,
        "mlflow.source.name": f"yachay run {config.pipeline} --task {config.task}",
    }


def step_metrics(seconds: Mapping[str, float], peak_bytes: Mapping[str, int]) -> dict[str, float]:
    """Returns the seconds and the memory of steps as metrics."""
    return {f"seconds/{node}": value for node, value in seconds.items()} | {
        f"memory_mib/{node}": round(value / 2**20, 1) for node, value in peak_bytes.items()
    }


def _parameters(report: Report) -> dict[str, str]:
    lineage = report.lineage
    given: dict[str, Any] = {"family": lineage.family, "seed": lineage.seed, **dict(_flat(lineage.parameters, ""))}
    inputs = [feature.name for feature in report.data.features if feature.is_used]
    return {metric_name(name): _text(value) for name, value in given.items() if value is not None} | {
        "features": str(len(inputs)),
        "problem": report.problem.value,
    }


def _flat(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _estimates(metrics: Mapping[str, Estimate], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yields each metric, and the bounds of its interval where it has one."""
    for name, one in metrics.items():
        for suffix, value in (("", one.value), ("/lower", one.low), ("/upper", one.high)):
            if value is not None:
                yield f"{prefix}{metric_name(name)}{suffix}", value


def _newest(newest: NewestComparison | None) -> dict[str, float]:
    """Returns what a candidate and the champion reach on the newest labelled rows, where they were compared."""
    if newest is None or newest.candidate is None or newest.champion is None:
        return {}
    name = metric_name(newest.metric)
    return {
        f"newest/{name}": newest.candidate,
        f"newest/champion/{name}": newest.champion,
        "newest/rows": float(newest.rows),
    }


def _slices(report: Report) -> dict[str, float]:
    """Returns the metrics of all slices that may be shown; those whose names MLflow would confuse have a hash."""
    found: dict[str, float] = {}
    shown = [row for row in report.slices if row.slice and not row.is_suppressed]
    names = [metric_name(_slice_name(row.slice)).replace("/", "-") for row in shown]
    counts = Counter(names)
    for row, name in zip(shown, names, strict=True):
        prefix = f"slice/{name}/" if counts[name] == 1 else f"slice/{name} {_hash(_slice_name(row.slice))}/"
        found |= dict(_estimates(row.metrics, prefix))
        if row.rows is not None:
            found[f"{prefix}rows"] = float(row.rows)
    return found


def _slice_name(name: SliceName) -> str:
    return ", ".join(f"{column}: {value}" for column, value in name.items())


def metric_name(name: str) -> str:
    """Returns a name that MLflow takes for a metric: letters, digits, `_`, `-`, `.`, `/`, `:` and spaces; a long one is
    cut, with a hash of the whole."""
    known = _UNKNOWN.sub("_", name).strip() or "_"
    return known if len(known) <= _MAX_NAME else f"{known[: _MAX_NAME - _HASH_DIGITS - 1]} {_hash(name)}"


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]


def _dataset(report: Report, config: TrackerConfig) -> Dataset | None:
    if not report.lineage.data_fingerprint:
        return None
    return Dataset(
        name=config.pipeline,
        fingerprint=report.lineage.data_fingerprint,
        source=config.source,
        rows=report.data.rows,
    )


def _trials(report: Report) -> Iterator[NestedRun]:
    if report.trials is None:
        return
    for trial in report.trials.trials:
        yield NestedRun(
            name=f"trial {trial.number}",
            status=_STATUS.get(trial.status, "FINISHED"),
            parameters={"family": trial.family}
            | {metric_name(name): _text(value) for name, value in trial.parameters.items()},
            metrics=_trial_metrics(trial, report.trials.objective),
            tags={
                "kind": "trial",
                "source": trial.source,
                "status": trial.status,
                "taken": str(trial.number == report.trials.taken).lower(),
                **({"reason": trial.message} if trial.message else {}),
            },
        )


def _trial_metrics(trial: TrialRow, objective: str) -> dict[str, float]:
    folds = {f"fold/{index}": score for index, score in enumerate(trial.folds, 1) if score is not None}
    mean = {} if trial.score is None else {metric_name(objective): trial.score}
    return mean | folds | {"seconds": trial.seconds}


def _families(report: Report) -> Iterator[NestedRun]:
    families = [row for row in report.leaderboard if row.kind == "family"]
    for row in families if len(families) > 1 else ():
        yield NestedRun(
            name=f"family {row.name}",
            parameters={"family": row.name},
            metrics={metric_name(name): value for name, value in row.metrics.items() if value is not None},
            tags={"kind": "family", "records": row.records},
        )


def _where(name: SliceName) -> str:
    return f" of {_slice_name(name)}" if name else ""


def _bounds(threshold: Any) -> str:
    sides = (("at least", threshold.lower), ("at most", threshold.upper))
    return " and ".join(f"{word} {value:g}" for word, value in sides if value is not None)
