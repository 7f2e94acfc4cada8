"""What the API server of Kubeflow Pipelines rejects, and in which words (`backend/src/apiserver`, at 7b70c7b95f)."""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

# gRPC's codes and what the gateway makes of them.
UNKNOWN, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, INTERNAL, UNAUTHENTICATED = 2, 3, 5, 6, 13, 16
HTTP_STATUS = {2: 500, 3: 400, 5: 404, 6: 409, 13: 500, 16: 401}
MACHINE_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")

Json = dict[str, Any]


class RejectedError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def strict(body: Any, model: Any) -> Json:
    """The gateway parses a request without DiscardUnknown."""
    unknown = sorted(set(body) - set(model.attribute_map.values()))
    if unknown:
        raise RejectedError(INVALID_ARGUMENT, f'proto: (line 1:2): unknown field "{unknown[0]}"')
    return dict(body)


def filtered(entries: Any, query: Mapping[str, str]) -> list[Json]:
    """`filter`: a Filter message as JSON; EQUALS on strings is what clients of ours ask for."""
    found = list(entries)
    if not query.get("filter"):
        return found
    for predicate in json.loads(query["filter"]).get("predicates", []):
        key = predicate["key"]
        if key not in ("name", "display_name", "pipeline_id", "pipeline_version_id", "description"):
            raise RejectedError(INVALID_ARGUMENT, f"Invalid predicate: no field named {key}")
        if predicate["operation"] not in (1, "EQUALS"):
            raise RejectedError(INVALID_ARGUMENT, f"Invalid predicate: operation {predicate['operation']}")
        value = predicate.get("string_value", predicate.get("stringValue"))
        found = [entry for entry in found if entry.get(key) == value]
    return found


def read_template(content: bytes) -> Json:
    """template.go and v2_template.go: a spec is a document that parses strictly and whole."""
    pipeline: Json | None = None
    platform: Json | None = None
    try:
        documents = [document for document in yaml.safe_load_all(content) if isinstance(document, dict)]
    except yaml.YAMLError as error:
        raise RejectedError(INVALID_ARGUMENT, f"failed to parse pipeline spec YAML: {error}") from error
    for document in documents:
        spec = _strictly(document, pipeline_spec_pb2.PipelineSpec())
        if spec is not None and spec.pipeline_info.name and spec.HasField("root"):
            if pipeline is not None:
                raise RejectedError(INVALID_ARGUMENT, "multiple pipeline specs provided")
            if spec.schema_version != "2.1.0":
                raise RejectedError(
                    INVALID_ARGUMENT,
                    "KFP only supports schema version 2.1.0, but the pipeline spec has version " + spec.schema_version,
                )
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,127}", spec.pipeline_info.name):
                raise RejectedError(
                    INVALID_ARGUMENT,
                    "pipeline's name must contain only lowercase alphanumeric characters or '-' and must start with "
                    "alphanumeric characters",
                )
            pipeline = json_format.MessageToDict(spec)
            continue
        platform_spec = _strictly(document, pipeline_spec_pb2.PlatformSpec())
        if platform_spec is not None and "kubernetes" in platform_spec.platforms:
            platform = json_format.MessageToDict(platform_spec)
    if pipeline is None:
        raise RejectedError(INVALID_ARGUMENT, "unknown template format")
    return {"pipeline_spec": pipeline, "platform_spec": platform} if platform else pipeline


def check_inputs(spec: Any, parameters: Json) -> None:
    """v2_template.go, validatePipelineJobInputs."""
    wrap = "Failed to create a new run: Failed to generate the ExecutionSpec: invalid pipeline job inputs: "
    kinds = {
        "NUMBER_DOUBLE": (int, float),
        "NUMBER_INTEGER": (int, float),
        "STRING": str,
        "BOOLEAN": bool,
        "LIST": list,
        "STRUCT": dict,
    }
    declared = spec.root.input_definitions.parameters
    for name, parameter in declared.items():
        kind = pipeline_spec_pb2.ParameterType.ParameterTypeEnum.Name(parameter.parameter_type)
        if name not in parameters:
            if not parameter.is_optional and not parameter.HasField("default_value"):
                raise RejectedError(
                    INVALID_ARGUMENT,
                    f"{wrap}parameter {name} is not optional, yet has neither default value nor user provided value",
                )
            continue
        value = parameters[name]
        is_number_for_boolean = isinstance(value, bool) and kind != "BOOLEAN"
        if kind not in kinds or not isinstance(value, kinds[kind]) or is_number_for_boolean:
            raise RejectedError(
                INVALID_ARGUMENT,
                f"{wrap}input parameter {name} requires type {kind}, but the parameter value is not of that type",
            )
    if extra := sorted(set(parameters) - set(declared)):
        raise RejectedError(
            INVALID_ARGUMENT, f"{wrap}parameter(s) provided are not required by pipeline: {', '.join(extra)}"
        )


def check_workflow(spec: Any, wrap: str) -> None:
    """visitor.go and Argo's own validation."""
    executors = json_format.MessageToDict(spec.deployment_spec).get("executors", {})
    for name, component in [*sorted(spec.components.items()), ("root", spec.root)]:
        label = component.executor_label
        if label and not {"container", "importer"} & set(executors.get(label, {})):
            raise RejectedError(
                UNKNOWN,
                f"{wrap}: Failed to generate the ExecutionSpec: Failed to compile job: error processing component "
                f'name="{name}": executor(label="{label}"): non-container and non-importer executor not implemented',
            )
        for task in component.dag.tasks:
            for machine_name in (f"{task}-driver", task):
                if not MACHINE_NAME.fullmatch(machine_name) or len(machine_name) > 128:
                    raise RejectedError(
                        INTERNAL,
                        f"{wrap}: InternalServerError: Failed to validate workflow for (): templates.{name}.tasks[0]."
                        f"name: '{machine_name}' is invalid: name must consist of alpha-numeric characters or '-', and "
                        "must start with an alpha-numeric character (e.g. My-name1-2, 123-NAME)",
                    )


def check_cron(text: str) -> None:
    """robfig/cron 1.2: seconds first; five fields would lack the day of the week, not the seconds."""
    if re.fullmatch(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)", text):
        return
    bounds = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    fields = text.split()
    wrong = len(fields) not in (5, 6)
    for field, (lowest, highest) in zip(fields, bounds, strict=False):
        numbers = [int(number) for number in re.findall(r"(?<!/)\b\d+", field)]
        wrong |= any(not lowest <= number <= highest for number in numbers)
    if wrong:
        raise RejectedError(
            INVALID_ARGUMENT,
            f"Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron): {text}",
        )


def _strictly(document: Json, message: Any) -> Any:
    try:
        return json_format.ParseDict(document, message)
    except json_format.ParseError:
        return None
