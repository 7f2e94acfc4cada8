"""Why a run failed on Kubeflow Pipelines.

The server returns states and no reasons: `error` of a run, of its tasks and of their histories is empty
(kubeflow/pipelines at 7b70c7b95f: `toApiRun` and `toApiPipelineTaskDetail` set it only where the server cannot convert
its own record). The reason is in the log of the failed pod. Argo keeps that log as the artifact `main-logs` of the
pod's node (`archiveLogs`, which Kubeflow's manifests switch on), and the API server returns it at
`runs/{run_id}/nodes/{node_id}/artifacts/main-logs:read`, also once the pod is gone.

A task is an Argo node `<workflow>.root.<task>` whose child `executor` is the pod, or with a retry policy a node over
the pods `executor(0)`, `executor(1)`, ... The server lists the ids of a task's child nodes (`child_tasks[].pod_name`);
an id is the workflow's name and a hash of the node's name.
"""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from .client import Client, KubeflowError

DRIVER = "-driver"

_NUM_LINES = 3
_MAX_RETRIES = 20
_FNV_OFFSET, _FNV_PRIME = 2166136261, 16777619


@dataclasses.dataclass(frozen=True)
class Failure:
    """A task that failed.

    Args:
        task: string. Name of the task, or of its driver where the task could not be started.
        reason: string. Why, as far as the task's log shows it.
    """

    task: str
    reason: str

    def __str__(self) -> str:
        return f"{self.task}: {self.reason}"


def find_failures(client: Client, run: Any, tasks: Sequence[str]) -> list[Failure]:
    """Returns the tasks of a run that failed, each with its reason.

    Args:
        client: `Client`.
        run: `V2beta1Run`.
        tasks: sequence of strings. Names of the pipeline's tasks.
    """
    details = (run.run_details.task_details if run.run_details else None) or ()
    names = {*tasks, *(f"{task}{DRIVER}" for task in tasks)}
    failed = [detail for detail in details if detail.state == "FAILED" and detail.display_name in names]
    known = {node_id for detail in details for node_id in child_ids(detail)}
    return [
        Failure(detail.display_name, _reason(client, run.run_id, list(_node_ids(detail, known)))) for detail in failed
    ]


def child_ids(detail: Any) -> list[str]:
    """Returns the ids of the Argo nodes below a task's own, as the server lists them."""
    return [child.pod_name for child in detail.child_tasks or () if child.pod_name]


def node_id(workflow: str, node: str) -> str:
    """Returns the id that Argo gives a node: the workflow's name and the 32-bit FNV-1a hash of the node's name."""
    value = _FNV_OFFSET
    for byte in node.encode():
        value = (value ^ byte) * _FNV_PRIME % 2**32
    return f"{workflow}-{value}"


def reason_in_log(log: str) -> str:
    """Returns why a step failed: the error in the JSON line that ends a step of ours, else the log's last lines."""
    lines = [line for line in log.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.lstrip().startswith("{"):
            try:
                document = json.loads(line)
            except ValueError:
                continue
            if isinstance(document, dict) and document.get("state") == "failed" and document.get("error"):
                return str(document["error"])
    return "its log ends with\n" + "\n".join(f"    {line}" for line in lines[-_NUM_LINES:]) if lines else "an empty log"


def _node_ids(detail: Any, known: set[str]) -> Iterable[str]:
    """Yields ids of the nodes that may have a failed task's log, the likeliest first."""
    workflows = {identity.rpartition("-")[0] for identity in known}
    children = child_ids(detail)
    for workflow in sorted(workflows):
        name = f"{workflow}.root.{detail.display_name}"
        # The server looks below a node too, but returns the first attempt's log, where the last one's is of interest.
        attempts = (node_id(workflow, f"{name}.executor({attempt})") for attempt in reversed(range(_MAX_RETRIES)))
        yield from (identity for identity in attempts if identity in known)
        if detail.display_name.endswith(DRIVER):
            yield node_id(workflow, name)
            return  # Below a driver's node lie those of other tasks.
    yield from children


def _reason(client: Client, run_id: str, node_ids: Sequence[str]) -> str:
    received = "the server lists no pod of it"
    for identity in node_ids:
        try:
            log = client.read_node_log(run_id, identity)
        except KubeflowError as error:
            received = str(error)
        else:
            return reason_in_log(log)
    return f"unknown, for its log cannot be read here ({received})"
