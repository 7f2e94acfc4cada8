"""The exit handler of the pipeline `monitor`: reports how its run ended, also where a step failed."""

# No `from __future__ import annotations`: TFX reads the annotations.

import datetime
import json

from tfx.dsl.components.base.base_node import BaseNode

from ...components.retraining.objects import open_objects
from ...components.tfx_api import FinalStatusStr, Parameter, exit_handler


@exit_handler  # type: ignore[untyped-decorator]
def report_end(status: Parameter[str], state_uri: Parameter[str]):  # type: ignore[no-untyped-def]
    """Writes how a run ended as one line of JSON into the step's log, and keeps it beside the decisions.

    Args:
        status: string. What Kubeflow Pipelines says of the run, as JSON.
        state_uri: string. Where the state of retraining is.
    """
    now = datetime.datetime.now(datetime.UTC)
    line = end_line(status, now)
    print(line, flush=True)
    open_objects(state_uri).write(f"_ends/{now:%Y%m%dT%H%M%S%f}.json", f"{line}\n".encode())


def end_line(status: str, now: datetime.datetime) -> str:
    """Returns how a run ended as one line of JSON: `time`, `run`, `state` and `error`."""
    found = json.loads(status) if status else {}
    return json.dumps(
        {
            "time": now.isoformat(timespec="seconds"),
            "run": found.get("pipelineJobResourceName", ""),
            "state": found.get("state", "unknown"),
            "error": (found.get("error") or {}).get("message", ""),
        },
        ensure_ascii=False,
    )


def make_end_report(state_uri: str) -> BaseNode:
    """Returns the exit handler.

    Args:
        state_uri: string. Where the state of retraining is.
    """
    handler: BaseNode = report_end(status=FinalStatusStr(), state_uri=state_uri)
    return handler
