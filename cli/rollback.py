"""`yachay rollback`."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from ..errors import YachayError
from ..pipelines.registry import find_pipeline
from . import cluster_options, options
from .exit_status import ExitStatus


@click.command("rollback")
@options.pipeline_argument
@options.task_option
@click.option(
    "--reason", metavar="TEXT", default="by hand", show_default=True, help="Recorded on the InferenceService."
)
@cluster_options.namespace_option
@cluster_options.context_option
@options.config_option
@options.set_option
@options.json_option
def command(
    pipeline: str,
    task: str | None,
    reason: str,
    namespace: str | None,
    context: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> ExitStatus:
    """End a rollout that is under way: the last good model gets all requests.

    To go back to an earlier model after a rollout has ended, deploy that model: yachay deploy NAME --model URI.
    """
    answer: dict[str, Any] = {"state": None, "error": None}
    status = ExitStatus.DONE
    try:
        config = find_pipeline(pipeline, config_path).load(overrides)
        chosen = options.choose_task(config, task)
        from ..deployment.rollout import rollback
        from ..pipelines.deployment import service_name

        cluster = cluster_options.connect(namespace or config.deploy.namespace, context)
        name = service_name(config, chosen)
        outcome = rollback(cluster, name, config.deploy.canary.plan(), cluster_options.say, reason)
        answer |= dataclasses.asdict(outcome)
        cluster_options.print_outcome(name, outcome)
    except (YachayError, OSError, KeyboardInterrupt) as error:
        answer["error"] = str(error) or "Interrupted."
        status = options.report_error(error)
    finally:
        if as_json:
            click.echo(json.dumps(answer, indent=2))
    return status
