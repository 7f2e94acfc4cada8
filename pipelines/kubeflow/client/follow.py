"""Follows a run on Kubeflow Pipelines to its end."""

import dataclasses
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from ....errors import UsageError, carrying
from ...runs.progress import NodeProgress, Progress
from .client import Client, KubeflowError
from .failure import find_failures
from .submission import Order, Submission

POLL_SECONDS = 5.0
LOST_SECONDS = 60.0

_FINISHED = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
_NODE_STATES = {
    "RUNNING": "running",
    "SUCCEEDED": "done",
    "SKIPPED": "skipped",
    "FAILED": "failed",
    "CANCELED": "interrupted",
}


def read_duration(text: str) -> float:
    """Returns the seconds of a duration such as `90m`, `2h` or `1h30m`.

    Raises:
        UsageError: if it is none.
    """
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if not total:
        raise UsageError(f"Expected --timeout to be a duration above 0, such as 90m, 2h or 1h30m. Received: {text!r}.")
    return total


def follow(
    client: Client, order: Order, submission: Submission, stderr: TextIO, timeout_seconds: float | None = None
) -> Submission:
    """Follows a run to its end, with a line a task, and returns the submission with the run's last state.

    Args:
        client: `Client`.
        order: `Order`.
        submission: `Submission` with a run.
        stderr: text stream of the progress.
        timeout_seconds: float or None. How long it waits at most; the run goes on. Defaults to None, to the end.

    Raises:
        KubeflowError: if the run does not succeed or not in time, or the server is gone for longer than a minute. It
            carries the submission with the last state that was seen: see `errors.partial_result`.
    """
    followed = dataclasses.replace(submission)
    with carrying(followed):
        _follow(client, order, followed, stderr, timeout_seconds)
    return followed


def _follow(
    client: Client, order: Order, submission: Submission, stderr: TextIO, timeout_seconds: float | None
) -> None:
    nodes = {name: NodeProgress(name) for name in order.package.task_names()}
    start = last_response = time.monotonic()
    with Progress(stderr, list(nodes.values())) as progress:
        while submission.state not in _FINISHED:
            try:
                run = client.get_run(submission.run_id)
            except KubeflowError as error:
                if not error.may_pass or time.monotonic() - last_response > LOST_SECONDS:
                    raise KubeflowError(f"{error}\nThe run may go on: {submission.link}", error.status) from None
            else:
                last_response = time.monotonic()
                if run.error and not run.state:
                    raise KubeflowError(
                        f"Expected the server to return the state of the run. Received: {run.error.message}. "
                        f"Its page: {submission.link}"
                    )
                submission.state = run.state
                _show(run, nodes, progress)
            if submission.state not in _FINISHED:
                if timeout_seconds is not None and time.monotonic() - start + POLL_SECONDS > timeout_seconds:
                    raise KubeflowError(
                        f"Expected the run to end within the --timeout of {timeout_seconds:g} s. Received: "
                        f"{submission.state}. The run goes on: {submission.link}"
                    )
                time.sleep(POLL_SECONDS)
    if submission.state != "SUCCEEDED":
        raise KubeflowError(_failure(client, run, nodes.values(), submission))


def _show(run: Any, nodes: Mapping[str, NodeProgress], progress: Progress) -> None:
    """Takes over the states of the tasks; the server also lists each task's driver and pod, which nobody wrote."""
    for detail in _details(run):
        node = nodes.get(detail.display_name)
        state = _NODE_STATES.get(detail.state, "waiting")
        if node is None or node.state == state:
            continue
        node.state = state
        if detail.start_time and detail.end_time:
            node.seconds = max((detail.end_time - detail.start_time).total_seconds(), 0.0)
        if state not in ("waiting", "running"):
            progress.ended(node)


def _failure(client: Client, run: Any, nodes: Iterable[NodeProgress], submission: Submission) -> str:
    failures = find_failures(client, run, [node.id for node in nodes]) if submission.state == "FAILED" else []
    tasks = ", ".join(failure.task for failure in failures)
    received = f"{submission.state} of {tasks}." if tasks else f"{submission.state}."
    lines = [f"Expected the run to succeed. Received: {received}", *(f"  {failure}" for failure in failures)]
    return "\n".join([*lines, f"Its logs: {submission.link}"])


def _details(run: Any) -> Sequence[Any]:
    return (run.run_details.task_details if run.run_details else None) or ()
