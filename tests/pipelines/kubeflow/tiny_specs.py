"""Compiled specs whose steps are a few lines of Python each."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

PRELUDE = """
import json, os, sys
from pathlib import Path
given = json.loads(sys.argv[1])
inputs, outputs = given["inputs"], given["outputs"]
parameters = inputs.get("parameterValues", {})
def path(artifact): return Path(os.environ["YACHAY_MOUNT_ROOT"], artifact["uri"].replace("://", "/", 1))
def taken(key): return path(inputs["artifacts"][key]["artifacts"][0])
def made(key, **files):
    folder = path(outputs["artifacts"][key]["artifacts"][0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items(): (folder / name).write_text(text)
    return folder
def answer(**document): Path(outputs["outputFile"]).write_text(json.dumps(document))
def note(*words):
    with open(sys.argv[2], "a") as witness: print(*words, file=witness)
"""


@dataclasses.dataclass
class TinySpec:
    """A spec in the making.

    Args:
        witness: path of the file to which steps `note` what they see.
    """

    witness: Path
    tasks: Json = dataclasses.field(default_factory=dict)
    components: Json = dataclasses.field(default_factory=dict)
    executors: Json = dataclasses.field(default_factory=dict)
    parameters: Json = dataclasses.field(default_factory=dict)
    outputs: Json | None = None
    platform: Json | None = None

    def step(
        self,
        name: str,
        program: str = "",
        takes: Json | None = None,
        makes: tuple[str, ...] = (),
        says: Json | None = None,
        optional: tuple[str, ...] = (),
        container: Json | None = None,
        **task: Any,
    ) -> Json:
        """Adds a container step and returns its task.

        Args:
            name: string.
            program: string. What it runs after the prelude.
            takes: dict of input to `"task.output"` for an artifact, `"task:parameter"` for a parameter of a task,
                `"<name>"` for one of the DAG, or else a constant.
            makes: tuple of output artifacts.
            says: dict of output parameter to type.
            optional: tuple of inputs.
            container: dict of more fields of the container.
            task: further fields of the task.
        """
        command = ["python", "-c", PRELUDE + program, "{{$}}", str(self.witness)]
        executor = {"container": {"image": "registry.example/none:1", "command": command, **(container or {})}}
        component: Json = {"executorLabel": f"exec-{name}", "outputDefinitions": _outputs(makes, says or {})}
        self.executors[f"exec-{name}"] = executor
        return self._add(name, component, takes or {}, optional, task)

    def importer(self, name: str, takes: Json, **fields: Any) -> Json:
        """Adds an importer whose output is `artifact`."""
        self.executors[f"exec-{name}"] = {
            "importer": {"typeSchema": {"schemaTitle": "system.Model"}, "artifactUri": {"runtimeParameter": "uri"}}
            | fields
        }
        component: Json = {"executorLabel": f"exec-{name}", "outputDefinitions": _outputs(("artifact",), {})}
        return self._add(name, component, takes, (), {})

    def dag(
        self, name: str, inner: "TinySpec", takes: Json | None = None, optional: tuple[str, ...] = (), **task: Any
    ) -> Json:
        """Adds a sub-DAG, whose tasks are those of another spec in the making."""
        dag: Json = {"tasks": inner.tasks, "outputs": inner.outputs or {}}
        component: Json = {"dag": dag, "outputDefinitions": _outputs(tuple(dag["outputs"].get("artifacts", ())), {})}
        self.components |= inner.components
        self.executors |= inner.executors
        return self._add(name, component, takes or {}, optional, task)

    def inner(self) -> "TinySpec":
        """Returns an empty spec, for the tasks of a sub-DAG."""
        return TinySpec(self.witness)

    def documents(self) -> list[Json]:
        """Returns the documents of the file."""
        spec: Json = {
            "schemaVersion": "2.1.0",
            "pipelineInfo": {"name": "tiny"},
            "root": {"dag": {"tasks": self.tasks}, "inputDefinitions": {"parameters": self.parameters}},
            "components": self.components,
            "deploymentSpec": {"executors": self.executors},
        }
        return [spec, *([self.platform] if self.platform else [])]

    def write(self) -> Path:
        """Writes the file beside the witness and returns its path."""
        path = self.witness.with_name("tiny.yaml")
        path.write_text(yaml.safe_dump_all(json.loads(json.dumps(self.documents()))))
        return path

    def _add(self, name: str, component: Json, takes: Json, optional: tuple[str, ...], task: Json) -> Json:
        given: Json = {"parameters": {}, "artifacts": {}}
        definitions: Json = {"parameters": {}, "artifacts": {}}
        for key, source in takes.items():
            kind, declared, spec = _source(source)
            given[kind][key] = spec
            definitions[kind][key] = {**declared, **({"isOptional": True} if key in optional else {})}
        component["inputDefinitions"] = definitions
        self.components[f"comp-{name}"] = component
        self.tasks[name] = {
            "taskInfo": {"name": name},
            "componentRef": {"name": f"comp-{name}"},
            "inputs": given,
            **task,
        }
        return self.tasks[name]


def _outputs(makes: tuple[str, ...], says: Json) -> Json:
    return {
        "artifacts": {key: {"artifactType": {"schemaTitle": "system.Artifact"}} for key in makes},
        "parameters": {key: {"parameterType": kind} for key, kind in says.items()},
    }


def _source(source: Any) -> tuple[str, Json, Json]:
    text = source if isinstance(source, str) else ""
    if text.startswith("<"):
        return "parameters", {"parameterType": "STRING"}, {"componentInputParameter": text.strip("<>")}
    for mark, kind, declared, field, key in (
        (
            ".",
            "artifacts",
            {"artifactType": {"schemaTitle": "system.Artifact"}},
            "taskOutputArtifact",
            "outputArtifactKey",
        ),
        (":", "parameters", {"parameterType": "STRING"}, "taskOutputParameter", "outputParameterKey"),
    ):
        producer, found, output = text.partition(mark)
        if found and "/" not in text:
            return kind, declared, {field: {"producerTask": producer, key: output}}
    kinds = {
        str: "STRING",
        bool: "BOOLEAN",
        int: "NUMBER_INTEGER",
        float: "NUMBER_DOUBLE",
        list: "LIST",
        dict: "STRUCT",
    }
    return "parameters", {"parameterType": kinds[type(source)]}, {"runtimeValue": {"constant": source}}
