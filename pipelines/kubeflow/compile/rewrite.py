"""TFX's own PipelineSpec 2.1 made into one that open-source Kubeflow Pipelines runs: names, types, conditions."""

import re
from collections.abc import Iterator
from typing import Any

from ....errors import CompileError

Json = dict[str, Any]

MAX_TASK_NAME = 100
IMPORTED = "artifact"
"""The output of an importer, as `kfp.local` wants it."""

_TASK_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_TITLE = re.compile(r"^title: *['\"]?([^'\"\n]+)", re.MULTILINE)
_CONDITION_KEY = re.compile(r"inputs\.artifacts\['([^']+)'\]")
_TYPE_VERSION = "0.0.1"


def dags(spec: Json) -> Iterator[Json]:
    """Yields the DAG of a spec and those of its components."""
    yield spec["root"]["dag"]
    yield from (component["dag"] for component in spec["components"].values() if "dag" in component)


def artifact_type(title: str) -> Json:
    """Returns an artifact's type in protojson."""
    return {"schemaTitle": title, "schemaVersion": _TYPE_VERSION}


def rename_tasks(spec: Json) -> dict[str, str]:
    """Gives tasks names that Argo takes, and components and executors names that `kfp.local` takes.

    Returns:
        `{TFX's name: name}`.

    Raises:
        CompileError: if a name has no valid form, or two nodes would have the same.
    """
    names: dict[str, str] = {}
    for dag in dags(spec):
        for name in sorted(dag["tasks"]):
            new = task_name(name)
            if new in names.values():
                other = next(old for old, given in names.items() if given == new)
                raise CompileError(
                    f"Expected nodes whose names differ in letters or digits. Received: {other!r} and {name!r}, which "
                    f"are both {new!r} as tasks. Rename one of them with `with_id`."
                )
            names[name] = new
    for dag in dags(spec):
        dag["tasks"] = {names[name]: _renamed(task, names) for name, task in dag["tasks"].items()}
    executors = spec["deploymentSpec"]["executors"]
    spec["deploymentSpec"]["executors"] = {
        _executor_label(names[label.removesuffix("_executor")]): executor for label, executor in executors.items()
    }
    for name, component in list(spec["components"].items()):
        del spec["components"][name]
        spec["components"][_component_name(names[name])] = component
        if "executorLabel" in component:
            component["executorLabel"] = _executor_label(names[name])
    return names


def task_name(name: str) -> str:
    """Returns the name of a node's task: one that Argo takes.

    Raises:
        CompileError: if the node's name has no valid form.
    """
    new = re.sub(r"[^a-zA-Z0-9]+", "-", name)
    if not _TASK_NAME.fullmatch(new) or len(new) > MAX_TASK_NAME:
        raise CompileError(
            f"Expected a node's name to begin with a letter or digit and to have {MAX_TASK_NAME} characters at most. "
            f"Received: {name!r}. Rename it with `with_id`."
        )
    return new


def add_task(dag: Json, spec: Json, name: str, task: Json, component: Json, executor: Json | None = None) -> None:
    """Adds a task with its own component, and executor where it has one, to a DAG of a spec."""
    name = task_name(name)
    if name in dag["tasks"] or _component_name(name) in spec["components"]:
        raise CompileError(
            f"Expected no node of the name {name!r}, which the compiler needs. Received: one. Rename it with `with_id`."
        )
    if executor is not None:
        component = {**component, "executorLabel": _executor_label(name)}
        spec["deploymentSpec"]["executors"][_executor_label(name)] = executor
    spec["components"][_component_name(name)] = component
    dag["tasks"][name] = {**task, "taskInfo": {"name": name}, "componentRef": {"name": _component_name(name)}}


def rewrite_types(spec: Json) -> None:
    """Names types by their titles, which the coming Kubeflow Pipelines keeps."""
    for component in spec["components"].values():
        for side in ("inputDefinitions", "outputDefinitions"):
            for declaration in component.get(side, {}).get("artifacts", {}).values():
                declaration["artifactType"] = _by_title(declaration["artifactType"])
                if not declaration.get("metadata", True):
                    del declaration["metadata"]
    for executor in spec["deploymentSpec"]["executors"].values():
        if "importer" in executor:
            executor["importer"]["typeSchema"] = _by_title(executor["importer"]["typeSchema"])


def rewrite_importers(spec: Json) -> None:
    """Names the output of importers as `kfp.local` wants it."""
    importers = {
        name
        for name, component in spec["components"].items()
        if "importer" in spec["deploymentSpec"]["executors"].get(component.get("executorLabel"), {})
    }
    for name in importers:
        outputs = spec["components"][name]["outputDefinitions"]["artifacts"]
        [key] = outputs
        outputs[IMPORTED] = outputs.pop(key)
    for dag in dags(spec):
        for task in dag["tasks"].values():
            for source in task.get("inputs", {}).get("artifacts", {}).values():
                output = source.get("taskOutputArtifact", {})
                if output and dag["tasks"][output["producerTask"]]["componentRef"]["name"] in importers:
                    output["outputArtifactKey"] = IMPORTED


def rewrite_conditions(spec: Json, names: dict[str, str]) -> None:
    """Lets conditions name the task's own inputs: TFX names the channel where the task has it under another key."""
    for dag in dags(spec):
        for task in dag["tasks"].values():
            policy = task.get("triggerPolicy", {})
            if "condition" in policy:
                inputs = task["inputs"]["artifacts"]
                for key in set(_CONDITION_KEY.findall(policy["condition"])):
                    own = f"inputs.artifacts['{_own_key(key, inputs, names)}']"
                    policy["condition"] = policy["condition"].replace(f"inputs.artifacts['{key}']", own)


def rewrite_output_parameters(spec: Json) -> dict[str, dict[str, str]]:
    """Gives output parameters names apart from the artifacts that hold their values.

    Returns:
        `{component: {output parameter: artifact}}`.
    """
    renamed = {}
    for name, component in spec["components"].items():
        outputs = component.get("outputDefinitions", {})
        if "executorLabel" in component and "parameters" in outputs:
            renamed[name] = {f"{key}_value": key for key in outputs["parameters"]}
            outputs["parameters"] = {f"{key}_value": value for key, value in outputs["parameters"].items()}
    for dag in dags(spec):
        for task in dag["tasks"].values():
            for source in task.get("inputs", {}).get("parameters", {}).values():
                output = source.get("taskOutputParameter", {})
                if output and dag["tasks"][output["producerTask"]]["componentRef"]["name"] in renamed:
                    output["outputParameterKey"] = f"{output['outputParameterKey']}_value"
    return renamed


def thread_parameters(spec: Json) -> None:
    """Hands the root's parameters on to the sub-DAG that holds all nodes where there is an exit handler."""
    parameters = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    tasks = spec["root"]["dag"]["tasks"]
    for task in tasks.values():
        component = spec["components"][task["componentRef"]["name"]]
        if "dag" not in component or not parameters:
            continue
        used = {
            source["componentInputParameter"]
            for inner in component["dag"]["tasks"].values()
            for source in inner.get("inputs", {}).get("parameters", {}).values()
            if "componentInputParameter" in source
        }
        declared = component.setdefault("inputDefinitions", {}).setdefault("parameters", {})
        given = task.setdefault("inputs", {}).setdefault("parameters", {})
        for name in sorted(used & parameters.keys() - given.keys()):
            declared[name] = {"parameterType": parameters[name]["parameterType"]}
            given[name] = {"componentInputParameter": name}


def depend_on_producers(spec: Json) -> None:
    """Lets each task depend on those whose outputs it takes."""
    for dag in dags(spec):
        for task in dag["tasks"].values():
            sources = task.get("inputs", {})
            producers = {
                output["producerTask"]
                for kind in ("artifacts", "parameters")
                for source in sources.get(kind, {}).values()
                for output in (source.get("taskOutputArtifact"), source.get("taskOutputParameter"))
                if output
            }
            dependencies = sorted(producers | set(task.get("dependentTasks", [])))
            if dependencies:
                task["dependentTasks"] = dependencies


def _component_name(task: str) -> str:
    return f"comp-{task}"


def _executor_label(task: str) -> str:
    return f"exec-{task}"


def _renamed(task: Json, names: dict[str, str]) -> Json:
    task["taskInfo"]["name"] = names[task["taskInfo"]["name"]]
    task["componentRef"]["name"] = _component_name(names[task["componentRef"]["name"]])
    if "dependentTasks" in task:
        task["dependentTasks"] = sorted(names[name] for name in task["dependentTasks"])
    inputs = task.get("inputs", {})
    for source in inputs.get("artifacts", {}).values():
        output = source["taskOutputArtifact"]
        output["producerTask"] = names[output["producerTask"]]
    for source in inputs.get("parameters", {}).values():
        if output := source.get("taskOutputParameter"):
            # TFX writes a name that no task has.
            output["producerTask"] = names[output["producerTask"].removesuffix("_task")]
        if status := source.get("taskFinalStatus"):
            status["producerTask"] = names[status["producerTask"]]
    return task


def _by_title(kind: Json) -> Json:
    if "instanceSchema" not in kind:
        return kind
    match = _TITLE.search(kind["instanceSchema"])
    if match is None:
        raise CompileError(f"Expected an artifact type with a title. Received: {kind['instanceSchema']!r}.")
    return artifact_type(match[1].strip())


def _own_key(key: str, inputs: Json, names: dict[str, str]) -> str:
    if key in inputs:
        return key
    producer, _, output = key.removeprefix("_").rpartition(".")
    for own, source in inputs.items():
        channel = source.get("taskOutputArtifact", {})
        if channel == {"producerTask": names.get(producer), "outputArtifactKey": output}:
            return own
    raise CompileError(
        f"Expected a condition on what the gated node takes. Received: {key!r}. Pass the channel to the node as "
        "an input."
    )
