"""`yachay status`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError, YachayError
from ..pipelines.registry import find_pipeline
from . import cluster_options, options
from .exit_status import ExitStatus

if TYPE_CHECKING:
    from ..deployment.status import Status


@click.command("status")
@options.pipeline_argument
@options.task_option
@cluster_options.namespace_option
@cluster_options.context_option
@options.config_option
@options.set_option
@options.json_option
def command(
    pipeline: str,
    task: str | None,
    namespace: str | None,
    context: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> ExitStatus:
    """Say which model a service serves, how ready it is, and what its last rollout came to."""
    answer: dict[str, Any] = {"error": None}
    status = ExitStatus.DONE
    try:
        config = find_pipeline(pipeline, config_path).load(overrides)
        chosen = options.choose_task(config, task)
        from ..deployment.status import read_status
        from ..pipelines.deployment import service_name

        cluster = cluster_options.connect(namespace or config.deploy.namespace, context)
        name = service_name(config, chosen)
        found = read_status(cluster, name)
        if found is None:
            raise UsageError(
                f"Expected an InferenceService {name} in the namespace {cluster.namespace}. Received: none. Deploy it: "
                f"yachay deploy {pipeline}."
            )
        answer |= found.to_json()
        if not as_json:
            click.echo(_in_words(found))
    except (YachayError, OSError, KeyboardInterrupt) as error:
        answer["error"] = str(error) or "Interrupted."
        status = options.report_error(error)
    finally:
        if as_json:
            click.echo(json.dumps(answer, indent=2))
    return status


def _in_words(found: "Status") -> str:
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
