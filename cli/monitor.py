"""`yachay monitor`."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from . import frame, options
from .exit_status import ExitStatus
from .retraining import make_retraining, retrain_after

if TYPE_CHECKING:
    from ..components.drift_monitor.references import References
    from ..components.drift_monitor.result import MonitorResult
    from ..pipelines.config.pipeline_config import PipelineConfig

FIELDS = ("verdict", "model", "push_uri", "log_uri", "windows", "features", "predictions", "groups", "estimated",
          "measured", "reasons", "labels", "warnings", "problems", "page_uri")  # fmt: skip
_SHOWN = 8


@frame.command("monitor", fields=FIELDS)
@options.pipeline_argument
@click.option(
    "--log", metavar="FOLDER", help="The server's --prediction_log (default: the configuration's monitor.log)."
)
@click.option(
    "--model", metavar="PUSH", help="Compare with this push (default: with the push of each version in the log)."
)
@click.option("--labels", metavar="FILE", help="Labels that came later: CSV, Parquet or JSON lines, or a folder.")
@click.option("--key", metavar="COLUMN", help="Column that labels and log share (default: prediction_id).")
@click.option("--window", metavar="7d|5000", help="A time, or a number of rows (default: the configuration's, 7d).")
@click.option("--since", metavar="TIME|90d", help="Judge only rows from this time on.")
@click.option(
    "--hash-key-file",
    type=click.Path(path_type=Path),
    help="Key of the log's hashed features (or YACHAY_PREDICTION_LOG_KEY).",
)
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for monitor.html and monitor.json (default: --workdir's folder of the pipeline).",
)
@click.option(
    "--retrain", "is_retraining", is_flag=True, help="Train anew where `retrain` of the configuration says so."
)
@click.option("--data", metavar="FILE_OR_FOLDER", help="With --retrain: the original records (default: data.path).")
@click.option("--follow", "is_following", is_flag=True, help="Judge complete windows as the log grows; serve /metrics.")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="With --follow: to listen on.")
@click.option("--port", type=int, default=9105, show_default=True, help="With --follow: port of /metrics.")
@click.option(
    "--every",
    "every_seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="With --follow: how often to look for new files.",
)
@options.task_option
@options.profile_option
@options.workdir_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    log: str | None,
    model: str | None,
    labels: str | None,
    key: str | None,
    window: str | None,
    since: str | None,
    hash_key_file: Path | None,
    folder: Path | None,
    is_retraining: bool,
    data: str | None,
    is_following: bool,
    host: str,
    port: int,
    every_seconds: float,
    task: str | None,
    profile: str | None,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> "tuple[MonitorResult, ExitStatus]":
    """Judge a prediction log by windows: what the model was asked, what it predicted, and how good it was.

    Exit status: 0 quiet, or too few rows to say; 4 drift; 1 failed.
    """
    from ..components.drift_monitor.monitor import monitor
    from ..components.drift_monitor.output import write_result
    from ..components.drift_monitor.settings import MonitorSettings, require_log
    from ..components.settings import check_settings
    from ..pipelines.api import choose_task
    from ..pipelines.registry import find_pipeline
    from ..serving.prediction_records import read_key

    if is_following and frame.is_json():
        raise UsageError("Expected --follow or --json. Received: both. A log that is followed has no end.")
    given: dict[str, Any] = {"log": log, "labels": labels, "labels_key": key, "window": window, "since": since}
    if is_retraining and is_following:
        raise UsageError(
            "Expected --retrain or --follow. Received: both. Call `yachay monitor --retrain` again and again."
        )
    if data is not None and not is_retraining:
        raise UsageError("Expected --data beside --retrain, which trains on it. Received: --data alone.")
    pipeline_folder = find_pipeline(pipeline, config_path)
    config = pipeline_folder.load(overrides, profile or "")
    chosen = choose_task(config, task)
    changed = {name: value for name, value in given.items() if value is not None}
    settings = check_settings(MonitorSettings, config.monitor.model_dump() | changed, "options of the monitor")
    config = config.model_copy(update={"monitor": settings})
    references, home = _references(config, chosen, workdir, model)
    title = f"{config.name} · {chosen}"

    def judge() -> "MonitorResult":
        result = monitor(
            require_log(settings.log),
            references,
            settings,
            labels=settings.labels,
            labels_key=settings.labels_key,
            hash_key=read_key(hash_key_file, "--hash-key-file"),
        )
        return write_result(result, folder or home, title, config.report.language)

    if is_following:
        from ..components.drift_monitor.follow import Follower

        settings = settings.model_copy(update={"is_open_judged": False})
        places = (require_log(settings.log), *([settings.labels] if settings.labels else []))
        follower = Follower(judge, places, config.name.replace("_", "-"), host, port)
        click.echo(f"Metrics: http://{host}:{follower.port}/metrics", err=True)
        follower.run(every_seconds, threading.Event(), _show)
    retraining = make_retraining(pipeline_folder, config, chosen, data, workdir) if is_retraining else None
    result = judge()
    if not frame.is_json():
        _show(result)
    if retraining is not None:
        retrain_after(retraining, result)
    return result, ExitStatus.DRIFT if result.verdict == "drift" else ExitStatus.DONE


def _show(result: "MonitorResult") -> None:
    for line in _lines(result):
        click.echo(line)


def _references(config: "PipelineConfig", task: str, workdir: Path, model: str | None) -> "tuple[References, Path]":
    """Returns where references are, and the folder of the page."""
    from ..components.drift_monitor.references import OneReference, PushedReferences
    from ..model_store.location import open_store
    from ..model_store.store import latest_push
    from ..pipelines.config.pipeline_config import MOCK
    from ..pipelines.deployment import store_uri

    homes = []
    for one in (config, config.model_copy(update={"profile": MOCK})):
        home = workdir.absolute() / one.pipeline_name(task) / "monitor"
        if model is not None:
            return OneReference(model), home
        uri = store_uri(one, task, workdir)
        store = open_store(uri, config.push.mount, config.push.endpoint_url)
        if latest_push(store) is not None:
            if one.profile == MOCK:
                click.secho("SYNTHETIC DATA: the model was trained on no real records.", err=True, bold=True)
            return PushedReferences(store), home
        homes.append(uri)
    raise UsageError(
        f"Expected a pushed model in {homes[0]}. Received: none. Name the push by --model, the folder of the runs by "
        "--workdir, or train first."
    )


def _lines(result: "MonitorResult") -> Iterator[str]:
    windows = [window for window in result.windows if window.is_current]
    last = windows[-1] if windows else None
    yield f"{result.verdict}: version {result.model}, {result.rows:,} rows in {len(result.windows)} windows"
    if last is not None:
        yield f"Last window: {last.start} to {last.end}, {last.rows:,} rows{'' if last.is_complete else ', still open'}"
    for reason in result.reasons[:_SHOWN]:
        start = result.windows[reason.window].start
        if reason.distance is not None:
            yield f"  {reason.kind} {reason.name}: distance {reason.distance:.3f} from {start} on"
        else:
            yield f"  {reason.name}: {reason.value:.3f}, was {reason.reference:.3f}, from {start} on"
    if len(result.reasons) > _SHOWN:
        yield f"  and {len(result.reasons) - _SHOWN} more"
    for kind, metrics in (("Estimated", result.estimated), ("Measured", result.measured)):
        for name, metric in metrics.items():
            ends = "" if metric.interval is None else f" [{metric.interval[0]:.3f}; {metric.interval[1]:.3f}]"
            before = "" if metric.reference is None else f", was {metric.reference:.3f}"
            yield f"{kind} {name}: {metric.value:.3f}{ends}{before}, {metric.rows:,} rows"
    if result.labels is not None:
        counts = result.labels
        yield f"Labels: {counts.matched:,} of {counts.given:,} belong to a logged prediction"
    for problem in result.problems:
        yield f"Note: {problem}"
    if result.page_uri:
        yield f"Page: {result.page_uri}"
