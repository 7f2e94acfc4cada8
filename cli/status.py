"""`yachay status`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from . import cluster_options, frame, options
from .exit_status import ExitStatus

if TYPE_CHECKING:
    from ..deployment.cluster import Cluster
    from ..deployment.status import Status

POLL_SECONDS = 2.0
AWAY_SECONDS = 600.0
"""How long the Kubernetes API may not respond while a rollout is watched."""
_STATUS = {"rolled_back": ExitStatus.ROLLED_BACK, "held": ExitStatus.ROLLED_BACK, "failed": ExitStatus.FAILED}


def _hints(output: frame.Fields, error: BaseException) -> Iterator[str]:
    if isinstance(error, KeyboardInterrupt):
        yield "What is deployed goes on."


@frame.command("status", hints=_hints)
@options.pipeline_argument
@options.task_option
@cluster_options.namespace_option
@cluster_options.context_option
@click.option("--watch", "is_watching", is_flag=True, help="Until the rollout that is under way has come to its end.")
@click.option("--version", type=int, metavar="N", help="With --watch: until that of version N has, once it begins.")
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    task: str | None,
    is_watching: bool,
    version: int | None,
    namespace: str | None,
    context: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> ExitStatus:
    """Show which model a service serves, how ready it is, and the result of its last rollout.

    With --watch each change is printed, and the exit status is that of `yachay deploy`. A Kubernetes API that does not
    respond any more is asked again for ten minutes.
    """
    from ..deployment.status import read_status

    if version is not None and not is_watching:
        raise UsageError("Expected --version with --watch. Received: --version alone.")
    _, cluster, name = cluster_options.find_service(pipeline, task, config_path, overrides, namespace, context)
    found = _watch(cluster, name, version) if is_watching else read_status(cluster, name)
    if found is None:
        raise UsageError(
            f"Expected an InferenceService {name} in the namespace {cluster.namespace}. Received: none. Deploy it: "
            f"yachay deploy {pipeline}."
        )
    output.update(found.to_json())
    if not frame.is_json():
        click.echo(_describe(found))
    if not is_watching:
        return ExitStatus.DONE
    if found.is_under_way:
        cluster_options.say(f"Go on: yachay deploy {pipeline}. End it: yachay rollback {pipeline}.")
        return ExitStatus.FAILED
    return _STATUS.get(found.rollout or "", ExitStatus.DONE)


def _watch(cluster: "Cluster", name: str, version: int | None) -> "Status | None":
    """Returns the status once the rollout has come to its end, or has had no holder for as long as a Lease lasts."""
    from ..deployment.lease import HOLDER_SECONDS
    from ..deployment.status import read_status

    said, held = "", time.monotonic()
    found = read_status(cluster, name)
    while True:
        is_awaited = version is not None and (found is None or found.rollout_version != version)
        if not is_awaited and (found is None or not found.is_under_way):
            return found
        line = _progress(found, version if is_awaited else None)
        if line != said:
            cluster_options.say(line)
            said = line
        if is_awaited or (found is not None and found.holder != ""):
            held = time.monotonic()
        elif time.monotonic() - held > HOLDER_SECONDS:
            return found
        time.sleep(POLL_SECONDS)
        before = time.monotonic()
        found = _read_again(cluster, name)
        # Who moves the rollout on may have had no API either.
        held += time.monotonic() - before


def _read_again(cluster: "Cluster", name: str) -> "Status | None":
    """Returns the status once the API responds, which it did before."""
    from ..deployment.errors import ClusterError
    from ..deployment.status import read_status

    start, is_said = time.monotonic(), False
    while True:
        try:
            found = read_status(cluster, name)
        except ClusterError as error:
            if error.is_rejection or time.monotonic() - start > AWAY_SECONDS:
                raise
            if not is_said:
                received = str(error).partition("Received: ")[2].partition(". ")[0]
                cluster_options.say(
                    f"the Kubernetes API does not respond ({received}): asked again for {AWAY_SECONDS / 60:g} minutes"
                )
                is_said = True
            time.sleep(POLL_SECONDS)
        else:
            if is_said:
                cluster_options.say("the Kubernetes API responds again")
            return found


def _progress(found: "Status | None", awaited: int | None) -> str:
    if found is None or awaited is not None:
        return f"waiting for the rollout of version {awaited}"
    share = f" at {found.canary_percent} % of the requests" if found.canary_version is not None else ""
    state = (found.rollout or "").replace("_", " ")
    return f"version {found.rollout_version}: {state}{share}{_is_left(found)}"


def _is_left(found: "Status") -> str:
    return "; nobody moves it on" if found.is_under_way and found.holder == "" else ""


def _describe(found: "Status") -> str:
    lines = [
        f"{found.name}: {'ready' if found.is_ready else 'not ready'}",
        f"  url        {found.url or 'not known yet'}",
        f"  mode       {found.mode}",
        f"  serving    {found.version or 'a model of other origin'}",
        f"  model      {found.storage_uri or 'not known'}",
    ]
    if found.canary_version is not None:
        lines.append(f"  canary     {found.canary_version} at {found.canary_percent} % of the requests")
    if found.rollout is not None:
        reason = f": {found.reason}" if found.reason else ""
        lines.append(f"  rollout    {found.rollout.replace('_', ' ')}{reason}{_is_left(found)}")
    lines += [f"  not ready  {condition}" for condition in found.not_ready]
    return "\n".join(lines)
