"""Runs TFX's own executor of a step."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.types.value_artifact import ValueArtifact

from ....components.evaluation_report.timing import note_node, peak_bytes, start_peak
from ....dotted import import_callable
from ....errors import DataError
from ....files import scratch_folder
from ....uris import is_remote, split_pattern
from ...node import DATA_URI, PIPELINE_ROOT, RawData
from ..spec.options import StepOptions
from .devices import log_devices
from .executor_input import Json, StepInput, write_executor_output
from .pointer import write_pointer
from .roots import find_root, find_run_id
from .tfx_artifacts import artifact_id, make_artifact, make_place, read_metadata
from .views import write_views

Artifacts = dict[str, list[types.Artifact]]

_COUNT = "rows_"


def execute(node: str, executor_path: str, step: StepInput, options: StepOptions) -> int | None:
    """Runs an executor and writes what it made.

    Args:
        node: string. Name of the step.
        executor_path: string. Dotted path of the executor's class.
        step: `StepInput`.
        options: `StepOptions`.

    Returns:
        The number of records that the step handled, where the ingest said it.
    """
    start = time.monotonic()
    start_peak()
    log_devices(options.accelerators)
    raw_data = step.inputs.pop(options.raw_data.input, []) if options.raw_data else []
    inputs = {
        key: [make_artifact(artifact, options.types) for artifact in artifacts]
        for key, artifacts in step.inputs.items()
    }
    views = {key: step.outputs[key] for key in options.views}
    outputs = {
        key: [make_artifact(artifact, options.types)] for key, artifact in step.outputs.items() if key not in views
    }
    for artifacts in inputs.values():
        for artifact in artifacts:
            make_place(artifact)  # An empty folder does not come through a store.
    discard_outputs(step)
    for [artifact] in outputs.values():
        make_place(artifact)
    with scratch_folder() as temporary:
        properties = execution_properties(step, options)
        if options.raw_data:
            path = raw_data[0].path if raw_data else None
            properties[options.raw_data.property] = find_raw_data(
                options.raw_data, step.parameters[DATA_URI], path, temporary
            )
        if options.resolves_files:
            # Imported here: stock ExampleGens only.
            from .file_inputs import resolve_files

            properties = resolve_files(properties, outputs["examples"][0])
        try:
            _run(executor_path, inputs, outputs, properties, options, temporary)
        except BaseException:
            _note_push_of_failed(step, options, outputs)
            raise
    pass_counts_on(inputs, outputs)
    for [artifact] in outputs.values():
        note_node(artifact.mlmd_artifact, node, time.monotonic() - start, peak_bytes())
    names = {
        artifact_id(item.name): item.name for items in (*step.inputs.values(), step.outputs.values()) for item in items
    }
    metadata = {key: read_metadata(artifact, names) for key, [artifact] in outputs.items()}
    if views:
        metadata |= write_views(step.outputs, views)
    for [artifact] in outputs.values():
        if not Path(artifact.uri).exists():
            make_place(artifact)
            if isinstance(artifact, ValueArtifact):
                Path(artifact.uri).touch()
    if options.points_to and metadata["pushed_model"].get("pushed"):
        note_push(step.inputs[options.points_to][0].uri, step, options, metadata["pushed_model"])
    values = {name: outputs[key][0].read() for name, key in options.output_parameters.items()}
    write_executor_output(step, metadata, values)
    return _rows(inputs, outputs, options.rows)


def pass_counts_on(inputs: Artifacts, outputs: Artifacts) -> None:
    """Notes on examples that are made of others how many records those hold, for the steps after: TFX does not."""
    [source] = inputs.get("examples") or [None]
    if source is None:
        return
    counts = [name for name in source.mlmd_artifact.custom_properties if name.startswith(_COUNT)]
    for [made] in outputs.values():
        if made.type_name == source.type_name:
            for name in counts:
                made.set_int_custom_property(name, int(source.get_int_custom_property(name)))


def discard_outputs(step: StepInput) -> None:
    """Removes what lies at the places of a step's outputs: of an earlier attempt, or of one that failed."""
    for artifact in step.outputs.values():
        path = Path(artifact.path)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def execution_properties(step: StepInput, options: StepOptions) -> Json:
    """Returns the execution properties of a step: its parameters, with those of the run put in."""
    properties = {name: value for name, value in step.parameters.items() if name not in options.arguments}
    properties |= {name: step.outputs[key].path for name, key in options.output_folders.items()}
    for assignment in options.assignments:
        value = step.parameters[assignment.parameter]
        if value != 0 or not assignment.zero_keeps:
            document = json.loads(properties[assignment.property])
            _assign(document, assignment.path, value)
            properties[assignment.property] = json.dumps(document)
    return properties


def find_raw_data(raw_data: RawData, data_uri: str, path: str | None, folder: Path) -> str:
    """Returns the local path or pattern of the records of a run.

    Args:
        raw_data: `RawData`.
        data_uri: string. What the run named; empty where the pipeline writes synthetic records.
        path: string or None. Where the launcher put what `data_uri` names in a store.
        folder: path. Gets the synthetic records.

    Raises:
        DataError: if there are no such records.
    """
    if raw_data.mock is not None:
        if data_uri:
            raise DataError(
                f"Expected no {DATA_URI}, for this pipeline is of a profile that writes records of its own. "
                f"Received: {data_uri}. Leave it out, or compile without the profile."
            )
        mock = folder / "mock"
        import_callable(raw_data.mock, "data.mock")(mock)
        return str(mock)
    if not data_uri:
        raise DataError(f"Expected the parameter {DATA_URI} to name records. Received: none.")
    if not is_remote(data_uri):
        return data_uri
    if path is None:
        raise DataError(
            f"Expected records at {data_uri}. Received: nothing. Check the parameter {DATA_URI}, and that Kubeflow "
            "Pipelines may read there."
        )
    _, pattern = split_pattern(data_uri)
    return str(Path(path, pattern)) if pattern else path


def _run(
    executor_path: str, inputs: Artifacts, outputs: Artifacts, properties: Json, options: StepOptions, temporary: Path
) -> None:
    executor_class = import_callable(executor_path, "the executor")
    beam_args = "beam_pipeline_args" if _is_beam(executor_class) else "extra_flags"
    context = executor_class.Context(
        **{beam_args: list(options.beam_args)},
        tmp_dir=str(temporary),
        unique_id=temporary.name,
        pipeline_run_id=find_run_id(next(iter(outputs.values()))[0].uri, options.pipeline) if outputs else None,
    )
    executor_class(context).Do(inputs, outputs, properties)


def _is_beam(executor_class: type) -> bool:
    # By name: to import Beam takes seconds, and most steps do without.
    return any(base.__name__ == "BaseBeamExecutor" for base in executor_class.__mro__)


def _assign(document: Json, path: tuple[str, ...], value: Any) -> None:
    *parents, last = path
    for parent in parents:
        document = document.setdefault(parent, {})
    document[last] = value


def _note_push_of_failed(step: StepInput, options: StepOptions, outputs: Artifacts) -> None:
    """Writes the pointer where the model was pushed and only what follows, its deployment, failed.

    Not where models are pushed into the step's own output: of a step that fails, no output is kept.
    """
    if not options.points_to or options.output_folders:
        return
    [pushed] = outputs["pushed_model"]
    facts = read_metadata(pushed, {})
    if facts.get("pushed"):
        note_push(step.inputs[options.points_to][0].uri, step, options, facts)


def note_push(model_uri: str, step: StepInput, options: StepOptions, pushed: Mapping[str, Any]) -> None:
    """Names the model that was pushed as the one to compare the next with."""
    root = find_root(step.parameters[PIPELINE_ROOT], step.outputs["pushed_model"].uri, options.pipeline)
    write_pointer(
        root,
        options.pipeline,
        model_uri,
        pushed_model_uri=step.remote_names.to_remote(pushed["pushed_destination"]),
        pushed_version=pushed["pushed_version"],
    )


def _rows(inputs: Artifacts, outputs: Artifacts, name: str) -> int | None:
    [examples] = outputs.get("examples") or inputs.get("examples") or [None]
    if examples is None or not examples.has_custom_property(name):
        return None
    return int(examples.get_int_custom_property(name))
