"""`yachay run`."""

from pathlib import Path

import click

from ..errors import UsageError, YachayError
from ..pipelines.local.run import resolve_data, run_pipeline
from ..pipelines.registry import find_pipeline
from ..pipelines.runs.summary import Summary
from . import options
from .exit_status import ExitStatus
from .outcome import print_summary


@click.command("run")
@options.pipeline_argument
@options.data_option
@options.task_option
@options.profile_option
@options.workdir_option
@options.config_option
@options.set_option
@options.json_option
def command(
    pipeline: str,
    data: str | None,
    task: str | None,
    profile: str | None,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> ExitStatus:
    """Run a pipeline on this machine, from data to pushed model.

    NAME is one of `yachay list`; PATH is a folder with a config.yaml. Without --data the profile
    `mock` is taken, whose records are synthetic.
    """
    summary = Summary(pipeline=pipeline)
    status = ExitStatus.DONE
    try:
        folder = find_pipeline(pipeline, config_path)
        config = options.load(folder, overrides, profile, data)
        summary.pipeline, summary.task = config.name, options.choose_task(config, task)
        data_uri = resolve_data(folder, config, data)
        options.announce(config, summary.task, config.model.family, data_uri)
        run_pipeline(folder, config, summary.task, data_uri, workdir, summary)
        status = options.status_of(summary)
        print_summary(summary)
    except (YachayError, OSError, KeyboardInterrupt) as error:
        summary.error = summary.error or str(error) or "Interrupted."
        status = options.report_error(error, None if isinstance(error, UsageError) else summary.log)
        if summary.report_uri:
            click.echo(f"Report: {summary.report_uri}", err=True)
        if status is ExitStatus.INTERRUPTED:
            click.echo("The same command goes on from the finished nodes.", err=True)
    finally:
        if as_json:
            click.echo(summary.to_json())
    return status
