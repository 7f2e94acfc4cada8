"""`yachay list`."""

from typing import Any

import click

from ..errors import YachayError
from . import frame


@frame.command("list", fields=["pipelines"])
def command(output: frame.Fields) -> None:
    """List the pipelines with their tasks and model families."""
    from ..components.trainer.family import family_choices
    from ..pipelines.registry import find_pipelines

    pipelines: list[dict[str, Any]] = []
    for name, folder in find_pipelines().items():
        try:
            config = folder.load()
        except YachayError as error:
            pipelines.append({"name": name, "error": str(error)})
            continue
        pipelines.append(
            {
                "name": config.name,
                "title": config.title,
                "problem": config.problem.value,
                "tasks": list(config.tasks),
                "default_task": config.default_task,
                "family": config.model.family,
                "families": list(family_choices(config.extensions)),
            }
        )
    output["pipelines"] = pipelines
    if frame.is_json():
        return
    for pipeline in pipelines:
        if "error" in pipeline:
            click.echo(f"{pipeline['name']}: cannot be used")
            click.echo(f"  {pipeline['error']}".replace("\n", "\n  "))
            continue
        click.echo(f"{pipeline['name']}: {pipeline['title']}")
        tasks = (f"{task} (default)" if task == pipeline["default_task"] else task for task in pipeline["tasks"])
        families = (f"{name} (default)" if name == pipeline["family"] else name for name in pipeline["families"])
        click.echo(f"  tasks     {', '.join(tasks)}")
        click.echo(f"  families  {', '.join(families)}")
