"""`yachay prepare`."""

import sys
from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from . import frame, options

FIELDS = ("pipeline", "output", "summary")
"""What `--json` prints, whatever happens."""


@frame.command("prepare", fields=FIELDS)
@options.pipeline_argument
@click.option(
    "--data", "uris", metavar="URI", multiple=True, required=True, help="Files, a folder or a pattern; may be repeated."
)
@options.folder_option("Folder that is written; on a cluster one that all workers see.", is_required=True)
@click.option("--dask-scheduler", metavar="ADDRESS", help="Of a Dask cluster (default: one on this machine).")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes of the cluster on this machine.")
@click.option("--memory-limit", metavar="SIZE", help="Of each of them, such as 1GiB.")
@options.profile_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    uris: tuple[str, ...],
    folder: Path,
    dask_scheduler: str | None,
    workers: int | None,
    memory_limit: str | None,
    profile: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Prepare records that are too large for one process, with Dask; `yachay run --data FOLDER` takes what is written.

    FOLDER is complete or absent; one that is there is replaced.
    """
    from ..dotted import import_callable
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(pipeline, config_path).load(overrides, profile or "")
    if config.data.prepare is None:
        raise UsageError(
            f"Expected a pipeline with `data.prepare`. Received: {config.name}, whose records need none: give them to "
            "`yachay run`."
        )
    if dask_scheduler and (workers or memory_limit):
        raise UsageError("Expected no --workers and no --memory-limit with --dask-scheduler: the cluster has its own.")
    prepare: Any = import_callable(config.data.prepare, "data.prepare")
    from ..pipelines.dask_cluster import connected, local_cluster

    cluster = connected(dask_scheduler) if dask_scheduler else local_cluster(workers, memory_limit)
    with cluster as client:
        summary = prepare(list(uris), folder, config.data.reader_options, client, _show)
    output.update({"pipeline": config.name, "output": str(folder), "summary": summary})
    if not frame.is_json():
        click.echo(f"Written: {folder}")


def _show(what: str, done: int, total: int) -> None:
    """Prints how many are done: over one line on a terminal, else at every tenth."""
    if sys.stderr.isatty():
        click.echo(f"\r{what}: {done} of {total}", nl=done == total, err=True)
    elif done == total or done * 10 // total > (done - 1) * 10 // total:
        click.echo(f"{what}: {done} of {total}", err=True)
