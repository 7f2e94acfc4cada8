"""`yachay track`."""

from pathlib import Path

import click

from ..errors import UsageError
from . import frame, options

FIELDS = ("run", "state", "url", "model", "is_new")
"""What `--json` prints, whatever happens."""


@frame.command("track", fields=FIELDS)
@click.argument("run", metavar="RUN|FOLDER")
@click.option("--pipeline", metavar="NAME", help="Take only runs of this pipeline.")
@click.option("--task", metavar="T", help="Take only runs of this task.")
@click.option("--uri", metavar="URL", help="Another MLflow server than the run was to be sent to.")
@options.workdir_option
def command(
    output: frame.Fields, run: str, pipeline: str | None, task: str | None, uri: str | None, workdir: Path
) -> None:
    """Send a run to MLflow that could not be sent when it ended.

    RUN is the id of a run or the path of its folder; FOLDER is a spool, such as one that was copied from the store of a
    run on Kubeflow. A run that is there already is not sent twice.
    """
    from ..components.run_tracker import spool
    from ..components.run_tracker.deliver import send
    from ..components.run_tracker.record import RunRecord
    from ..pipelines.runs.past_runs import find_run

    output["run"] = run
    folder = Path(run)
    if not spool.is_kept(folder):
        folder = find_run(workdir, run, pipeline, task).path / spool.SPOOL
    if not spool.is_kept(folder):
        raise UsageError(
            f"Expected the run {run} to have something to send in {folder}. Received: nothing: it was sent, or "
            "nothing tracked it. Name a server with tracking.uri before the next run."
        )
    record = RunRecord.read(folder)
    delivery = send(record.model_copy(update={"uri": uri.rstrip("/")}) if uri else record)
    spool.discard(folder)
    output.update(
        {"state": delivery.state, "url": delivery.url, "model": delivery.model or None, "is_new": delivery.is_new}
    )
    if not frame.is_json():
        there = "" if delivery.is_new else ", which was there already"
        click.echo(f"{record.key}: {delivery.url}{there}")
        if delivery.model:
            click.echo(f"  model      {delivery.model}")
