"""What a step's pod holds: its folders, its command with the placeholders filled in, its output."""

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from ....errors import RunError
from ..spec.mounts import mount_path
from .values import from_text, to_text, whole_numbers

Json = dict[str, Any]

LOGS = "executor-logs"
PYTHONS = ("python", "python3")
HOME, TEMPORARY = "home", "tmp"


class StepError(RunError):
    """A step failed."""


@dataclasses.dataclass(frozen=True)
class Step:
    """A step, as the driver hands it to the launcher.

    Args:
        name: string. Name of the task.
        container: dict. The container of its executor.
        component: dict. The component's interface.
        inputs: dict with `parameterValues` and `artifacts`.
        outputs: dict with `parameters` and `artifacts`: remote URIs, and files in the pod.
        deadline_seconds: int or None. When the pod would be stopped.
    """

    name: str
    container: Json
    component: Json
    inputs: Json
    outputs: Json
    deadline_seconds: int | None


class Pod:
    """The folders of one attempt of a step; `root` stands for the pod's `/`."""

    def __init__(self, root: Path, step: Step) -> None:
        self.root, self.step = root, step
        self.home = root / HOME

    def path(self, uri: str) -> Path:
        """Returns where the launcher puts an artifact."""
        return mount_path(uri, self.root)

    def inside(self, path: str) -> Path:
        """Returns the place of an absolute path of the pod."""
        return self.root / path.lstrip("/")

    def output_uri(self, key: str) -> str:
        """Returns the URI of an output."""
        return str(self.step.outputs["artifacts"][key]["artifacts"][0]["uri"])

    @property
    def output_file(self) -> Path:
        """Where the step writes its `ExecutorOutput`."""
        return self.path(self.output_uri(LOGS)).parent / "output_metadata.json"

    def make_folders(self) -> None:
        """Makes what a pod has, and the parents of outputs as the launcher does."""
        files = [self.inside(place["outputFile"]) for place in self.step.outputs["parameters"].values()]
        files += [self.path(artifact["uri"]) for artifact in each_artifact(self.step.outputs["artifacts"])]
        for folder in (self.home, self.root / TEMPORARY, *(file.parent for file in files)):
            folder.mkdir(parents=True, exist_ok=True)

    def executor_input(self) -> Json:
        """Returns what `{{$}}` stands for."""
        parameters = {
            name: {"outputFile": str(self.inside(place["outputFile"]))}
            for name, place in self.step.outputs["parameters"].items()
        }
        outputs = {**self.step.outputs, "parameters": parameters, "outputFile": str(self.output_file)}
        return {
            "inputs": _given({**self.step.inputs, "parameterValues": self._parameters()}),
            "outputs": _given(outputs),
        }

    def command(self) -> list[str]:
        """Returns the command with its placeholders filled in."""
        container = self.step.container
        words: list[str] = [*container.get("command", ()), *container.get("args", ())]
        command, *arguments = words
        executor_input = json.dumps(self.executor_input())
        fillings = {"{{$}}": executor_input, **self._fillings()}
        if command in PYTHONS:
            command = sys.executable
        return [command.replace("{{$}}", executor_input), *(_fill(argument, fillings) for argument in arguments)]

    def environment(self) -> dict[str, str]:
        """Returns all of the environment that is not the container's own."""
        return base_environment(self.root) | {"YACHAY_MOUNT_ROOT": str(self.root)}

    def read_output(self) -> Json:
        """Returns the step's `ExecutorOutput`, read as strictly as the launcher does."""
        if not self.output_file.exists():
            return {}
        try:
            message = json_format.Parse(self.output_file.read_text(), pipeline_spec_pb2.ExecutorOutput())
        except (json_format.ParseError, UnicodeDecodeError) as error:
            raise StepError(f"{self.step.name} failed: it wrote no valid ExecutorOutput ({error}).") from None
        output: Json = whole_numbers(json_format.MessageToDict(message))
        return output

    def read_parameter(self, name: str, path: str, kind: str) -> Any:
        """Returns the value in the file of an output parameter."""
        try:
            return from_text(self.inside(path).read_text(), kind)
        except (OSError, ValueError) as error:
            raise StepError(
                f"{self.step.name} failed: expected a value of its output parameter {name!r}, of type {kind}. "
                f"Received: {error if isinstance(error, ValueError) else 'no such file'}."
            ) from None

    def _parameters(self) -> Json:
        """Returns the parameters, and the defaults of those that are not given."""
        declared = self.step.component.get("inputDefinitions", {}).get("parameters", {})
        defaults = {name: one["defaultValue"] for name, one in declared.items() if "defaultValue" in one}
        return {**whole_numbers(defaults), **self.step.inputs["parameterValues"]}

    def _fillings(self) -> dict[str, str]:
        fillings = {}
        for side, artifacts in (("inputs", self.step.inputs["artifacts"]), ("outputs", self.step.outputs["artifacts"])):
            for key, listed in artifacts.items():
                uri = listed["artifacts"][0]["uri"]
                fillings[f"{{{{$.{side}.artifacts['{key}'].uri}}}}"] = uri
                fillings[f"{{{{$.{side}.artifacts['{key}'].path}}}}"] = str(self.path(uri))
        for name, value in self._parameters().items():
            fillings[f"{{{{$.inputs.parameters['{name}']}}}}"] = to_text(value)
        for name, place in self.step.outputs["parameters"].items():
            fillings[f"{{{{$.outputs.parameters['{name}'].output_file}}}}"] = str(self.inside(place["outputFile"]))
        return fillings


def base_environment(root: Path) -> dict[str, str]:
    """Returns the environment of a process whose home lies below a folder."""
    folders = (str(Path(sys.executable).parent), *os.defpath.split(os.pathsep))
    return {"HOME": str(root / HOME), "TMPDIR": str(root / TEMPORARY), "PATH": os.pathsep.join(folders)}


def code_environment(code: Sequence[Path]) -> dict[str, str]:
    """Returns the variables of the environment by which a step imports from folders."""
    return {"PYTHONPATH": os.pathsep.join(map(str, code))} if code else {}


def container_environment(container: Json) -> dict[str, str]:
    """Returns the variables of the environment that a container has of its own."""
    return {variable["name"]: variable.get("value", "") for variable in container.get("env", ())}


def find_command(command: Sequence[str]) -> bool:
    """Returns whether a container's command can be started here."""
    return bool(command) and (command[0] in PYTHONS or shutil.which(command[0]) is not None)


def each_artifact(artifacts: Mapping[str, Json]) -> list[Json]:
    """Returns the artifacts of a step's `inputs` or `outputs`."""
    return [artifact for listed in artifacts.values() for artifact in listed["artifacts"]]


def _given(fields: Json) -> Json:
    """Returns fields without those that are empty, which the launcher leaves out."""
    return {name: value for name, value in fields.items() if value}


def _fill(argument: str, fillings: Mapping[str, str]) -> str:
    for placeholder, filling in fillings.items():
        argument = argument.replace(placeholder, filling)
    return argument
