"""`yachay submit`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError, carrying, partial_result
from . import frame

if TYPE_CHECKING:
    from ..pipelines.kubeflow.client.submission import Submission


def _submission() -> "Submission":
    from ..pipelines.kubeflow.client.submission import Submission

    return Submission()


@frame.command("submit", _submission)
@click.argument("file", type=click.Path(path_type=Path))
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
@click.option("--run-name", metavar="TEXT", help="Name of the run or schedule (default: the version's).")
@click.option("--service-account", metavar="TEXT", help="Service account of the steps (default: the server's).")
@click.option("--wait", "is_waiting", is_flag=True, help="Follow the run to its end.")
@click.option("--timeout", metavar="DURATION", help="With --wait: how long at most (2h, 90m); the run goes on.")
def command(
    output: "Submission",
    file: Path,
    host: str,
    name: str | None,
    version: str | None,
    experiment: str | None,
    namespace: str | None,
    pipeline_root: str | None,
    parameters: tuple[str, ...],
    schedule: str | None,
    run_name: str | None,
    service_account: str | None,
    is_waiting: bool,
    timeout: str | None,
) -> "tuple[Submission, None]":
    """Upload a compiled pipeline to Kubeflow Pipelines and start it.

    FILE is what `yachay compile` wrote. The same content is uploaded once. The token is read from KFP_EXISTING_TOKEN or
    the file that KF_PIPELINES_SA_TOKEN_PATH names, certificate authorities from SSL_CERT_FILE.
    """
    from ..pipelines.kubeflow.client.client import connect, quiet
    from ..pipelines.kubeflow.client.follow import follow, read_duration
    from ..pipelines.kubeflow.client.submission import make_order, submit
    from ..pipelines.kubeflow.spec.package import read_package

    if is_waiting and schedule is not None:
        raise UsageError("Expected --wait or --schedule. Received: both. A schedule has no end to wait for.")
    if timeout is not None and not is_waiting:
        raise UsageError("Expected --timeout with --wait. Received: --timeout alone, which nothing waits for.")
    timeout_seconds = None if timeout is None else read_duration(timeout)
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
    return submission, None


def _say(line: str) -> None:
    click.echo(line, err=True)


def _interrupted(run_id: str | None, link: str | None) -> str:
    if run_id is not None:
        return f"Interrupted. The run goes on: {link}"
    return f"Interrupted. What was made so far: {link}" if link else "Interrupted."
