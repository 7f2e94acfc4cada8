"""`yachay list`."""

import json

import click

from ..errors import YachayError
from ..pipelines.config.pipeline_config import FAMILIES
from ..pipelines.registry import find_pipelines
from . import options
from .exit_status import ExitStatus


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> ExitStatus:
    """List the pipelines with their tasks and model families."""
    try:
        configs = [folder.load() for folder in find_pipelines().values()]
    except YachayError as error:
        return options.report_error(error)
    pipelines = [
        {
            "name": config.name,
            "title": config.title,
            "problem": config.problem.value,
            "tasks": list(config.tasks),
            "default_task": config.default_task,
            "family": config.model.family,
            "families": list(FAMILIES),
        }
        for config in configs
    ]
    if as_json:
        click.echo(json.dumps({"pipelines": pipelines}, indent=2))
        return ExitStatus.DONE
    for pipeline in pipelines:
        click.echo(f"{pipeline['name']}: {pipeline['title']}")
        tasks = (f"{task} (default)" if task == pipeline["default_task"] else task for task in pipeline["tasks"])
        families = (f"{name} (default)" if name == pipeline["family"] else name for name in FAMILIES)
        click.echo(f"  tasks     {', '.join(tasks)}")
        click.echo(f"  families  {', '.join(families)}")
    return ExitStatus.DONE
