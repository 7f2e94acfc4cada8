"""`yachay track`."""

from pathlib import Path

import click

from ..errors import UsageError
from . import frame, options

FIELDS = ("run", "state", "url", "model", "is_new", "missing")
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
    from ..components.run_tracker.settings import public_address
    from ..pipelines.runs.past_runs import find_run
    from ..pipelines.runs.run_folder import RunFolder
    from ..pipelines.runs.summary import note_tracking

    output["run"] = run
    try:
        uri = uri and public_address(uri)
    except ValueError as error:
        raise UsageError(f"Invalid --uri: {error}.") from None
    folder = Path(run).absolute()
    if not spool.is_kept(folder):
        folder = find_run(workdir, run, pipeline, task).path / spool.SPOOL
    with spool.alone(folder):
        if not spool.is_kept(folder):
            raise UsageError(
                f"Expected the run {run} to have something to send in {folder}. Received: nothing: it was sent, or "
                "nothing tracked it. Name a server with tracking.uri before the next run."
            )
        record = RunRecord.read(folder)
        missing = spool.missing_files(record)
        delivery = send(record.model_copy(update={"uri": uri}) if uri else record)
        note_tracking(RunFolder(folder.parent.name, folder.parent).summary_path, delivery.to_summary())
        spool.discard(folder)
    output.update(
        {
            "state": delivery.state,
            "url": delivery.url,
            "model": delivery.model or None,
            "is_new": delivery.is_new,
            "missing": missing,
        }
    )
    if missing:
        click.echo(f"Warning: sent without files that are gone from {folder}: {', '.join(missing)}", err=True)
    if not frame.is_json():
        there = "" if delivery.is_new else ", which was there already"
        click.echo(f"{record.key}: {delivery.url}{there}")
        if delivery.model or delivery.reason:
            click.echo(f"  model      {delivery.model or 'none: ' + delivery.reason}")
