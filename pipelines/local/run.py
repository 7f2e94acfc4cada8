"""A whole run of a pipeline on this machine."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ...components.evaluation_report import report_files
from ...components.example_gen.typed_tables import load_reader
from ...components.retraining.settings import CANDIDATES
from ...components.run_tracker.mlflow_server import set_defaults
from ...components.run_tracker.settings import TrackerConfig
from ...components.run_tracker.spool import SPOOL
from ...dotted import import_callable
from ...errors import UsageError, carrying
from ...files import atomic_file
from ...model_store.location import open_store
from ...model_store.store import latest_push
from ..columns import check_data
from ..config.pipeline_config import MOCK, PipelineConfig
from ..context import RunContext
from ..errors import full_disk_explained
from ..executor_modules import modules_with_mlflow, modules_with_tensorflow
from ..kinds import DEFAULT_PIPELINE, TRAINING, kind_of
from ..node import Role
from ..profile import PROFILE_PAGE
from ..registry import PipelineFolder
from ..runs.describe import (
    Fields,
    describe_champion_gate,
    describe_evaluation,
    describe_ingest,
    describe_monitoring,
    describe_push,
    describe_tracking,
    describe_training,
    describe_tuning,
)
from ..runs.output import Capture, logged_to
from ..runs.progress import NodeProgress, Progress
from ..runs.run_folder import PipelineHome, RunFolder
from ..runs.summary import Summary
from ..tracking import find_git_commit, find_uri, track_unfinished, tracker_config
from .late_fork_server import PROCESS, LateForkServer

if TYPE_CHECKING:
    from .runner import Artifact


def resolve_data(
    folder: PipelineFolder, config: PipelineConfig, data: str | None, pipeline: str = TRAINING
) -> str | None:
    """Returns the absolute path or pattern of the records of a run, or None where it writes its own or reads none.

    Args:
        folder: `PipelineFolder`.
        config: `PipelineConfig`.
        data: string. What the user named; None takes the configuration's own path.
        pipeline: string. Name of the pipeline among `pipelines` of the configuration. Defaults to `"training"`.

    Raises:
        UsageError: if the path does not exist, or there is no data, or data beside a profile that writes its own, or
            for a pipeline that reads none.
    """
    if not kind_of(pipeline).reads_records:
        if data is not None:
            raise UsageError(
                f"Expected no --data, for the pipeline {pipeline!r} begins with no records. Received: {data}. "
                "Leave it out."
            )
        return None
    if config.is_synthetic:
        if data is not None:
            raise UsageError(
                f"Expected no --data, for the profile {config.profile!r} writes records of its own (data.mock). "
                f"Received: {data}. Leave out --data or the profile."
            )
        return None
    if data is None:
        if config.data.path is None:
            raise UsageError(
                f"Expected --data, for {config.name} has no profile {MOCK!r} that writes synthetic records. "
                "Name a file or a folder."
            )
        data = str(folder.path / config.data.path)
    if not data.strip():
        raise UsageError("Expected --data to name a file, a folder or a pattern. Received: nothing.")
    path = Path(data).expanduser().absolute()
    if any(mark in data for mark in "*?[{"):
        return str(path)
    try:
        found = path.exists()
    except PermissionError:
        found = True  # The ingest says what may not be read.
    if not found:
        raise UsageError(
            f"Expected --data to name a file, a folder or a pattern. Received: {data}, which does not exist."
        )
    return str(path)


def run_pipeline(
    folder: PipelineFolder,
    config: PipelineConfig,
    task: str,
    data_uri: str | None,
    workdir: Path,
    capture: Capture = logged_to,
    pipeline: str = TRAINING,
    *,
    newest_uri: str = "",
    as_candidate: bool = False,
    owns_process: bool = False,
) -> Summary:
    """Runs a pipeline and returns its summary.

    Args:
        folder: `PipelineFolder`.
        config: `PipelineConfig`.
        task: string. Name of the task.
        data_uri: string. Absolute path or pattern of the records; None where the configuration writes synthetic ones,
            or the pipeline reads none.
        workdir: path of the folder that holds the homes of pipelines.
        capture: function of the log's path that returns a context, in which the run's messages go there, and which
            gives the stream for progress. Defaults to `logged_to`, which shows no progress.
        pipeline: string. Name of the pipeline among `pipelines` of the configuration. Defaults to `"training"`.
        newest_uri: string. The newest labelled rows, on which candidate and champion are compared. Defaults to none.
        as_candidate: bool. Whether the model is pushed into the store of candidates in place of the one that servers
            follow. Defaults to False.
        owns_process: bool. Whether this process is the library's own: see `NodeRunner`. Defaults to False.

    Raises:
        YachayError: if the run is invalid or a node fails.
        KeyboardInterrupt: if the user stops it.

        Each carries the summary as far as the run got: see `errors.partial_result`.
    """
    summary = Summary(pipeline=config.name, task=task, profile=config.profile, is_synthetic=config.is_synthetic)
    with carrying(summary):
        schema = folder.schema(config)
        if config.data.reader:
            load_reader(config.data.reader, config.data.reader_options)
        if data_uri:
            check_data(data_uri, schema, config, task)
        schema_text = folder.schema_text(config)
        # A store that cannot be read is rejected now, not after the training.
        model_store = find_model_store(config, task, workdir.absolute())
        latest_push(open_store(model_store, config.push.mount, config.push.endpoint_url))
        config.check_pipeline(pipeline)
        home = PipelineHome(workdir.absolute() / config.pipeline_name(task, pipeline))
        home.make()
        with full_disk_explained(home.path), home.locked():
            run = home.new_run()
            summary.run_id, summary.log = run.run_id, str(run.log_path)
            run.write_config(config)
            tracked = _tracker(folder, config, task, pipeline, run)
            with (
                summary.kept_at(run.summary_path),
                full_disk_explained(home.path),
                capture(run.log_path) as stream,
                _tracked(tracked, run, summary),
            ):
                if not data_uri and kind_of(pipeline).reads_records:
                    data_uri = str(write_mock_data(config, home))
                context = RunContext(
                    task=task,
                    data_uri=data_uri or "",
                    schema_text=schema_text,
                    pipeline_root=str(home.artifacts_path),
                    model_store=f"{model_store}{CANDIDATES}" if as_candidate else model_store,
                    pipeline=pipeline,
                    newest_uri=newest_uri,
                    champion_store=model_store,
                    profile_page=_profile_page(folder),
                    git_commit=tracked.git_commit if tracked else "",
                    spool=tracked.spool if tracked else "",
                )
                _run(config, context, home, run, summary, stream, tracked, owns_process=owns_process)
    return summary


def _tracker(
    folder: PipelineFolder, config: PipelineConfig, task: str, pipeline: str, run: RunFolder
) -> TrackerConfig | None:
    """Returns how a run is tracked; None where it is not, or trains no model."""
    if not find_uri(config) or not kind_of(pipeline).reads_records:
        return None
    commit = find_git_commit(folder.path)
    return tracker_config(config, task, pipeline, git_commit=commit, spool=str(run.path / SPOOL))


@contextlib.contextmanager
def _tracked(tracked: TrackerConfig | None, run: RunFolder, summary: Summary) -> Iterator[None]:
    """Tracks a run that ends before its tracker."""
    try:
        yield
    except BaseException as error:
        if tracked is not None:
            summary.tracking = track_unfinished(tracked, run.run_id, dataclasses.asdict(summary), error, run.path)
        raise


def _profile_page(folder: PipelineFolder) -> str:
    """Returns the path of the page that `yachay new` wrote; empty for none."""
    path = folder.path.absolute() / PROFILE_PAGE
    return str(path) if path.is_file() else ""


def write_mock_data(config: PipelineConfig, home: PipelineHome) -> Path:
    """Writes the synthetic records of a configuration and returns their path.

    Raises:
        ConfigurationError: if `data.mock` names no function.
    """
    write = import_callable(str(config.data.mock), "data.mock")
    path = home.path / "data" / "mock"
    path.parent.mkdir(exist_ok=True)
    with atomic_file(path) as draft:
        write(draft)
    return path


def find_model_store(config: PipelineConfig, task: str, workdir: Path) -> str:
    """Returns the model store of a task, which its pipelines share.

    Args:
        config: `PipelineConfig`.
        task: string. Name of the task.
        workdir: absolute path of the folder that holds the homes of pipelines.
    """
    name = config.pipeline_name(task)
    return config.push.store_of(name) or str(PipelineHome(workdir / name).models_path)


def _run(
    config: PipelineConfig,
    context: RunContext,
    home: PipelineHome,
    run: RunFolder,
    summary: Summary,
    stream: TextIO,
    tracked: TrackerConfig | None,
    *,
    owns_process: bool,
) -> None:
    with LateForkServer() as server:
        if tracked is not None:
            set_defaults()
        trains = context.pipeline == TRAINING and config.pipelines[TRAINING] == DEFAULT_PIPELINE
        if owns_process and not home.metadata_path.exists() and trains:
            # Nothing can come from the cache: it imports while this process does. What a system's own pipeline.py sets
            # in the environment the executors have too.
            server.start([PROCESS, *modules_with_tensorflow(), *(modules_with_mlflow() if tracked else [])])
        # TFX takes time to import: an invalid command must not wait for it.
        from absl import logging

        from ..assembly import make_pipeline
        from .runner import NodeRunner

        logging.set_verbosity(logging.INFO)
        pipeline = make_pipeline(config, context)
        nodes = [NodeProgress(component.id) for component in pipeline.components]
        runner = NodeRunner(pipeline, home.metadata_path, run.run_id, nodes, owns_process=owns_process)
        try:
            with Progress(stream, nodes) as progress:
                runner.run(progress, server)
        finally:
            summary.nodes = [
                {
                    "id": node.id,
                    "state": node.state,
                    "seconds": round(node.seconds, 2),
                    "cached": node.state == "cached",
                }
                for node in nodes
            ]
            summary.add(describe(config, context.task, runner.outputs_by_role))


def describe(config: PipelineConfig, task: str, made: "Mapping[Role, dict[str, Artifact]]") -> Fields:
    """Returns the fields of a summary that nodes with a role made, as far as they got.

    Args:
        config: `PipelineConfig`.
        task: string. Name of the task.
        made: mapping of role to `{output: Artifact}`.
    """
    from ...components.evaluator.evaluation import read_evaluation

    fields: Fields = {}
    if examples := made.get("ingest", {}).get("examples"):
        fields |= describe_ingest(examples.properties)
    if quarantine := made.get("ingest", {}).get("quarantine"):
        fields["quarantine_uri"] = quarantine.uri
    if model := made.get("trainer", {}).get("model"):
        fields |= {"model_uri": model.uri, **describe_training(Path(model.uri))}
    if evaluator := made.get("evaluator"):
        thresholds = config.evaluation_settings(task).thresholds
        evaluation = read_evaluation(Path(evaluator["evaluation"].uri))
        report = made.get("report", {}).get("report")
        fields |= describe_evaluation(
            evaluation,
            config.evaluation.min_slice_rows,
            () if report is None else _left_out(Path(report.uri)),
            thresholds,
        )
        fields["bounds"] = {
            metric: bounds.model_dump(include={"lower", "upper"}, exclude_none=True)
            for metric, bounds in thresholds.items()
        }
        fields["verdict"] = "blessed" if evaluator["blessing"].properties.get("blessed") else "not_blessed"
    if gate := made.get("champion_gate"):
        fields |= describe_champion_gate(gate["blessing"].properties)
    if results := made.get("tuner", {}).get("tuner_results"):
        fields |= describe_tuning(results.properties, results.uri, fields.get("metrics", {}))
    if report := made.get("report", {}).get("report"):
        fields["report_uri"] = str(Path(report.uri, report_files.PAGE))
    if recommendation := made.get("recommender", {}).get("recommendation"):
        fields["recommendation_uri"] = recommendation.uri
    if pushed_model := made.get("pusher", {}).get("pushed_model"):
        fields |= describe_push(pushed_model.properties)
    if tracking := made.get("tracker", {}).get("tracking"):
        fields |= describe_tracking(tracking.properties)
    if monitoring := made.get("monitor", {}).get("report"):
        fields |= describe_monitoring(monitoring.properties, Path(monitoring.uri))
    return fields


def _left_out(report: Path) -> list[dict[str, str]]:
    """Returns the slices that a report does not show."""
    slices = json.loads((report / report_files.REPORT).read_text())["slices"]
    return [row["slice"] for row in slices if row["is_suppressed"]]
