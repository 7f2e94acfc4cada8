"""Runs the tasks of a compiled spec one after the other, as Argo and the driver of Kubeflow Pipelines do.

Not by `kfp.local`: in 2.16 its subprocess runner takes no container command and has no hook for one, it ignores
`container.env`, takes a condition on artifacts for false and ends well, has no exit handlers and no retries, loses
the metadata of artifacts that the spec declares, and moves nothing through a store. A test runs what `yachay compile`
writes under it nevertheless. As there, nothing is taken from a cache: every step runs.

A task runs once all that it waits for are done; it is skipped where its condition does not hold, and so is what waits
for it. The first failure ends the run, but for exit tasks.
"""

import datetime
import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from ....errors import YachayError
from ....uris import is_remote
from ...runs.progress import NodeProgress, Progress
from ..spec.package import Package
from .conditions import Condition, ConditionError
from .launcher import Launcher, StepResult
from .pod import LOGS, Step, StepError
from .spec_checks import check_spec, is_exit_task, run_order, upstream
from .task_inputs import (
    DONE,
    FAILED,
    SKIPPED,
    DagScope,
    DriverError,
    Outcome,
    condition_inputs,
    dag_outcome,
    resolve_inputs,
)
from .values import stored_metadata, whole_numbers

Json = dict[str, Any]
TaskPath = tuple[str, ...]

_PARAMETER_FILES = "/tmp/kfp/outputs"  # In the pod, as the driver says.
_UNGIVEN = (
    *("configMapAsEnv", "configMapAsVolume", "fieldPathAsEnv", "genericEphemeralVolume", "initContainers"),
    *("pvcMount", "secretAsEnv", "secretAsVolume"),
)


class CompiledSpec:
    """A compiled spec that can be run here.

    Args:
        package: `Package`.

    Raises:
        UsageError: if it holds something that would behave otherwise than on a cluster.
    """

    def __init__(self, package: Package) -> None:
        self.name = package.name
        spec = whole_numbers(json_format.MessageToDict(package.pipeline_spec))
        # The backend ignores unknown fields of this part.
        deployment = json_format.ParseDict(
            spec.get("deploymentSpec", {}), pipeline_spec_pb2.PipelineDeploymentConfig(), ignore_unknown_fields=True
        )
        self.executors: Json = whole_numbers(json_format.MessageToDict(deployment)).get("executors", {})
        self.root: Json = spec["root"]
        self.components: Json = spec.get("components", {})
        platforms = json_format.MessageToDict(package.platform_spec).get("platforms", {})
        self.placements: Json = platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
        check_spec(spec, self.executors)

    def leaves(self) -> list[TaskPath]:
        """Returns the paths of the tasks that are no sub-DAGs, in the order in which they run."""
        return list(self._leaves(self.root["dag"], ()))

    def component(self, task: Json) -> Json:
        """Returns the component of a task."""
        found: Json = self.components[task["componentRef"]["name"]]
        return found

    def warnings(self) -> list[str]:
        """Returns what the platform document asks for and a step does not get here."""
        return [
            f"{label}: the platform document's {key} is not given here; the step sees the files of this machine."
            for label, placement in sorted(self.placements.items())
            for key in _UNGIVEN
            if any(not one.get("optional") for one in placement.get(key, ()))
        ]

    def _leaves(self, dag: Json, path: TaskPath) -> Iterator[TaskPath]:
        exits = {task["dependentTasks"][0]: name for name, task in dag["tasks"].items() if is_exit_task(task)}
        for name in run_order(dag):
            for one in (name, exits.get(name)):
                if one is not None:
                    component = self.component(dag["tasks"][one])
                    yield from self._leaves(component["dag"], (*path, one)) if "dag" in component else [(*path, one)]


class SpecRunner:
    """One run of a compiled spec.

    Args:
        spec: `CompiledSpec`.
        launcher: `Launcher`.
        run_id: string.
        nodes: dict of path to `NodeProgress`, changed in place.
        sleep: function that waits for a number of seconds. Defaults to `time.sleep`.

    Attributes:
        made: list of `(type, RuntimeArtifact)` that steps have made, also where a later one failed.
    """

    def __init__(
        self,
        spec: CompiledSpec,
        launcher: Launcher,
        run_id: str,
        nodes: Mapping[TaskPath, NodeProgress],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spec, self._launcher, self._run_id = spec, launcher, run_id
        self._nodes, self._sleep = nodes, sleep
        self._progress: Progress | None = None
        self.made: list[tuple[str, Json]] = []
        self._started = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._ids = itertools.count(1)

    def run(self, arguments: Mapping[str, Any], progress: Progress | None = None) -> None:
        """Runs all tasks.

        Args:
            arguments: mapping of parameter to value; the others have their defaults.
            progress: `Progress`, which shows each task when it ends. Defaults to none.

        Raises:
            YachayError: if a task fails.
        """
        self._progress = progress
        declared = self._spec.root.get("inputDefinitions", {}).get("parameters", {})
        parameters = {name: arguments.get(name, one.get("defaultValue")) for name, one in declared.items()}
        self._run_dag(self._spec.root["dag"], {"parameterValues": parameters, "artifacts": {}}, ())

    def _run_dag(self, dag: Json, inputs: Json, path: TaskPath) -> Outcome:
        scope = DagScope(inputs["parameterValues"], inputs["artifacts"], {}, {})
        exits = {task["dependentTasks"][0]: name for name, task in dag["tasks"].items() if is_exit_task(task)}
        for name in run_order(dag):
            task = dag["tasks"][name]
            if any(scope.outcomes[producer].state != DONE for producer in upstream(task)):
                scope.outcomes[name] = self._skip((*path, name))
                continue
            try:
                scope.outcomes[name] = self._run_task(task, scope, (*path, name))
            except YachayError as error:
                scope.outcomes[name] = Outcome(FAILED)
                if name in exits:
                    # As the metadata store says it: it does not hear of a driver that fails.
                    state = "RUNNING" if isinstance(error, DriverError | ConditionError) else "FAILED"
                    self._run_exit_task(dag, exits[name], name, state, scope, path)
                raise
            if name in exits:
                state = "COMPLETE" if self._is_noted(task) else "RUNNING"
                self._run_exit_task(dag, exits[name], name, state, scope, path)
        return dag_outcome(dag, scope.outcomes)

    def _is_noted(self, task: Json) -> bool:
        """Returns whether the metadata store learns that a task is complete: an importer never reports to its DAG."""
        component = self._spec.component(task)
        if "dag" not in component:
            return "container" in self._spec.executors[component["executorLabel"]]
        inner = component["dag"]["tasks"].values()
        dags = [one for one in inner if "dag" in self._spec.component(one)]
        return any(map(self._is_noted, inner)) and all(map(self._is_noted, dags))

    def _run_exit_task(self, dag: Json, name: str, followed: str, state: str, scope: DagScope, path: TaskPath) -> None:
        status = {
            "error": {},
            "pipelineJobResourceName": self._run_id,
            "pipelineTaskName": followed,
            "state": state,
        }
        after = DagScope(scope.parameters, scope.artifacts, scope.outcomes, {}, status)
        self._run_task(dag["tasks"][name], after, (*path, name))

    def _run_task(self, task: Json, scope: DagScope, path: TaskPath) -> Outcome:
        component = self._spec.component(task)
        node = self._nodes.get(path)
        start = time.monotonic()
        if node is not None:
            node.state = "running"
        try:
            outcome = self._do_task(task, component, scope, path)
        except BaseException as error:
            self._end(node, "interrupted" if isinstance(error, KeyboardInterrupt) else FAILED, start)
            raise
        if outcome.state == SKIPPED:
            return self._skip(path)
        self._end(node, outcome.state, start)
        return outcome

    def _do_task(self, task: Json, component: Json, scope: DagScope, path: TaskPath) -> Outcome:
        name = path[-1]
        constants = {
            "{{$.pipeline_job_name}}": f"{self._spec.name} {self._run_id}",
            "{{$.pipeline_job_resource_name}}": self._run_id,
            "{{$.pipeline_job_uuid}}": self._run_id,
            "{{$.pipeline_task_name}}": name,
            "{{$.pipeline_task_uuid}}": "/".join(path),
            "{{$.pipeline_job_create_time_utc}}": self._started,
            "{{$.pipeline_job_schedule_time_utc}}": self._started,
        }
        seen = DagScope(scope.parameters, scope.artifacts, scope.outcomes, constants, scope.final_status)
        inputs = resolve_inputs(name, task, component, seen)
        condition = task.get("triggerPolicy", {}).get("condition")
        if condition and not Condition(condition).holds(condition_inputs(inputs)):
            return Outcome(SKIPPED)
        if "dag" in component:
            return self._run_dag(component["dag"], inputs, path)
        executor = self._spec.executors[component["executorLabel"]]
        if "importer" in executor:
            return self._import(executor["importer"], component, inputs, name)
        return self._run_container(task, component, executor["container"], inputs, path)

    def _run_container(self, task: Json, component: Json, container: Json, inputs: Json, path: TaskPath) -> Outcome:
        deadline = self._spec.placements.get(component["executorLabel"], {}).get("activeDeadlineSeconds")
        outputs = self._provide_outputs(path[-1], component)
        step = Step(path[-1], container, component, inputs, outputs, int(deadline) if deadline else None)
        result = self._launch(step, task.get("retryPolicy", {}))
        self._nodes[path].rows = result.rows
        outcome = Outcome(DONE, parameters=result.parameters)
        types = component.get("outputDefinitions", {}).get("artifacts", {})
        for key, artifact in result.artifacts.items():
            kind = types[key]["artifactType"]
            self.made.append((kind.get("schemaTitle") or kind.get("instanceSchema", ""), artifact))
            try:
                metadata = stored_metadata(artifact["metadata"])
            except ValueError as error:
                raise StepError(f"{step.name} failed: of its output {key!r}, {error}.") from None
            outcome.artifacts[key] = self._stored(key, artifact["uri"], metadata)
        return outcome

    def _launch(self, step: Step, retry: Json) -> StepResult:
        """Runs a step until it is done, as often and as long as its retry policy allows."""
        num_retries = retry.get("maxRetryCount", 0)
        if not num_retries:
            return self._launcher.launch(step)
        wait_seconds, max_seconds = (
            _seconds(retry.get(f"backoff{name}", "0s")) for name in ("Duration", "MaxDuration")
        )
        start = time.monotonic()
        for attempt in range(num_retries):
            try:
                return self._launcher.launch(step, attempt)
            except StepError:
                if time.monotonic() - start + wait_seconds > max_seconds:
                    raise
                self._sleep(wait_seconds)
                wait_seconds *= retry.get("backoffFactor") or 1
        return self._launcher.launch(step, num_retries)

    def _provide_outputs(self, name: str, component: Json) -> Json:
        """Returns a step's `outputs`, with the log that the launcher adds."""
        definitions = component.get("outputDefinitions", {})
        declared = {**definitions.get("artifacts", {}), LOGS: {"artifactType": {"schemaTitle": "system.Artifact"}}}
        root = f"{self._launcher.run_root}/{name}/{uuid.uuid4()}"
        artifacts: Json = {}
        for key, one in declared.items():
            artifact = {"name": key, "type": one["artifactType"], "uri": f"{root}/{key}"}
            if "metadata" in one:
                artifact["metadata"] = one["metadata"]
            artifacts[key] = {"artifacts": [artifact]}
        parameters = {key: {"outputFile": f"{_PARAMETER_FILES}/{key}"} for key in definitions.get("parameters", {})}
        return {"artifacts": artifacts, "parameters": parameters}

    def _import(self, importer: Json, component: Json, inputs: Json, name: str) -> Outcome:
        source = importer["artifactUri"]
        uri = source["constant"] if "constant" in source else inputs["parameterValues"][source["runtimeParameter"]]
        if not is_remote(str(uri)):
            raise DriverError(
                f"Expected {name} to import from gs://, s3:// or minio://. Received: {uri!r}. Put the artifact into "
                "the store."
            )
        [key] = component["outputDefinitions"]["artifacts"]
        metadata = stored_metadata(importer.get("metadata", {}))
        return Outcome(DONE, {key: self._stored(key, uri, metadata)})

    def _stored(self, key: str, uri: str, metadata: Json) -> Json:
        """Returns an artifact as the next driver has it from the metadata store: without type, named by a number."""
        own = {"display_name": key, "store_session_info": '{"Provider":"minio","Params":{"fromEnv":"true"}}'}
        artifact = {
            "name": str(next(self._ids)),
            "type": {"instanceSchema": ""},
            "uri": uri,
            "metadata": metadata | own,
        }
        return {"artifacts": [artifact]}

    def _skip(self, path: TaskPath) -> Outcome:
        """Marks a task, and all in it, as skipped."""
        for node_path, node in self._nodes.items():
            if node_path[: len(path)] == path:
                self._end(node, SKIPPED, time.monotonic())
        return Outcome(SKIPPED)

    def _end(self, node: NodeProgress | None, state: str, start: float) -> None:
        if node is not None:
            node.state, node.seconds = state, time.monotonic() - start
            if self._progress is not None:
                self._progress.ended(node)


def _seconds(duration: str) -> float:
    """Returns a duration in protojson as Argo gets it."""
    return float(duration.removesuffix("s")) // 1
