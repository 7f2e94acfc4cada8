"""Tracks a run on Kubeflow that failed."""

import json
from pathlib import Path

from .deliver import Delivery, deliver
from .describe import describe_unfinished, run_key
from .mlflow_runs import find_sent
from .mlflow_server import TrackingError
from .settings import TrackerConfig

_GOOD = ("COMPLETE", "SUCCEEDED")
_UNKNOWN = "RUNNING"
"""What Kubeflow Pipelines calls a run that imports artifacts, such as a baseline, also where it ended well."""


def track_failure(config: TrackerConfig, run_id: str, status: str, spool: Path) -> Delivery:
    """Sends a run that failed, unless `RunTracker` has dealt with it; where that fails keeps it in the spool.

    Args:
        config: `TrackerConfig`.
        run_id: string.
        status: string. The final status of the pipeline, in JSON.
        spool: path.
    """
    state, message = _read(status)
    if state in _GOOD:
        return Delivery("left")
    try:
        sent = find_sent(config.uri, config.experiment, run_key(config, run_id))
    except TrackingError as error:
        if state == _UNKNOWN:
            return Delivery("lost", reason=f"It is not known whether the run ended well. {error}")
        sent = None
    if sent is not None:
        return Delivery("left", sent.url)
    return deliver(describe_unfinished(config, run_id, message), spool)


def _read(status: str) -> tuple[str, str]:
    """Returns the state and the error of a pipeline's final status."""
    try:
        document = json.loads(status)
        state, error = str(document.get("state", "")), document.get("error") or {}
        message = str(error.get("message") or f"The run ended in the state {state or 'unknown'}; see its page.")
    except (ValueError, AttributeError):
        return "", f"The run ended with the status {status[:200]!r}."
    return state, message
