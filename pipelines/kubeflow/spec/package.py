"""A compiled pipeline's file, as `yachay submit` uploads it: one PipelineSpec and at most one platform document."""

import dataclasses
import graphlib
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from ....errors import UsageError, suggestion
from ....uris import check_data_uri, is_root
from ...node import DATA_URI, PIPELINE_ROOT
from .parameters import read_choices

SCHEMA_VERSION = "2.1.0"
SUFFIXES = (".yaml", ".yml", ".json")
MAX_BYTES = 32 * 2**20  # KFP's API server reads no larger upload.
MAX_VERSION_NAME = 127

_Type = pipeline_spec_pb2.ParameterType


@dataclasses.dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Args:
        path: path of the file.
        pipeline_spec: `PipelineSpec`.
        platform_spec: `PlatformSpec`, empty where the file has none.
    """

    path: Path
    pipeline_spec: Any
    platform_spec: Any

    @property
    def name(self) -> str:
        """The pipeline's own name."""
        return str(self.pipeline_spec.pipeline_info.name)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """`{name: ParameterSpec}` of what a run may set."""
        return dict(self.pipeline_spec.root.input_definitions.parameters)

    @property
    def is_synthetic(self) -> bool:
        """Whether a step writes the records that the pipeline reads."""
        executors = json_format.MessageToDict(self.pipeline_spec.deployment_spec).get("executors", {})
        return any(
            json.loads(arguments[arguments.index("--options") + 1]).get("raw_data", {}).get("mock")
            for arguments in (one.get("container", {}).get("args", []) for one in executors.values())
            if "--options" in arguments
        )

    def version_name(self, pipeline: str) -> str:
        """Returns the version's name that the content gives, however it is laid out.

        Args:
            pipeline: string. Name of the pipeline on the server.
        """
        documents = [json_format.MessageToDict(spec) for spec in (self.pipeline_spec, self.platform_spec)]
        digest = hashlib.sha256(json.dumps(documents, sort_keys=True).encode()).hexdigest()[:12]
        return f"{pipeline[: MAX_VERSION_NAME - 13]}-{digest}"

    def has_content(self, document: Mapping[str, Any] | None) -> bool:
        """Returns whether a version on the server, as its API gives it, has this content."""
        if not document:
            return False
        pipeline = document.get("pipeline_spec", document)
        platform = document.get("platform_spec", {})
        try:
            return bool(
                json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec()) == self.pipeline_spec
                and json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec()) == self.platform_spec
            )
        except json_format.ParseError:
            return False

    def task_names(self) -> list[str]:
        """Returns the names of the tasks that are no sub-DAGs, in an order in which they can run."""
        return self._leaves(self.pipeline_spec.root.dag)

    def _leaves(self, dag: Any) -> list[str]:
        order = graphlib.TopologicalSorter(
            {name: sorted(dag.tasks[name].dependent_tasks) for name in sorted(dag.tasks)}
        )
        names: list[str] = []
        for name in order.static_order():
            component = self.pipeline_spec.components[dag.tasks[name].component_ref.name]
            names += self._leaves(component.dag) if component.HasField("dag") else [name]
        return names

    def arguments(self, assignments: Sequence[str]) -> dict[str, Any]:
        """Returns the parameters of a run, typed as the spec declares them.

        Args:
            assignments: sequence of `"name=value"` strings.

        Raises:
            UsageError: if one is malformed, unknown, doubled or of another type, or one without default is missing.
        """
        arguments: dict[str, Any] = {}
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            if not name or not equals:
                raise UsageError(f"Expected -p name=value. Received: {assignment!r}.")
            if name not in self.parameters:
                hint = suggestion(name, self.parameters)
                known = ", ".join(sorted(self.parameters)) or "none"
                raise UsageError(f"Expected -p to name a parameter of {self.name} ({known}). Received: {name!r}.{hint}")
            if name in arguments:
                raise UsageError(f"Expected -p {name} once. Received: it twice.")
            declared = self.parameters[name]
            arguments[name] = _typed(name, text, declared.parameter_type)
            if name == DATA_URI and text:
                self._check_data_uri(text)
            choices = read_choices(declared.description)
            if choices and text not in choices:
                hint = suggestion(text, choices)
                raise UsageError(f"Expected {name} to be one of {', '.join(choices)}. Received: {text!r}.{hint}")
        return arguments

    def _check_data_uri(self, uri: str) -> None:
        check_data_uri(uri)
        if self.is_synthetic:
            raise UsageError(
                f"Expected no {DATA_URI}, for {self.name} was compiled with a profile that writes records of its own. "
                f"Received: {uri!r}. Leave it out, or compile without the profile."
            )

    def choose_root(self, root: str | None, arguments: dict[str, Any]) -> str | None:
        """Returns the root of a run, or None for the server's; it also goes into the parameter for it, if there is one.

        It is what the option says, else the parameter, else the parameter's default: the root of the configuration.

        Args:
            root: string. What `--pipeline-root` says.
            arguments: dict of parameter to value, changed in place.

        Raises:
            UsageError: if it is no URI of a store, or the parameter says another.
        """
        argument = arguments.get(PIPELINE_ROOT)
        if root is not None and argument not in (None, root):
            raise UsageError(
                f"Expected --pipeline-root and -p {PIPELINE_ROOT} to agree. Received: {root} and {argument}."
            )
        declared = self.parameters.get(PIPELINE_ROOT)
        root = root or argument or (declared.default_value.string_value if declared else None)
        if not root:
            return None
        if not is_root(root):
            raise UsageError(
                "Expected --pipeline-root to be gs://, s3:// or minio:// and a bucket, the stores that Kubeflow "
                f"Pipelines knows. Received: {root!r}."
            )
        if PIPELINE_ROOT in self.parameters:
            arguments[PIPELINE_ROOT] = root
        return root

    def require(self, arguments: Mapping[str, Any]) -> None:
        """Rejects the parameters of a run where one is missing that has no default.

        Raises:
            UsageError: if so.
        """
        missing = [
            name
            for name, parameter in sorted(self.parameters.items())
            if name not in arguments and not parameter.is_optional and not parameter.HasField("default_value")
        ]
        if missing:
            fix = " ".join(f"-p {name}=..." for name in missing)
            synthetic = " For synthetic records compile with --profile mock." if DATA_URI in missing else ""
            raise UsageError(
                f"Expected a value of {', '.join(missing)}, which {'has' if len(missing) == 1 else 'have'} no default. "
                f"Received: none. Add {fix}.{synthetic}"
            )


def read_package(path: Path) -> Package:
    """Reads a compiled pipeline as strictly as the API server does.

    Args:
        path: path of a YAML or JSON file.

    Raises:
        UsageError: if there is no such file, or it is no compiled pipeline.
    """
    pipelines, platforms = [], []
    for document in _documents(path):
        if "platforms" in document:
            platforms.append(_parse(path, document, pipeline_spec_pb2.PlatformSpec(), "platform document"))
        else:
            pipelines.append(_pipeline(path, document))
    if len(pipelines) != 1 or len(platforms) > 1:
        raise _rejection(path, f"{len(pipelines)} PipelineSpecs and {len(platforms)} platform documents")
    return Package(path, pipelines[0], platforms[0] if platforms else pipeline_spec_pb2.PlatformSpec())


def _documents(path: Path) -> list[dict[str, Any]]:
    if path.suffix not in SUFFIXES:
        raise _rejection(path, f"a name that ends in none of {', '.join(SUFFIXES)}")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _rejection(path, "no such file") from None
    except OSError as error:
        raise _rejection(path, f"a file that cannot be read ({error.strerror})") from None
    if len(content) > MAX_BYTES:
        raise _rejection(path, f"{len(content):,} bytes, where the server reads {MAX_BYTES:,} at most")
    try:
        documents = [document for document in yaml.safe_load_all(content) if document is not None]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _rejection(path, f"a file that is no YAML ({str(error).splitlines()[0]})") from None
    for document in documents:
        if not isinstance(document, dict):
            raise _rejection(path, f"a {type(document).__name__} where a mapping is due")
    return documents


def _pipeline(path: Path, document: dict[str, Any]) -> Any:
    if str(document.get("apiVersion", "")).startswith("argoproj.io/"):
        raise _rejection(path, "an Argo Workflow, which is the format of KFP 1")
    if "pipelineSpec" in document:
        raise _rejection(path, "a PipelineJob, whose spec lies under `pipelineSpec`; KFP wants the bare spec")
    spec = _parse(path, document, pipeline_spec_pb2.PipelineSpec(), "PipelineSpec")
    if not spec.pipeline_info.name or not spec.HasField("root"):
        raise _rejection(path, "a mapping without pipelineInfo.name or root")
    return spec


def _parse(path: Path, document: dict[str, Any], message: Any, what: str) -> Any:
    try:
        return json_format.ParseDict(document, message)
    except json_format.ParseError as error:
        reason = str(error).splitlines()[0]
    raise _rejection(path, f"one that is no {what} ({reason})")


def _rejection(path: Path, received: str) -> UsageError:
    return UsageError(
        f"Expected {path} to be a compiled pipeline. Received: {received}. Make one with `yachay compile`."
    )


def _typed(name: str, text: str, parameter_type: int) -> Any:
    if parameter_type == _Type.STRING:
        return text
    if parameter_type not in _READERS:
        kind = _Type.ParameterTypeEnum.Name(parameter_type)
        raise UsageError(f"Expected -p to name a parameter that a run can set. Received: {name}, of type {kind}.")
    what, read = _READERS[parameter_type]
    try:
        return read(text)
    except ValueError:
        raise UsageError(f"Expected {name} to be {what}. Received: {text!r}.") from None


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _json(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        return value

    return read


_READERS: Mapping[int, tuple[str, Callable[[str], Any]]] = {
    _Type.NUMBER_INTEGER: ("a whole number", int),
    _Type.NUMBER_DOUBLE: ("a number", _number),
    _Type.BOOLEAN: ("true or false", _boolean),
    _Type.LIST: ("a JSON list", _json(list)),
    _Type.STRUCT: ("a JSON object", _json(dict)),
}
