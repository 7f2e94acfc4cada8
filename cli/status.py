"""`yachay status`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from . import cluster_options, frame, options

if TYPE_CHECKING:
    from ..deployment.status import Status


@frame.command("status")
@options.pipeline_argument
@options.task_option
@cluster_options.namespace_option
@cluster_options.context_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    task: str | None,
    namespace: str | None,
    context: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Show which model a service serves, how ready it is, and the result of its last rollout."""
    from ..deployment.status import read_status

    _, cluster, name = cluster_options.find_service(pipeline, task, config_path, overrides, namespace, context)
    found = read_status(cluster, name)
    if found is None:
        raise UsageError(
            f"Expected an InferenceService {name} in the namespace {cluster.namespace}. Received: none. Deploy it: "
            f"yachay deploy {pipeline}."
        )
    output.update(found.to_json())
    if not frame.is_json():
        click.echo(_describe(found))


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
        lines.append(f"  rollout    {found.rollout.replace('_', ' ')}{f': {found.reason}' if found.reason else ''}")
    lines += [f"  not ready  {condition}" for condition in found.not_ready]
    return "\n".join(lines)
