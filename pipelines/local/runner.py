"""Runs the nodes of a TFX pipeline in this process, one after the other.

As TFX's `LocalDagRunner`, and it says how each node stands, takes up what a killed run left, and returns what was made.
"""

import dataclasses
import shutil
import time
from pathlib import Path
from typing import Any

from absl import logging
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from ...components.evaluation_report.timing import note_node
from ...errors import RunError, YachayError
from ..errors import describe_error
from ..runs.progress import NodeProgress, Progress

# The cache's key holds neither the contents of the model store nor what the server answered.
_NEVER_CACHED = ("Pusher",)
_UNFINISHED = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)


class NodeError(RunError):
    """A node failed for a reason that is not the data's or the configuration's."""


@dataclasses.dataclass(frozen=True)
class Artifact:
    """What a node made.

    Args:
        uri: string. Where it lies.
        properties: dict of the artifact's properties.
    """

    uri: str
    properties: dict[str, Any]


Outputs = dict[str, dict[str, Artifact]]


def run_nodes(
    pipeline: Pipeline,
    metadata_path: Path,
    run_id: str,
    nodes: list[NodeProgress],
    progress: Progress,
    outputs: Outputs,
) -> None:
    """Runs a pipeline.

    Args:
        pipeline: TFX `Pipeline`.
        metadata_path: path of the ML Metadata database; made where it does not exist.
        run_id: string. Identifies the run in the database.
        nodes: list of `NodeProgress`, one for each component in the order of the pipeline; changed in place.
        progress: `Progress`, told whenever a node ends.
        outputs: dict of node to `{output: Artifact}`, filled in place as nodes end.

    Raises:
        YachayError: if a node fails; a node's own error that a user can act on passes as it is.
    """
    connection = metadata.sqlite_metadata_connection_config(str(metadata_path))
    store = metadata_store.MetadataStore(connection)
    discard_unfinished(store, Path(pipeline.pipeline_info.pipeline_root))
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    for node, progress_node in zip(ir.nodes, nodes, strict=True):
        if progress_node.id in _NEVER_CACHED:
            node.pipeline_node.execution_options.caching_options.enable_cache = False
        start = time.monotonic()
        progress_node.state = "running"
        try:
            execution = _run_node(ir, node.pipeline_node, connection, store)
            progress_node.state = "cached" if execution.last_known_state == execution.CACHED else "done"
        except BaseException as error:
            progress_node.state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            raise
        finally:
            progress_node.seconds = time.monotonic() - start
            if progress_node.state in ("failed", "interrupted"):
                progress.ended(progress_node)
        made = _output_artifacts(store, execution.id)
        if progress_node.state == "done":
            for artifact in made.values():
                note_node(artifact, progress_node.id, progress_node.seconds)
            store.put_artifacts(list(made.values()))
        outputs[progress_node.id] = {key: _artifact(artifact) for key, artifact in made.items()}
        progress_node.rows = _rows(outputs, progress_node.id)
        progress.ended(progress_node)


def discard_unfinished(store: metadata_store.MetadataStore, artifacts_path: Path) -> None:
    """Marks the executions that a killed run left unfinished, and removes what they had begun to write."""
    left = [execution for execution in store.get_executions() if execution.last_known_state in _UNFINISHED]
    for execution in left:
        for folder in artifacts_path.glob(f"*/*/{execution.id}"):
            shutil.rmtree(folder)
        for folder in artifacts_path.glob(f"*/.system/*/{execution.id}"):
            shutil.rmtree(folder)
        execution.last_known_state = metadata_store_pb2.Execution.CANCELED
    store.put_executions(left)


def _run_node(
    ir: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode, connection: Any, store: metadata_store.MetadataStore
) -> metadata_store_pb2.Execution:
    node_id = node.node_info.id
    deployment = runner_utils.extract_local_deployment_config(ir)
    try:
        information = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=metadata.Metadata(connection),
            pipeline_info=ir.pipeline_info,
            pipeline_runtime_spec=ir.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, node_id),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
        ).launch()
    except YachayError:
        logging.exception("%s failed", node_id)
        raise
    except Exception as error:
        logging.exception("%s failed", node_id)
        raise NodeError(f"{node_id} failed with {describe_error(error)}") from error
    if information is None or information.execution_id is None:
        raise NodeError(f"{node_id} did not run: its inputs were not there.")
    [execution] = store.get_executions_by_id([information.execution_id])
    if execution.last_known_state == execution.FAILED:
        raise NodeError(f"{node_id} did not run: its inputs could not be resolved.")
    return execution


def _output_artifacts(store: metadata_store.MetadataStore, execution_id: int) -> dict[str, metadata_store_pb2.Artifact]:
    events = [
        event
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type in (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INTERNAL_OUTPUT)
    ]
    artifacts = {
        artifact.id: artifact for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])
    }
    return {event.path.steps[0].key: artifacts[event.artifact_id] for event in events}


def _artifact(proto: metadata_store_pb2.Artifact) -> Artifact:
    properties = {
        name: getattr(value, value.WhichOneof("value"))
        for values in (proto.properties, proto.custom_properties)
        for name, value in values.items()
        if value.WhichOneof("value")
    }
    return Artifact(proto.uri, properties)


def _rows(outputs: Outputs, node_id: str) -> int | None:
    """Returns the number of records that a node handled: all that were kept, or those of the split that it is about."""
    examples = next((made["examples"].properties for made in outputs.values() if "examples" in made), None)
    if examples is None:
        return None
    counts = {
        "Trainer": "rows_train", "FeatureSelector": "rows_train",
        "Evaluator": "rows_eval", "EvaluationReport": "rows_eval",
        "ColumnarExampleGen": "rows_kept", "StatisticsGen": "rows_kept", "Transform": "rows_kept",
    }  # fmt: skip
    return int(examples[counts[node_id]]) if node_id in counts else None
