"""`yachay rollback`."""

import dataclasses
from pathlib import Path

import click

from . import cluster_options, frame, options


@frame.command("rollback", fields=["state"])
@options.pipeline_argument
@options.task_option
@click.option(
    "--reason", metavar="TEXT", default="by hand", show_default=True, help="Recorded on the InferenceService."
)
@cluster_options.namespace_option
@cluster_options.context_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    task: str | None,
    reason: str,
    namespace: str | None,
    context: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """End a rollout that is under way: the last good model gets all requests.

    To go back to an earlier model after a rollout has ended, deploy that model: yachay deploy NAME --model URI.
    """
    from ..deployment.rollout import rollback

    config, cluster, name = cluster_options.find_service(pipeline, task, config_path, overrides, namespace, context)
    outcome = rollback(cluster, name, config.deploy.canary, cluster_options.say, reason)
    output.update(dataclasses.asdict(outcome))
    cluster_options.print_outcome(name, outcome)
