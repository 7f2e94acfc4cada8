"""Runs the nodes of a TFX pipeline in this process, one after the other.

As TFX's `LocalDagRunner`, and it shows how each node stands, discards what a killed run left unfinished, takes a result
from the cache only where it still holds, and returns what was made.
"""

import contextlib
import dataclasses
import functools
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline

from ... import __version__
from ...components.evaluation_report.timing import note_node
from ...components.progress import reported_to
from ...components.tfx_api import dsl_compiler as compiler
from ...components.tfx_api import dsl_constants as constants
from ...components.tfx_api import launcher, metadata, pipeline_pb2, runner_utils, runtime_parameter_utils
from ...errors import RunError, YachayError
from ...fork_server import ADDRESS, fork_server
from ..errors import describe_error
from ..node import Role, traits_of
from ..runs.progress import NodeProgress, Progress
from .operators import late_operators

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


class NodeRunner:
    """One run of a pipeline.

    Args:
        pipeline: TFX `Pipeline`.
        metadata_path: path of the ML Metadata database; made where it does not exist.
        run_id: string. Identifies the run in the database.
        nodes: sequence of `NodeProgress`, one for each component in the order of the pipeline.

    Attributes:
        outputs: dict of node to `{output: Artifact}` of the nodes that have ended, also where a later one failed.
    """

    def __init__(self, pipeline: Pipeline, metadata_path: Path, run_id: str, nodes: Sequence[NodeProgress]) -> None:
        self._pipeline, self._run_id, self._nodes = pipeline, run_id, nodes
        self._connection = metadata.sqlite_metadata_connection_config(str(metadata_path))
        self.outputs: Outputs = {}

    @property
    def outputs_by_role(self) -> dict[Role, dict[str, Artifact]]:
        """The outputs of the nodes that have a role in the summary."""
        roles = {component.id: traits_of(component).role for component in self._pipeline.components}
        return {roles[node]: made for node, made in self.outputs.items() if roles[node]}

    def run(self, progress: Progress) -> None:
        """Runs the nodes one after the other.

        Args:
            progress: `Progress`, which shows each node when it ends.

        Raises:
            YachayError: if a node fails; a node's own error that a user can act on passes as it is.
        """
        store = metadata_store.MetadataStore(self._connection)
        discard_unfinished(store, Path(self._pipeline.pipeline_info.pipeline_root))
        ir = compiler.Compiler().compile(self._pipeline)
        runtime_parameter_utils.substitute_runtime_parameter(
            ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        components = self._pipeline.components
        with LateForkServer() as server:
            for index, (component, node, state) in enumerate(zip(components, ir.nodes, self._nodes, strict=True)):
                later = [module for one in components[index + 1 :] for module in traits_of(one).forks]
                launch = functools.partial(
                    _launch, ir, node.pipeline_node, self._connection, store, server.ahead_of(later)
                )
                self._run_node(component, node.pipeline_node, state, store, launch, progress)

    def _run_node(
        self,
        component: BaseNode,
        node: pipeline_pb2.PipelineNode,
        state: NodeProgress,
        store: metadata_store.MetadataStore,
        launch: Callable[[], metadata_store_pb2.Execution],
        progress: Progress,
    ) -> None:
        caching, traits = node.execution_options.caching_options, traits_of(component)
        caching.enable_cache &= traits.is_cached or traits.is_current is not None
        start = time.monotonic()
        state.state = "running"
        try:
            if traits.is_current is not None:
                _abandon_outdated(store, node, traits.is_current)
            with reported_to(lambda note: progress.noted(state, note)):
                execution = launch()
            state.state = "cached" if execution.last_known_state == execution.CACHED else "done"
        except BaseException as error:
            state.state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            raise
        finally:
            state.seconds = time.monotonic() - start
            if state.state in ("failed", "interrupted"):
                progress.ended(state)
        made = _output_artifacts(store, execution.id)
        if state.state == "done":
            for artifact in made.values():
                note_node(artifact, state.id, state.seconds)
            store.put_artifacts(list(made.values()))
        self.outputs[state.id] = {key: _artifact(artifact) for key, artifact in made.items()}
        state.rows = self._rows(component)
        progress.ended(state)

    def _rows(self, component: BaseNode) -> int | None:
        """Returns the number of rows that a node handled: all that were kept, or those of one split."""
        rows = traits_of(component).rows
        if not rows or "examples" not in {*component.inputs, *component.outputs}:
            return None
        examples = [made["examples"].properties for made in self.outputs.values() if "examples" in made]
        return next((int(properties[rows]) for properties in examples if rows in properties), None)


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


class LateForkServer(contextlib.ExitStack):
    """The fork server of a run, started once it will be of use."""

    def ahead_of(self, modules: Sequence[str]) -> Callable[[], None]:
        """Returns the function that starts the server where there are modules, and it is not started yet."""

        def start() -> None:
            if modules and ADDRESS not in os.environ:
                address = self.enter_context(fork_server(modules, os.environ))
                self.callback(os.environ.pop, ADDRESS)
                os.environ[ADDRESS] = address

        return start


def _launch(
    ir: pipeline_pb2.Pipeline,
    node: pipeline_pb2.PipelineNode,
    connection: Any,
    store: metadata_store.MetadataStore,
    before: Callable[[], None],
) -> metadata_store_pb2.Execution:
    node_id = node.node_info.id
    deployment = runner_utils.extract_local_deployment_config(ir)
    try:
        information = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=metadata.Metadata(connection),
            pipeline_info=ir.pipeline_info,
            pipeline_runtime_spec=ir.runtime_spec,
            executor_spec=_with_version(runner_utils.extract_executor_spec(deployment, node_id)),
            custom_executor_operators=late_operators(before),
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


def _abandon_outdated(
    store: metadata_store.MetadataStore,
    node: pipeline_pb2.PipelineNode,
    is_current: Callable[[Mapping[str, Mapping[str, Any]]], bool],
) -> None:
    """Takes out of the cache what earlier runs of a node made and what no longer holds: the cache has live artifacts.

    It is done before the node runs: TFX runs a node, or takes its result from the cache, once in a run.
    """
    [name] = [each.name.field_value.string_value for each in node.contexts.contexts if each.type.name == "node"]
    context = store.get_context_by_type_and_name("node", name)
    for execution in store.get_executions_by_context(context.id) if context else ():
        made = _output_artifacts(store, execution.id)
        is_live = any(artifact.state == artifact.LIVE for artifact in made.values())
        if is_live and not is_current({key: _artifact(artifact).properties for key, artifact in made.items()}):
            for artifact in made.values():
                artifact.state = artifact.ABANDONED
            store.put_artifacts(list(made.values()))


def _with_version(executor_spec: Any) -> Any:
    """Returns an executor's specification with the library's version, so that an upgrade takes nothing from the cache.

    The cache's key holds this specification; executors ignore a flag that they do not know.
    """
    python = getattr(executor_spec, "python_executor_spec", executor_spec)
    if python is not None and hasattr(python, "extra_flags"):
        python.extra_flags.append(f"--yachay_version={__version__}")
    return executor_spec


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
