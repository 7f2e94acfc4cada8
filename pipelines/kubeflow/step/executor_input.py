"""What the launcher passes to a step, and what a step returns: `ExecutorInput` and `ExecutorOutput`."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....errors import UsageError
from ..spec.mounts import RemoteNames, to_local

Json = dict[str, Any]

_LAUNCHERS_OWN = ("store_session_info", "display_name")


@dataclasses.dataclass(frozen=True)
class StepArtifact:
    """An artifact as a step sees it.

    Args:
        type: string. Its type as the spec declares it, such as `tfx.Model`.
        uri: string. Where it lies in the store.
        path: string. Where it lies for the step.
        name: string. What identifies it; the URI where the launcher gives no name.
        metadata: dict.
    """

    type: str
    uri: str
    path: str
    name: str
    metadata: Json


@dataclasses.dataclass(frozen=True)
class StepInput:
    """What a step is given.

    Args:
        inputs: dict of input to its artifacts; optional ones that are absent are left out.
        outputs: dict of output to its artifact.
        parameters: dict of parameter to value.
        parameter_files: dict of output parameter to the file that takes its value.
        output_file: path of the file that takes the `ExecutorOutput`.
    """

    inputs: dict[str, list[StepArtifact]]
    outputs: dict[str, StepArtifact]
    parameters: Json
    parameter_files: dict[str, Path]
    output_file: Path

    @property
    def remote_names(self) -> RemoteNames:
        """The URIs of the step's artifacts by their paths."""
        artifacts = [artifact for artifacts in self.inputs.values() for artifact in artifacts]
        return RemoteNames((artifact.path, artifact.uri) for artifact in (*artifacts, *self.outputs.values()))


def read_executor_input(executor_input: Json, component: Json) -> StepInput:
    """Returns what a step is given, as its component declares it.

    Args:
        executor_input: dict. The launcher's `ExecutorInput`; what it has more than the component declares is passed
            over, and so are its types.
        component: dict. `inputDefinitions` and `outputDefinitions`.

    Raises:
        UsageError: if something declared is not given.
    """
    given, outputs = executor_input.get("inputs", {}), executor_input.get("outputs", {})
    declared_inputs = component.get("inputDefinitions", {})
    declared_outputs = component.get("outputDefinitions", {})
    return StepInput(
        inputs=_inputs(given.get("artifacts", {}), declared_inputs.get("artifacts", {})),
        outputs={
            key: _artifacts(key, outputs.get("artifacts", {}), declaration)[0]
            for key, declaration in declared_outputs.get("artifacts", {}).items()
        },
        parameters=_parameters(given.get("parameterValues", {}), declared_inputs.get("parameters", {})),
        parameter_files={
            key: Path(_required(f"outputs.parameters.{key}", outputs.get("parameters", {}).get(key))["outputFile"])
            for key in declared_outputs.get("parameters", {})
        },
        output_file=Path(_required("outputs.outputFile", outputs.get("outputFile"))),
    )


def write_executor_output(step: StepInput, metadata: Mapping[str, Json], parameters: Json) -> None:
    """Writes a step's `ExecutorOutput`, as strictly as the launcher reads it.

    Args:
        step: `StepInput`.
        metadata: mapping of output to its artifact's metadata; local paths in it become URIs.
        parameters: dict of output parameter to value.
    """
    remote_names = step.remote_names
    output = {
        "artifacts": {
            key: {
                "artifacts": [
                    {
                        "uri": artifact.uri,
                        "metadata": {
                            name: _storable(remote_names.to_remote(value), artifact.type)
                            for name, value in metadata.get(key, {}).items()
                            if value is not None
                        },
                    }
                ]
            }
            for key, artifact in step.outputs.items()
        },
        "parameterValues": parameters,
    }
    for key, value in parameters.items():
        file = step.parameter_files[key]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    step.output_file.parent.mkdir(parents=True, exist_ok=True)
    step.output_file.write_text(json.dumps(output), encoding="utf-8")


def _inputs(given: Json, declared: Json) -> dict[str, list[StepArtifact]]:
    inputs = {}
    for key, declaration in declared.items():
        if declaration.get("isOptional") and not given.get(key, {}).get("artifacts"):
            continue
        artifacts = _artifacts(key, given, declaration)
        if declaration.get("isOptional"):
            artifacts = [artifact for artifact in artifacts if _holds_something(Path(artifact.path))]
        if artifacts:
            inputs[key] = artifacts
    return inputs


def _artifacts(key: str, given: Json, declaration: Json) -> list[StepArtifact]:
    artifacts = given.get(key, {}).get("artifacts")
    return [_artifact(artifact, declaration) for artifact in _required(f"the artifact {key}", artifacts)]


def _artifact(artifact: Json, declaration: Json) -> StepArtifact:
    uri = artifact.get("uri", "")
    metadata = {
        name: value
        for name, value in artifact.get("metadata", {}).items()
        if name not in _LAUNCHERS_OWN and not name.startswith("_kfp_")
    }
    return StepArtifact(
        type=declaration["artifactType"]["schemaTitle"],
        uri=uri,
        path=to_local(uri, artifact.get("customPath", "")),
        name=artifact.get("name") or uri,
        metadata=metadata,
    )


def _holds_something(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def _parameters(given: Json, declared: Json) -> Json:
    parameters = {}
    for name, declaration in declared.items():
        value = given.get(name, declaration.get("defaultValue"))
        if value is None:
            if declaration.get("isOptional"):
                continue
            value = _required(f"the parameter {name}", value)
        # JSON knows no whole numbers.
        parameters[name] = int(value) if declaration.get("parameterType") == "NUMBER_INTEGER" else value
    return parameters


def _required(what: str, value: Any) -> Any:
    if value is None or value == []:
        raise UsageError(
            f"Expected the executor input to hold {what}, as the component declares. Received: none. Compile the "
            "pipeline with the version of the library that is in the image."
        )
    return value


def _storable(value: Any, kind: str) -> Any:
    """Returns metadata as its reader takes it: TFX reads lists and objects as JSON, Kubeflow Pipelines as they are."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str | int | float | bool) or kind.startswith("system."):
        return value
    return json.dumps(value)
