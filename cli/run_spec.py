"""`yachay run-spec`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import partial_result
from . import frame, options
from .exit_status import ExitStatus
from .outcome import new_summary, print_summary

if TYPE_CHECKING:
    from ..pipelines.runs.summary import Summary


@frame.command("run-spec", new_summary)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-p", "--parameter", "parameters", metavar="name=value", multiple=True, help="Parameter; may be repeated."
)
@click.option("--pipeline-root", metavar="URI", help="Where the run keeps its artifacts: gs://, s3:// or minio://.")
@click.option(
    "--store",
    "store_folder",
    metavar="FOLDER",
    envvar="YACHAY_OBJECT_STORE",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that stands for all object stores (default: of this pipeline alone).",
)
@options.workdir_option
def command(
    output: "Summary",
    file: Path,
    parameters: tuple[str, ...],
    pipeline_root: str | None,
    store_folder: Path | None,
    workdir: Path,
) -> "tuple[Summary, ExitStatus]":
    """Run a compiled pipeline on this machine, step by step as a cluster would.

    FILE is what `yachay compile` wrote and `yachay submit` uploads. Each step is a process of its own with no more than
    its pod would have. A folder of the run's home, WORKDIR/PIPELINE/store, stands for all object stores:
    s3://bucket/key is store/s3/bucket/key. Give the pipelines that share buckets one --store, such as a training and
    its monitor; YACHAY_OBJECT_STORE names it too, for other commands as well.
    """
    from ..pipelines.kubeflow.emulator.spec_run import run_spec
    from ..pipelines.kubeflow.spec.package import read_package

    package = read_package(file)
    output.pipeline = package.name
    arguments = package.arguments(parameters)
    root = package.choose_root(pipeline_root, arguments)
    click.echo(package.name, err=True)
    if package.is_synthetic:
        click.secho(
            "SYNTHETIC DATA: the pipeline writes it; no result says anything about real people.", err=True, bold=True
        )
    try:
        summary = run_spec(package, arguments, root, workdir, store_folder)
    except KeyboardInterrupt as error:
        if stopped := partial_result(error):
            stopped.error = "Interrupted. The step was stopped; nothing of it was taken into the store."
        raise
    print_summary(summary)
    return summary, ExitStatus.DONE if summary.verdict is None else options.status_of(summary)
