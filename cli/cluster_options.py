"""What the commands that talk to a cluster have in common."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..deployment.call import Outcome
    from ..deployment.cluster import Cluster
    from ..pipelines.config.pipeline_config import PipelineConfig

namespace_option = click.option("--namespace", metavar="TEXT", help="Namespace (default: the context's).")
context_option = click.option("--context", metavar="TEXT", help="Context of the kubeconfig (default: the current one).")


def connect(namespace: str | None, context: str | None) -> "Cluster":
    """Returns the cluster that the pod is in or that the kubeconfig names."""
    # The Kubernetes client takes a second to import: --help must not wait for it.
    from ..deployment.cluster import Cluster

    return Cluster.connect(namespace or None, context)


def find_service(
    pipeline: str,
    task: str | None,
    config_path: Path | None,
    overrides: Sequence[str],
    namespace: str | None,
    context: str | None,
) -> "tuple[PipelineConfig, Cluster, str]":
    """Returns the configuration of a pipeline, the cluster that serves it and the name of its service."""
    from ..pipelines.api import choose_task
    from ..pipelines.deployment import service_name
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(pipeline, config_path).load(overrides)
    name = service_name(config, choose_task(config, task))
    return config, connect(namespace or config.deploy.namespace, context), name


def say(line: str) -> None:
    """Prints progress for a person."""
    click.echo(line, err=True)


def print_outcome(name: str, outcome: "Outcome") -> None:
    """Prints the result of a rollout."""
    is_good = outcome.state in ("promoted", "unchanged")
    word = outcome.state.replace("_", " ").upper()
    click.echo("", err=True)
    click.secho(f"{word}: {name}, version {outcome.version}", err=True, fg="green" if is_good else "red", bold=True)
    if outcome.reason:
        click.echo(f"  reason     {outcome.reason}", err=True)
    click.echo(f"  serving    {outcome.serving_version or 'nothing yet'}", err=True)
    click.echo(f"  url        {outcome.url or 'not known yet'}", err=True)
