"""`yachay run`."""

from pathlib import Path

import click

from ..errors import UsageError, YachayError
from ..pipelines.config import METRICS, PipelineConfig
from ..pipelines.local.run import resolve_data, run_pipeline
from ..pipelines.local.summary import Summary
from ..pipelines.registry import find_pipeline
from . import options
from .exit_status import ExitStatus


@click.command("run")
@options.pipeline_argument
@options.data_option
@options.task_option
@options.workdir_option
@options.config_option
@options.set_option
@options.json_option
def command(
    pipeline: str,
    data: str | None,
    task: str | None,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> ExitStatus:
    """Run a pipeline on this machine, from data to pushed model.

    NAME is one of `yachay list`; PATH is a folder with a config.yaml. Without --data the records are synthetic.
    """
    summary = Summary(pipeline=pipeline)
    status = ExitStatus.DONE
    try:
        folder = find_pipeline(pipeline, config_path)
        config = folder.load(overrides)
        summary.pipeline, summary.task = config.name, options.choose_task(config, task)
        data_uri = resolve_data(folder, config, data)
        options.announce(config, summary.task, config.model.family, data_uri)
        run_pipeline(folder, config, summary.task, data_uri, workdir, summary)
        status = options.status_of(summary)
        _print_summary(config, summary)
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


def _print_summary(config: PipelineConfig, summary: Summary) -> None:
    thresholds = config.tasks[summary.task or config.default_task]
    bounds = thresholds.mock_thresholds if summary.is_mock else thresholds.thresholds
    lines = ["", click.style(summary.outcome, fg="green" if summary.is_good else "red", bold=True)]
    lines += [f"  {reason}" for reason in summary.reasons]
    for name in METRICS[config.problem]:
        line = f"  {name:<10} {summary.metrics[name]:.4f}"
        if name in bounds:
            parts = [f">= {bounds[name].lower:g}" if bounds[name].lower is not None else ""]
            parts += [f"<= {bounds[name].upper:g}" if bounds[name].upper is not None else ""]
            line += f"  ({', '.join(part for part in parts if part)})"
        if summary.baseline_metrics:
            line += f"  last blessed {summary.baseline_metrics[name]:.4f}"
        lines.append(line)
    rows = summary.rows
    lines += [
        "",
        f"  rows       {rows['read']:,} read, {rows['kept']:,} kept, {rows['quarantined']:,} quarantined",
        f"  model      {summary.model_uri}",
        f"  pushed     {summary.pushed}",
        *([f"  deployed   {summary.deployed}"] if summary.deployed else []),
        f"  report     {summary.report_uri or 'none'}",
        f"  log        {summary.log}",
    ]
    if rows["quarantined"]:
        lines.append(f"  quarantine {summary.quarantine_uri}")
    lines += [f"  warning: {warning}" for warning in summary.warnings]
    cached = [node["id"] for node in summary.nodes if node["cached"]]
    if cached:
        lines.append(f"  from cache {', '.join(cached)}")
    if summary.is_mock:
        lines.append(click.style("  SYNTHETIC DATA: these figures say nothing about real people.", bold=True))
    click.echo("\n".join(lines), err=True)
