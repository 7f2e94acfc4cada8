"""Runs the nodes of a TFX pipeline on this machine.

As TFX's `LocalDagRunner`, and it shows how each node stands, discards what a killed run left unfinished, takes a result
from the cache only where it still holds, and returns what was made.
"""

import dataclasses
import functools
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from absl import logging
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline

from ... import __version__
from ...components.evaluation_report.timing import note_node, peak_bytes, start_peak
from ...components.progress import reported_to
from ...components.tfx_api import dsl_compiler as compiler
from ...components.tfx_api import dsl_constants as constants
from ...components.tfx_api import launcher, metadata, pipeline_pb2, runner_utils, runtime_parameter_utils
from ...errors import RunError, YachayError
from ...fork_server import ADDRESS, ForkError
from ..errors import describe_error
from ..executor_modules import executor_modules, needs_process
from ..node import Role, traits_of
from ..runs.progress import NodeProgress, Progress
from .executor_process import OPERATORS, EndedError, ExecutorError, ExecutorProcesses, class_path
from .interruption import Interruption
from .late_fork_server import PROCESS, LateForkServer
from .operators import late_operators, run_here
from .side_by_side import why_in_turn

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
        owns_process: bool. Whether this process is the library's own: nodes that need TensorFlow then have processes
            that are forked from one which imports it once, and run side by side with others. A caller's own process may
            hold what those would lack. Defaults to False.

    Attributes:
        outputs: dict of node to `{output: Artifact}` of the nodes that have ended, also where a later one failed.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        metadata_path: Path,
        run_id: str,
        nodes: Sequence[NodeProgress],
        *,
        owns_process: bool = False,
    ) -> None:
        self._pipeline, self._run_id, self._nodes = pipeline, run_id, nodes
        self._connection = metadata.sqlite_metadata_connection_config(str(metadata_path))
        self._owns_process = owns_process
        self._processes = ExecutorProcesses()
        self._lock = threading.Lock()  # Of the metadata, and of what is noted of nodes.
        self._interruption = Interruption()
        self._why_in_turn: str | None = None
        self.outputs: Outputs = {}

    @property
    def outputs_by_role(self) -> dict[Role, dict[str, Artifact]]:
        """The outputs of the nodes that have a role in the summary."""
        roles = {component.id: traits_of(component).role for component in self._pipeline.components}
        return {roles[node]: made for node, made in self.outputs.items() if roles[node]}

    def run(self, progress: Progress, server: LateForkServer) -> None:
        """Runs the nodes in their order; one that works in a process of its own beside those that do not need it.

        Where one fails, those after it are ended or do not start, and those before it end: a run fails as it would one
        node after the other.

        Args:
            progress: `Progress`, which shows each node once it and those before it have ended.
            server: `LateForkServer`. It is started before the first executor that others with a use for it follow.

        Raises:
            YachayError: if a node fails; a node's own error that a user can act on passes as it is.
        """
        store = metadata_store.MetadataStore(self._connection)
        discard_unfinished(store, Path(self._pipeline.pipeline_info.pipeline_root))
        ir = compiler.Compiler().compile(self._pipeline)
        runtime_parameter_utils.substitute_runtime_parameter(
            ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        nodes = [
            _Node(index, component, node.pipeline_node, state, _executor_spec(ir, node.pipeline_node))
            for index, (component, node, state) in enumerate(
                zip(self._pipeline.components, ir.nodes, self._nodes, strict=True)
            )
        ]
        with ThreadPoolExecutor(1) as thread:

            def run(node: _Node) -> None:
                modules = self._modules_from(node, nodes)
                launch = functools.partial(self._launch, ir, node, store, functools.partial(server.start, modules))
                with self._lock:
                    self._run_node(node, store, launch, progress)

            # Started now: Ctrl-C while a thread starts leaves one that nobody waits for.
            thread.submit(bool).result()
            with self._interruption.kept():
                self._run_all(nodes, run, thread)

    def _run_all(self, nodes: "Sequence[_Node]", run: "Callable[[_Node], None]", thread: ThreadPoolExecutor) -> None:
        waiting, ended, errors = list(nodes), set[str](), dict[int, Exception]()
        beside: tuple[_Node, Future[None]] | None = None
        try:
            while waiting or beside:
                self._interruption.check()
                passed = {node.id for node in nodes if node.id in ended and node.upstream <= ended}
                ready = [node for node in waiting if node.needed <= passed]
                here = next((node for node in ready if not self._runs_apart(node)), None)
                apart = next((node for node in ready if self._runs_apart(node)), None)
                if not beside and here and apart and self._is_side_by_side():
                    waiting.remove(apart)
                    beside = apart, thread.submit(run, apart)
                if beside and not here:
                    node, result = beside[0], beside[1].exception()
                    beside = None
                else:
                    node = here if beside and here else waiting[0]
                    waiting.remove(node)
                    result = None
                    try:
                        run(node)
                    except Exception as error:
                        result = error
                if result is None:
                    ended.add(node.id)
                elif isinstance(result, Exception):
                    errors[node.index] = result
                    waiting = [one for one in waiting if one.index < node.index]
                    if beside and beside[0].index > node.index:
                        self._processes.end(beside[0].id)
                else:
                    raise result
            self._interruption.check()
        except BaseException:
            for node in nodes:
                self._processes.end(node.id)
            raise
        if errors:
            raise errors[min(errors)]

    def _is_side_by_side(self) -> bool:
        """Returns whether nodes run side by side; once the examples are there, the log says why not."""
        if self._why_in_turn is None:
            examples = next((made["examples"].uri for made in self.outputs.values() if "examples" in made), None)
            if examples is None:
                return False
            self._why_in_turn = why_in_turn(Path(examples))
            how = f"in turn, for {self._why_in_turn}" if self._why_in_turn else "side by side where they can"
            logging.info("The nodes run %s", how)
        return not self._why_in_turn

    def _runs_apart(self, node: "_Node") -> bool:
        """Returns whether a node has a process of its own where there is a fork server."""
        return self._owns_process and needs_process(node.executor)

    def _modules_from(self, node: "_Node", nodes: "Sequence[_Node]") -> list[str]:
        """Returns what the fork server imports from a node on; nothing where no later node has a use for it."""
        later = nodes[node.index + 1 :]
        modules = [module for one in later for module in traits_of(one.component).forks]
        if any(self._runs_apart(one) for one in later):
            executors = [one.executor for one in (node, *later) if self._runs_apart(one)]
            modules = list(dict.fromkeys([PROCESS, *executor_modules(executors), *modules]))
        return modules

    def _run_executor(self, node: "_Node", start_server: Callable[[], None], executor_spec: Any, info: Any) -> Any:
        """Runs an executor; meanwhile the metadata is another node's."""
        start_server()
        self._lock.release()
        try:
            if self._runs_apart(node) and ADDRESS in os.environ:
                try:
                    return self._processes.run(executor_spec, info)
                except ForkError as reason:
                    logging.warning("%s runs in the run's own process: %s", node.id, reason)
            return run_here(executor_spec, info)
        except SystemExit as end:  # Else the run would end with that status, and 0 would look like success.
            raise ExecutorError(f"it called sys.exit({', '.join(map(repr, end.args))})") from None
        finally:
            self._lock.acquire()

    def _run_node(
        self,
        node: "_Node",
        store: metadata_store.MetadataStore,
        launch: Callable[[], metadata_store_pb2.Execution],
        progress: Progress,
    ) -> None:
        state, traits = node.state, traits_of(node.component)
        caching = node.ir.execution_options.caching_options
        caching.enable_cache &= traits.is_cached or traits.is_current is not None
        start = time.monotonic()
        if not self._runs_apart(node):
            start_peak()
        state.state = "running"
        try:
            if traits.is_current is not None:
                _abandon_outdated(store, node.ir, traits.is_current)
            with reported_to(lambda note: progress.noted(state, note)):
                execution = launch()
            state.state = "cached" if execution.last_known_state == execution.CACHED else "done"
        except BaseException as error:
            state.state = "interrupted" if isinstance(error, KeyboardInterrupt | EndedError) else "failed"
            raise
        finally:
            state.seconds = time.monotonic() - start
            if state.state in ("failed", "interrupted"):
                progress.ended(state)
        made = _output_artifacts(store, execution.id)
        if state.state == "done":
            peak = self._processes.peak_bytes.get(node.id) if self._runs_apart(node) else peak_bytes()
            for artifact in made.values():
                note_node(artifact, state.id, state.seconds, peak)
            store.put_artifacts(list(made.values()))
        self.outputs[state.id] = {key: _artifact(artifact) for key, artifact in made.items()}
        state.rows = self._rows(node.component)
        progress.ended(state)

    def _launch(
        self,
        ir: pipeline_pb2.Pipeline,
        node: "_Node",
        store: metadata_store.MetadataStore,
        start_server: Callable[[], None],
    ) -> metadata_store_pb2.Execution:
        deployment = runner_utils.extract_local_deployment_config(ir)
        try:
            information = launcher.Launcher(
                pipeline_node=node.ir,
                mlmd_connection=metadata.Metadata(self._connection),
                pipeline_info=ir.pipeline_info,
                pipeline_runtime_spec=ir.runtime_spec,
                executor_spec=node.executor_spec,
                custom_executor_operators=late_operators(functools.partial(self._run_executor, node, start_server)),
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node.id),
            ).launch()
        except ExecutorError as error:
            raise NodeError(f"{node.id} failed: {error}") from None
        except YachayError:
            logging.exception("%s failed", node.id)
            raise
        except Exception as error:
            logging.exception("%s failed", node.id)
            raise NodeError(f"{node.id} failed with {describe_error(error)}") from error
        if information is None or information.execution_id is None:
            raise NodeError(f"{node.id} did not run: its inputs were not there.")
        [execution] = store.get_executions_by_id([information.execution_id])
        if execution.last_known_state == execution.FAILED:
            raise NodeError(f"{node.id} did not run: its inputs could not be resolved.")
        return execution

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


@dataclasses.dataclass(frozen=True)
class _Node:
    index: int
    component: BaseNode
    ir: pipeline_pb2.PipelineNode
    state: NodeProgress
    executor_spec: Any

    @property
    def id(self) -> str:
        return self.state.id

    @property
    def upstream(self) -> set[str]:
        return set(self.ir.upstream_nodes)

    @property
    def needed(self) -> set[str]:
        return self.upstream - set(traits_of(self.component).may_precede)

    @property
    def executor(self) -> str:
        """The dotted path of the executor; empty where it has none in Python."""
        return class_path(self.executor_spec) if type(self.executor_spec) in OPERATORS else ""


def _executor_spec(ir: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode) -> Any:
    return _with_version(
        runner_utils.extract_executor_spec(runner_utils.extract_local_deployment_config(ir), node.node_info.id)
    )


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
