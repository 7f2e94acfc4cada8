"""A whole run of a compiled spec on this machine: `yachay run-spec`.

In the home of the pipeline's runs (see `local.run_folder`), `store/` is a folder that stands for all object stores:
`minio://b/k` is `store/minio/b/k`. What a run leaves there, such as the pointer to the last blessed model, the next one
finds. Pipelines that share buckets, as a training and its monitor do, are given one folder.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from ....components.evaluation_report import report_files
from ....components.evaluation_report.report import Report
from ....errors import carrying
from ....files import scratch_folder
from ...errors import full_disk_explained
from ...kinds import KINDS
from ...runs.describe import (
    Fields,
    describe_champion_gate,
    describe_evaluation,
    describe_ingest,
    describe_monitoring,
    describe_push,
    describe_retraining,
    describe_tracking,
    describe_training,
    describe_tuning,
)
from ...runs.output import redirected_to
from ...runs.progress import NodeProgress, Progress
from ...runs.run_folder import PipelineHome
from ...runs.summary import Summary
from ..spec.package import Package
from .code import find_code
from .launcher import Launcher
from .local_store import LocalStore
from .spec_runner import CompiledSpec, SpecRunner
from .step_server import step_server

DEFAULT_PIPELINE_ROOT = "minio://mlpipeline/v2/artifacts"
"""Where Kubeflow Pipelines keeps the artifacts of a run that names no root."""

Json = dict[str, Any]


def run_spec(
    package: Package,
    arguments: Mapping[str, Any],
    pipeline_root: str | None,
    workdir: Path,
    store_folder: Path | None = None,
) -> Summary:
    """Runs a compiled spec and returns its summary.

    Args:
        package: `Package`.
        arguments: mapping of parameter to value.
        pipeline_root: string or None. As the request of a run has it.
        workdir: path of the folder that holds the homes of pipelines.
        store_folder: path of the folder that stands for all object stores. Defaults to `store` in the home.

    Raises:
        YachayError: if the spec is invalid or a step fails.
        KeyboardInterrupt: if the user stops it.

        Each carries the summary as far as the run got: see `errors.partial_result`.
    """
    pipeline, task, profile = parse_name(package.name)
    summary = Summary(pipeline=pipeline, task=task, profile=profile, is_synthetic=package.is_synthetic)
    with carrying(summary):
        package.require(arguments)
        spec = CompiledSpec(package)
        code = find_code(package, [Path.cwd(), package.path.absolute().parent])
        summary.warnings += spec.warnings()
        home = PipelineHome(workdir.absolute() / package.name)
        home.make()
        with full_disk_explained(home.path), home.locked():
            run = home.new_run()
            summary.run_id, summary.log = run.run_id, str(run.log_path)
            shutil.copyfile(package.path, run.path / f"pipeline{package.path.suffix}")
            root = (pipeline_root or DEFAULT_PIPELINE_ROOT).split("?")[0].rstrip("/")
            with (
                summary.kept_at(run.summary_path),
                full_disk_explained(home.path),
                redirected_to(run.log_path) as stderr,
                scratch_folder() as scratch,
            ):
                store = LocalStore(store_folder or home.path / "store", package.name)
                run_root = f"{root}/{package.name}/{run.run_id}"
                with step_server(spec.executors, code, scratch) as server:
                    launcher = Launcher(store, run_root, run.log_path, scratch, code, server)
                    _run(spec, arguments, launcher, store, summary, stderr)
    return summary


def parse_name(name: str) -> tuple[str, str | None, str]:
    """Returns the configuration, task and profile of a compiled pipeline's name; the name alone where it has none."""
    pipeline, *rest = (part.replace("-", "_") for part in name.split("--"))
    if not rest:
        return name, None, ""
    if rest[-1] in KINDS:  # No profile has the name of a pipeline.
        rest.pop()
    return pipeline, rest[0], rest[1] if len(rest) > 1 else ""


def describe(made: Sequence[tuple[str, Json]], store: LocalStore) -> Fields:
    """Returns the fields of a summary that the steps made, as far as they got.

    Args:
        made: sequence of `(type, RuntimeArtifact)`.
        store: `LocalStore`.
    """
    fields: Fields = {}
    uris: dict[str, str] = {}
    searches: list[Json] = []
    champion: Fields = {}
    for kind, artifact in made:
        metadata = artifact["metadata"]
        uris[kind] = artifact["uri"]
        if kind == "tfx.Examples" and "data_fingerprint" in metadata:
            fields |= describe_ingest(metadata)
        elif kind == "tfx.ModelBlessing":
            fields["verdict"] = "blessed" if metadata.get("blessed") else "not_blessed"
            champion = describe_champion_gate(metadata)
        elif kind == "tfx.PushedModel":
            fields |= describe_push(metadata)
        elif kind == "yachay.Tracking" and metadata.get("state") != "left":
            fields = describe_tracking(metadata) | fields  # The exit handler comes after the tracker.
        elif kind == "yachay.MonitorReport":
            fields |= describe_monitoring(metadata, store.path(artifact["uri"]))
        elif kind == "yachay.RetrainDecision":
            fields |= describe_retraining(metadata)
        elif kind == "tfx.TunerResults":
            searches.append(metadata)
    fields |= {"quarantine_uri": uris.get("yachay.Quarantine"), "model_uri": uris.get("tfx.Model")}
    if "tfx.Model" in uris:
        fields |= describe_training(store.path(uris["tfx.Model"]))
    report = None
    if "yachay.EvaluationReport" in uris:
        folder = store.path(uris["yachay.EvaluationReport"])
        fields["report_uri"] = str(folder / report_files.PAGE)
        report = Report.model_validate_json((folder / report_files.REPORT).read_bytes())
        fields["bounds"] = {
            threshold.metric: threshold.model_dump(include={"lower", "upper"}, exclude_none=True)
            for threshold in report.verdict.thresholds
            if threshold.metric in report.metrics and not threshold.is_change and not threshold.slice
        }
    if "yachay.InterventionRecommendation" in uris:
        fields["recommendation_uri"] = str(store.path(uris["yachay.InterventionRecommendation"]))
    if "tfx.ModelEvaluation" in uris:
        # Imported here: TFMA takes seconds.
        from ....components.evaluator.evaluation import read_evaluation

        evaluation = read_evaluation(store.path(uris["tfx.ModelEvaluation"]))
        left_out = [row.slice for row in report.slices if row.is_suppressed] if report else ()
        fields |= describe_evaluation(evaluation, report.min_slice_rows if report else None, left_out)
    fields |= champion
    for metadata in searches:
        folder = store.path(uris["tfx.TunerResults"])
        fields |= describe_tuning(metadata, str(folder), fields.get("metrics", {}))
    return fields


def _run(
    spec: CompiledSpec,
    arguments: Mapping[str, Any],
    launcher: Launcher,
    store: LocalStore,
    summary: Summary,
    stderr: TextIO,
) -> None:
    nodes = {path: NodeProgress(path[-1]) for path in spec.leaves()}
    runner = SpecRunner(spec, launcher, str(summary.run_id), nodes)
    try:
        with Progress(stderr, list(nodes.values())) as progress:
            runner.run(arguments, progress)
    finally:
        summary.nodes = [
            {"id": node.id, "state": node.state, "seconds": round(node.seconds, 2), "cached": False}
            for node in nodes.values()
        ]
        summary.add(describe(runner.made, store))
