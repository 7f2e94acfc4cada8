"""Resolves what a task is given, and what a sub-DAG gives on, as the driver of Kubeflow Pipelines does."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from ....errors import RunError
from .values import has_type, to_text

Json = dict[str, Any]

DONE, SKIPPED, FAILED = "done", "skipped", "failed"


class DriverError(RunError):
    """A task cannot be started with what it is given."""


@dataclasses.dataclass
class Outcome:
    """The result of a task.

    Args:
        state: `"done"`, `"skipped"` or `"failed"`.
        artifacts: dict of output to `{"artifacts": [RuntimeArtifact]}`, as the driver hands it on.
        parameters: dict of output parameter to value.
    """

    state: str
    artifacts: dict[str, Json] = dataclasses.field(default_factory=dict)
    parameters: Json = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class DagScope:
    """What the tasks of a DAG see.

    Args:
        parameters: dict of the DAG's input parameters; None for an optional one that is not given.
        artifacts: dict of the DAG's input artifacts.
        outcomes: dict of task to `Outcome`, filled in as they end.
        constants: mapping of the placeholders that stand for a whole constant, such as the run's id.
        final_status: dict or None. That of the task which an exit task follows.
    """

    parameters: Json
    artifacts: dict[str, Json]
    outcomes: dict[str, Outcome]
    constants: Mapping[str, str]
    final_status: Json | None = None


def resolve_inputs(name: str, task: Json, component: Json, scope: DagScope) -> Json:
    """Returns a task's `inputs`: `parameterValues` and `artifacts`.

    Args:
        name: string. Name of the task.
        task: dict. The `PipelineTaskSpec`.
        component: dict. The `ComponentSpec` that it is an instance of.
        scope: `DagScope`.

    Raises:
        DriverError: if one cannot be resolved, or is of another type than the component's.
    """
    sources = task.get("inputs", {})
    declared = component.get("inputDefinitions", {}).get("parameters", {})
    parameters: Json = {}
    if "dag" in component:
        parameters = {key: one.get("defaultValue") for key, one in declared.items() if one.get("isOptional")}
    for key, source in sources.get("parameters", {}).items():
        value = _parameter(name, key, source, scope)
        if value is None:
            if not declared.get(key, {}).get("isOptional"):
                raise DriverError(f"Expected a value of the parameter {key!r} of {name}. Received: none.")
            continue
        parameters[key] = _typed(name, key, value, declared.get(key, {}))
    for key, one in declared.items():
        if key not in parameters and not one.get("isOptional"):
            raise DriverError(f"Expected {name} to be given its parameter {key!r}. Received: nothing.")
    artifacts = {key: _artifact(name, key, source, scope) for key, source in sources.get("artifacts", {}).items()}
    return {"parameterValues": parameters, "artifacts": artifacts}


def condition_inputs(inputs: Json) -> Json:
    """Returns a task's inputs as a condition on them sees them."""
    return {"parameter_values": inputs["parameterValues"], "artifacts": inputs["artifacts"]}


def dag_outcome(dag: Json, outcomes: Mapping[str, Outcome]) -> Outcome:
    """Returns what a sub-DAG gives on: of outputs with several producers, that of the first which ran."""
    outputs = dag.get("outputs", {})
    outcome = Outcome(DONE)
    for key, output in outputs.get("artifacts", {}).items():
        for selector in output["artifactSelectors"]:
            produced = outcomes[selector["producerSubtask"]].artifacts
            if selector["outputArtifactKey"] in produced:
                outcome.artifacts[key] = produced[selector["outputArtifactKey"]]
                break
    for key, output in outputs.get("parameters", {}).items():
        single = [output["valueFromParameter"]] if "valueFromParameter" in output else []
        for selector in single or output["valueFromOneof"]["parameterSelectors"]:
            values = outcomes[selector["producerSubtask"]].parameters
            if selector["outputParameterKey"] in values:
                outcome.parameters[key] = values[selector["outputParameterKey"]]
                break
    return outcome


def _parameter(name: str, key: str, source: Json, scope: DagScope) -> Any:
    if "componentInputParameter" in source:
        parameter = source["componentInputParameter"]
        if parameter not in scope.parameters:
            raise DriverError(f"Expected the DAG of {name} to have an input parameter {parameter!r}. Received: none.")
        return scope.parameters[parameter]
    if "taskOutputParameter" in source:
        output = source["taskOutputParameter"]
        made = scope.outcomes[output["producerTask"]].parameters
        if output["outputParameterKey"] not in made:
            raise DriverError(
                f"Expected {output['producerTask']} to give {output['outputParameterKey']!r} for the parameter {key!r} "
                f"of {name}. Received: nothing."
            )
        return made[output["outputParameterKey"]]
    if "taskFinalStatus" in source:
        return scope.final_status
    constant = source["runtimeValue"]["constant"]
    return scope.constants.get(constant, constant) if isinstance(constant, str) else constant


def _typed(name: str, key: str, value: Any, declared: Json) -> Any:
    kind = declared.get("parameterType")
    literals = declared.get("literals")
    if literals and value not in literals:
        raise DriverError(f"Expected the parameter {key!r} of {name} to be one of {literals}. Received: {value!r}.")
    if kind is None or (kind == "STRING" and isinstance(value, str)):
        return value
    if kind == "STRING":
        return to_text(value)
    if not has_type(value, kind):
        raise DriverError(
            f"Expected the parameter {key!r} of {name} to be of type {kind}. Received: {json.dumps(value)}."
        )
    return value


def _artifact(name: str, key: str, source: Json, scope: DagScope) -> Json:
    if "componentInputArtifact" in source:
        artifacts, wanted = scope.artifacts, source["componentInputArtifact"]
        whose = "its DAG"
    else:
        output = source["taskOutputArtifact"]
        artifacts, wanted = scope.outcomes[output["producerTask"]].artifacts, output["outputArtifactKey"]
        whose = output["producerTask"]
    if wanted not in artifacts:
        raise DriverError(f"Expected {whose} to give {wanted!r} for the input {key!r} of {name}. Received: nothing.")
    return artifacts[wanted]
