"""`yachay submit`."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError, carrying, partial_result
from . import frame, options
from .compiling import Choice, compile_chosen, image_option, warn

if TYPE_CHECKING:
    from ..pipelines.kubeflow.client.submission import Order, Submission


def _submission() -> "Submission":
    from ..pipelines.kubeflow.client.submission import Submission

    return Submission()


@frame.command("submit", _submission)
@click.argument("target", metavar="FILE|NAME")
@click.option("--host", metavar="URL", required=True, envvar="KF_PIPELINES_ENDPOINT", help="API of Kubeflow Pipelines.")
@click.option("--name", metavar="TEXT", help="Pipeline on the server (default: the file's own name).")
@click.option("--version", metavar="TEXT", help="Version (default: a name that the content gives).")
@click.option("--experiment", metavar="TEXT", help="Experiment of the run (default: Default).")
@click.option("--namespace", metavar="TEXT", envvar="KFP_NAMESPACE", help="Namespace, on a server for many users.")
@click.option("--pipeline-root", metavar="URI", help="Where the run keeps its artifacts: gs://, s3:// or minio://.")
@click.option(
    "-p", "--parameter", "parameters", metavar="name=value", multiple=True, help="Parameter; may be repeated."
)
@click.option("--schedule", metavar="CRON", help="Start a recurring run: '0 3 * * 1', '@daily', '@every 12h'.")
@click.option("--once", "is_once", is_flag=True, help="Start one run, though the configuration has a schedule.")
@click.option("--run-name", metavar="TEXT", help="Name of the run or schedule (default: the version's).")
@click.option("--service-account", metavar="TEXT", help="Service account of the steps (default: the server's).")
@click.option("--wait", "is_waiting", is_flag=True, help="Follow the run to its end.")
@click.option("--timeout", metavar="DURATION", help="With --wait: how long at most (2h, 90m); the run goes on.")
@options.task_option
@options.profile_option
@options.pipeline_option
@image_option
@options.config_option
@options.set_option
def command(
    output: "Submission",
    target: str,
    host: str,
    name: str | None,
    version: str | None,
    experiment: str | None,
    namespace: str | None,
    pipeline_root: str | None,
    parameters: tuple[str, ...],
    schedule: str | None,
    is_once: bool,
    run_name: str | None,
    service_account: str | None,
    is_waiting: bool,
    timeout: str | None,
    task: str | None,
    profile: str | None,
    pipeline_name: str,
    image: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> "tuple[Submission, None]":
    """Upload a pipeline to Kubeflow Pipelines and start it.

    FILE is what `yachay compile` wrote; a NAME of `yachay list`, or a folder with a config.yaml, is compiled first, and
    has the schedule that `schedules` of the configuration gives the pipeline. The same content is uploaded once. The
    token is read from KFP_EXISTING_TOKEN or the file that KF_PIPELINES_SA_TOKEN_PATH names, certificate authorities
    from SSL_CERT_FILE.
    """
    from ..pipelines.kubeflow.client.follow import read_duration
    from ..pipelines.kubeflow.client.submission import make_order
    from ..pipelines.kubeflow.spec.package import read_package

    if schedule is not None and (is_waiting or is_once):
        other = "--once" if is_once else "--wait"
        raise UsageError(f"Expected {other} or --schedule. Received: both. A schedule has no end to wait for.")
    if timeout is not None and not is_waiting:
        raise UsageError("Expected --timeout with --wait. Received: --timeout alone, which nothing waits for.")
    timeout_seconds = None if timeout is None else read_duration(timeout)
    choice = Choice(target, config_path, overrides, profile, task, pipeline_name, image)
    with _spec_of(choice) as (file, configured):
        if schedule is None and not is_once and configured is not None:
            if is_waiting:
                raise UsageError(
                    f"Expected --once beside --wait, for schedules.{pipeline_name} of the configuration is "
                    f"{configured!r}. Received: --wait alone. A schedule has no end to wait for."
                )
            schedule = configured
        order = make_order(
            read_package(file),
            host,
            name=name,
            version=version,
            experiment=experiment,
            pipeline_root=pipeline_root,
            assignments=parameters,
            schedule=schedule,
            run_name=run_name,
            service_account=service_account,
        )
        return _submit(order, namespace, is_waiting, timeout_seconds), None


def _submit(order: "Order", namespace: str | None, is_waiting: bool, timeout_seconds: float | None) -> "Submission":
    from ..pipelines.kubeflow.client.client import connect, quiet
    from ..pipelines.kubeflow.client.follow import follow
    from ..pipelines.kubeflow.client.submission import submit

    try:
        with quiet():
            client = connect(order.host, namespace)
            submission = submit(client, order, _say)
            with carrying(submission):
                _say(f"{submission.state}: {submission.link}")
                if is_waiting:
                    submission = follow(client, order, submission, sys.stderr, timeout_seconds)
                    _say(f"{submission.state}: {submission.link}")
    except KeyboardInterrupt as error:
        if made := partial_result(error):
            made.error = _interrupted(made.run_id, made.link)
        raise
    return submission


@contextlib.contextmanager
def _spec_of(choice: Choice) -> Iterator[tuple[Path, str | None]]:
    """Yields the file of a spec, and the schedule of the configuration that it was compiled from."""
    file = Path(choice.pipeline)
    if file.suffix and not file.is_dir():
        given = {
            "--task": choice.task,
            "--profile": choice.profile,
            "--image": choice.image,
            "--config": choice.config_path,
            "--set": choice.overrides,
        }
        if named := [option for option, value in given.items() if value]:
            raise UsageError(f"Expected {named[0]} with a NAME. Received: the spec {file}, which is compiled already.")
        yield file, None
        return
    compiled = compile_chosen(choice)
    warn(compiled)
    with tempfile.TemporaryDirectory(prefix="yachay-") as folder:
        file = Path(folder, f"{compiled.name}.yaml")
        file.write_text(compiled.content, encoding="utf-8")
        yield file, compiled.config.schedules.get(choice.pipeline_name)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _interrupted(run_id: str | None, link: str | None) -> str:
    if run_id is not None:
        return f"Interrupted. The run goes on: {link}"
    return f"Interrupted. What was made so far: {link}" if link else "Interrupted."
