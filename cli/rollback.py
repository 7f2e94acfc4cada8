"""`yachay rollback`."""

import dataclasses
from pathlib import Path

import click

from . import cluster_options, frame, options
from .exit_status import ExitStatus

_STATUS = {"failed": ExitStatus.FAILED, "taken_over": ExitStatus.ROLLED_BACK}


@frame.command("rollback", fields=["state"])
@options.pipeline_argument
@options.task_option
@click.option(
    "--reason", metavar="TEXT", default="by hand", show_default=True, help="Recorded on the InferenceService."
)
@click.option("--to", "version", type=int, metavar="VERSION", help="Version promoted before (default: the last one).")
@cluster_options.namespace_option
@cluster_options.context_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    task: str | None,
    reason: str,
    version: int | None,
    namespace: str | None,
    context: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> ExitStatus:
    """Give all requests to the last good model, at once.

    That ends a rollout that is under way; a `yachay deploy` that is at work ends as taken over. After a promotion it
    goes back to the model that was promoted before.
    """
    from ..deployment.going_back import rollback

    config, cluster, name = cluster_options.find_service(pipeline, task, config_path, overrides, namespace, context)
    outcome = rollback(cluster, name, config.deploy.canary, cluster_options.say, reason, version)
    output.update(dataclasses.asdict(outcome))
    cluster_options.print_outcome(name, outcome)
    return _STATUS.get(outcome.state, ExitStatus.DONE)
