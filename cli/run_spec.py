"""`yachay run-spec`."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ..errors import UsageError, YachayError
from ..pipelines.runs.summary import Summary
from . import options
from .exit_status import ExitStatus
from .outcome import print_summary


@click.command("run-spec")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-p", "--parameter", "parameters", metavar="name=value", multiple=True, help="Parameter; may be repeated."
)
@click.option("--pipeline-root", metavar="URI", help="Where the run keeps its artifacts: gs://, s3:// or minio://.")
@options.workdir_option
@options.json_option
def command(
    file: Path, parameters: tuple[str, ...], pipeline_root: str | None, workdir: Path, as_json: bool
) -> ExitStatus:
    """Run a compiled pipeline on this machine, step by step as a cluster would.

    FILE is what `yachay compile` wrote and `yachay submit` uploads. Each step is a process of its own with no more than
    its pod would have. A folder of the run's home, WORKDIR/PIPELINE/store, stands for all object stores:
    s3://bucket/key is store/s3/bucket/key.
    """
    # kfp takes most of a second to import: --help must not wait for it.
    from ..pipelines.kubeflow.emulator.spec_run import run_spec
    from ..pipelines.kubeflow.spec.package import read_package

    summary = Summary()
    status = ExitStatus.DONE
    try:
        package = read_package(file)
        summary.pipeline = package.name
        arguments = package.arguments(parameters)
        root = package.choose_root(pipeline_root, arguments)
        click.echo(package.name, err=True)
        if package.is_synthetic:
            click.secho(
                "SYNTHETIC DATA: the pipeline writes it; no result says anything about real people.",
                err=True,
                bold=True,
            )
        with _ended_by_signals():
            run_spec(package, arguments, root, workdir, summary)
        status = ExitStatus.DONE if summary.verdict is None else options.status_of(summary)
        print_summary(summary)
    except KeyboardInterrupt:
        summary.error = "Interrupted. The step was stopped; nothing of it was taken into the store."
        status = ExitStatus.INTERRUPTED
        click.echo(summary.error, err=True)
    except (YachayError, OSError) as error:
        summary.error = str(error)
        status = options.report_error(error, None if isinstance(error, UsageError) else summary.log)
    finally:
        if as_json:
            click.echo(summary.to_json())
    return status


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Lets a request to end be as Ctrl-C is, so that no step goes on without its runner."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
