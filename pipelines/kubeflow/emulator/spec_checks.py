"""What in a compiled spec cannot be run here, found before any work."""

import graphlib
import re
from collections.abc import Iterator
from typing import Any

from ....errors import UsageError
from ....uris import is_remote
from ..spec.package import SCHEMA_VERSION
from .conditions import Condition
from .pod import find_command

Json = dict[str, Any]

ALL_COMPLETED = "ALL_UPSTREAM_TASKS_COMPLETED"

_TASK_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_EXECUTORS = ("container", "importer")
# Of the SDK's lightweight components, whose command installs packages where it runs.
_SDK_COMMAND = "kfp.dsl.executor_main"
_UNREAD = ('{"IfPresent"', '{"Concat"', "{{$.workspace_path}}")
_NO_POD_IMAGES = ("argostub/",)


def check_spec(spec: Json, executors: Json) -> None:
    """Rejects a spec with something that the cluster would reject, or that would behave otherwise here.

    Args:
        spec: dict. A `PipelineSpec` in protojson.
        executors: dict of label to `ExecutorSpec`.

    Raises:
        UsageError: naming the task.
    """
    if spec.get("schemaVersion") != SCHEMA_VERSION:
        raise UsageError(
            f"Expected a spec of schemaVersion {SCHEMA_VERSION}, which is all that Kubeflow Pipelines takes. "
            f"Received: {spec.get('schemaVersion')!r}. Make one with `yachay compile`."
        )
    if "dag" not in spec["root"]:
        raise _rejection("root", "a DAG", "none", "Compile a pipeline, not a component.")
    components = spec.get("components", {})
    _check_dag("root", spec["root"]["dag"], components, executors, ())


def run_order(dag: Json) -> list[str]:
    """Returns the names of a DAG's tasks but for exit tasks, in an order in which they can run.

    Raises:
        graphlib.CycleError: if there is none.
    """
    names = sorted(name for name, task in dag["tasks"].items() if not is_exit_task(task))
    sorter = graphlib.TopologicalSorter({name: sorted(upstream(dag["tasks"][name])) for name in names})
    return list(sorter.static_order())


def upstream(task: Json) -> set[str]:
    """Returns the tasks that a task waits for: those that it names, and those whose outputs it takes."""
    return set(task.get("dependentTasks", ())) | {producer for producer, _ in _producers(task)}


def is_exit_task(task: Json) -> bool:
    """Returns whether a task runs once another has ended, however that was."""
    return bool(task.get("triggerPolicy", {}).get("strategy") == ALL_COMPLETED)


def _check_dag(name: str, dag: Json, components: Json, executors: Json, within: tuple[str, ...]) -> None:
    tasks = dag.get("tasks", {})
    exits = {task_name for task_name, task in tasks.items() if is_exit_task(task)}
    if not tasks.keys() - exits:
        raise _rejection(name, "a task that is no exit task", "none", "Add one.")
    for task_name, task in tasks.items():
        for producer in upstream(task):
            if producer not in tasks or (producer in exits):
                received = "an exit task" if producer in exits else "no such task"
                raise _rejection(task_name, f"to wait for {producer!r}", received, "Correct the name.")
        _check_task(task_name, task, tasks, components, executors, within)
    try:
        run_order(dag)
    except graphlib.CycleError as error:
        raise _rejection(name, "tasks that wait for one another in no circle", " -> ".join(error.args[1])) from None


def _check_task(
    name: str, task: Json, siblings: Json, components: Json, executors: Json, within: tuple[str, ...]
) -> None:
    if not _TASK_NAME.fullmatch(name):
        raise _rejection(name, "a name of letters, digits and '-'", repr(name), "Argo takes no other; rename it.")
    if not task.get("taskInfo", {}).get("name"):
        raise _rejection(name, "taskInfo.name", "none")
    for field in ("parameterIterator", "artifactIterator"):
        if field in task:
            raise _rejection(name, "no loop", field, "Run it on a cluster, or write its tasks out.")
    reference = task.get("componentRef", {}).get("name", "")
    if reference not in components:
        raise _rejection(name, f"the component {reference!r}", "none of that name")
    component = components[reference]
    _check_inputs(name, task, component)
    condition = task.get("triggerPolicy", {}).get("condition")
    if condition:
        Condition(condition)
    if is_exit_task(task):
        _check_exit_task(name, task, siblings)
    executor = _executor(name, component, executors)
    _check_retry(name, task.get("retryPolicy", {}), executor)
    if "container" in executor:
        _check_container(name, executor["container"])
    elif "importer" in executor:
        if condition:
            raise _rejection(name, "no condition on an importer", "one", "Put it into a sub-DAG with the condition.")
        _check_importer(name, executor["importer"], task)
    elif reference in within:
        raise _rejection(name, "a DAG that does not hold itself", reference)
    else:
        _check_dag(name, component["dag"], components, executors, (*within, reference))


def _check_retry(name: str, retry: Json, executor: Json) -> None:
    if not retry.get("maxRetryCount"):
        return
    if "container" not in executor:
        raise _rejection(name, "a container where there is a retryPolicy", "none", "Retry the steps in it.")
    if "backoffMaxDuration" not in retry:
        raise _rejection(
            name,
            "a backoffMaxDuration in its retryPolicy",
            "none",
            "Give one; without it Argo takes its time as used up.",
        )


def _executor(name: str, component: Json, executors: Json) -> Json:
    """Returns the executor of a task's component, or an empty dict where that is a DAG."""
    if "dag" in component:
        _check_dag_outputs(name, component["dag"])
        return {}
    label = component.get("executorLabel", "")
    if label not in executors:
        raise _rejection(name, f"the executor {label!r}", "none of that name")
    executor: Json = executors[label]
    if not any(kind in executor for kind in _EXECUTORS):
        received = ", ".join(executor) or "nothing"
        raise _rejection(name, "a container or an importer", received, "Kubeflow Pipelines runs no other.")
    return executor


def _check_inputs(name: str, task: Json, component: Json) -> None:
    inputs = task.get("inputs", {})
    for key, source in inputs.get("parameters", {}).items():
        if "parameterExpressionSelector" in source:
            raise _rejection(name, f"the parameter {key!r} as it is", "a parameterExpressionSelector")
        if "runtimeParameter" in source.get("runtimeValue", {}):
            raise _rejection(name, f"a constant as {key!r}", "a runtimeParameter")
        if "taskFinalStatus" in source and not is_exit_task(task):
            raise _rejection(name, "the final status of a task only where it runs once that has ended", "it elsewhere")
        if "{{$.workspace_path}}" in str(source.get("runtimeValue", {}).get("constant", "")):
            raise _rejection(name, "no workspace", f"one in {key!r}")
    definitions = component.get("inputDefinitions", {})
    for key, one in definitions.get("parameters", {}).items():
        if "parameterType" not in one or one["parameterType"] == "TASK_CONFIG":
            raise _rejection(name, f"a parameterType of {key!r} that is known here", str(one.get("parameterType")))
        given = key in inputs.get("parameters", {})
        if not given and not one.get("isOptional"):
            raise _rejection(
                name, f"a value of its parameter {key!r}", "none", "Give one, or declare the parameter optional."
            )
    for side in ("inputDefinitions", "outputDefinitions"):
        for key, one in component.get(side, {}).get("artifacts", {}).items():
            if one.get("isArtifactList"):
                raise _rejection(name, f"one artifact as {key!r}", "a list")


def _check_exit_task(name: str, task: Json, siblings: Json) -> None:
    awaited = task.get("dependentTasks", [])
    if len(awaited) != 1:
        raise _rejection(name, "an exit task to wait for one task", f"{len(awaited)}")
    if siblings[awaited[0]].get("triggerPolicy", {}).get("condition"):
        raise _rejection(name, "an exit task to wait for a task without condition", f"{awaited[0]!r}, which has one")


def _check_container(name: str, container: Json) -> None:
    words = [*container.get("command", ()), *container.get("args", ())]
    if container.get("image", "").startswith(_NO_POD_IMAGES):
        raise _rejection(
            name, "a container", f"the image {container['image']}, which stands for the cluster's own work"
        )
    for word in words:
        if _SDK_COMMAND in word:
            raise _rejection(
                name,
                "a command that leaves this environment as it is",
                "a lightweight component of the KFP SDK, which installs packages",
                "Run it with kfp.local.",
            )
        for unread in _UNREAD:
            if unread in word:
                raise _rejection(name, "placeholders that are known here", unread.lstrip('{"'))
    if not find_command(container.get("command", ())):
        received = repr(container.get("command", [""])[0]) if container.get("command") else "the image's own"
        raise _rejection(name, "a command that is on this machine", received, "Install it, or run it on a cluster.")


def _check_importer(name: str, importer: Json, task: Json) -> None:
    if importer.get("downloadToWorkspace"):
        raise _rejection(name, "no workspace", "an import into one")
    uri = importer.get("artifactUri", {})
    if "constant" in uri:
        if not is_remote(uri["constant"]):
            raise _rejection(name, "a URI that begins with gs://, s3:// or minio://", repr(uri["constant"]))
        return
    source = task.get("inputs", {}).get("parameters", {}).get(uri.get("runtimeParameter", ""), {})
    if "componentInputParameter" not in source:
        raise _rejection(name, "the URI from a parameter of its DAG", "another source", "Put it into a sub-DAG.")


def _check_dag_outputs(name: str, dag: Json) -> None:
    outputs = dag.get("outputs", {})
    selectors = [one for output in outputs.get("artifacts", {}).values() for one in output["artifactSelectors"]]
    for key, output in outputs.get("parameters", {}).items():
        if "valueFromParameter" in output:
            selectors.append(output["valueFromParameter"])
        elif "valueFromOneof" in output:
            selectors += output["valueFromOneof"]["parameterSelectors"]
        else:
            raise _rejection(name, f"a task of the DAG that gives {key!r}", "none")
    for selector in selectors:
        if selector["producerSubtask"] not in dag.get("tasks", {}):
            raise _rejection(name, f"to give on what {selector['producerSubtask']!r} makes", "no such task in it")


def _producers(task: Json) -> Iterator[tuple[str, Json]]:
    for kind in ("artifacts", "parameters"):
        for source in task.get("inputs", {}).get(kind, {}).values():
            for output in (source.get("taskOutputArtifact"), source.get("taskOutputParameter")):
                if output:
                    yield output["producerTask"], output


def _rejection(name: str, expected: str, received: str, fix: str = "") -> UsageError:
    return UsageError(f"Expected of the task {name}: {expected}. Received: {received}.{f' {fix}' if fix else ''}")
