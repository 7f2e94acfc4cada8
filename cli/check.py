"""`yachay check`."""

from pathlib import Path

import click

from . import frame, options
from .exit_status import ExitStatus

FIELDS = ("pipeline", "task", "rows", "is_whole", "faults", "warnings")
"""What `--json` prints, whatever happens."""


@frame.command("check", fields=FIELDS)
@options.pipeline_argument
@options.data_option
@options.task_option
@options.profile_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    data: str | None,
    task: str | None,
    profile: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> tuple[frame.Fields, ExitStatus]:
    """Check a pipeline's configuration and data without running it.

    All faults of the configuration, or else of the first 100,000 records, are shown at once, and what differs from the
    profile that `yachay new` wrote. Exit status 1: a run would fail.
    """
    from ..pipelines.api import choose_task, load_for_run
    from ..pipelines.check import check_records
    from ..pipelines.local.run import resolve_data
    from ..pipelines.registry import find_pipeline

    output["pipeline"] = pipeline
    folder = find_pipeline(pipeline, config_path)
    config = load_for_run(folder, overrides, profile, data)
    output["pipeline"], output["task"] = config.name, choose_task(config, task, overrides)
    data_uri = resolve_data(folder, config, data)
    click.echo(f"{config.name}, task {output['task']}: the configuration fits its schema.", err=True)
    if data_uri is None:
        click.echo("No data was checked: the profile writes its own. Name some with --data.", err=True)
        return output, ExitStatus.DONE
    found = check_records(data_uri, folder.schema(config), config, output["task"], folder.path)
    output.update(rows=found.num_rows, is_whole=found.is_whole, faults=found.faults, warnings=found.warnings)
    click.echo(f"{data_uri}: {'all' if found.is_whole else 'the first'} {found.num_rows:,} records read.", err=True)
    for title, lines in (("Faults:", found.faults), ("Warnings:", found.warnings)):
        click.echo(
            "\n".join([title, *(f"  - {frame.escape(line, kept=frame.LINES)}" for line in lines)])
            if lines
            else f"{title} none",
            err=True,
        )
    return output, ExitStatus.FAILED if found.faults else ExitStatus.DONE
