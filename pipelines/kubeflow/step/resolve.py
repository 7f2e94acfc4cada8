"""Steps that only return a URI, which an importer then hands to the launcher."""

import json
import os
from pathlib import Path
from typing import Any

from ....errors import UsageError
from ....uris import check_data_uri, is_remote, split_pattern
from ...node import DATA_URI, PIPELINE_ROOT
from ..spec.options import RESOLUTION, RESOLVED_URI, StepOptions
from .executor_input import StepInput, write_executor_output
from .pointer import read_pointer
from .roots import find_root, never_written

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_METADATA_HOST, _METADATA_PORT = "METADATA_GRPC_SERVICE_HOST", "METADATA_GRPC_SERVICE_PORT"


def resolve(what: str, step: StepInput, options: StepOptions) -> None:
    """Outputs the URI of the raw data or of the baseline, or one that was never written where there is none.

    Args:
        what: `"data"` or `"baseline"`.
        step: `StepInput`.
        options: `StepOptions`.

    Raises:
        UsageError: if `data_uri` is no place of records, or the baseline's source cannot be read.
    """
    root = find_root(step.parameters[PIPELINE_ROOT], step.outputs[RESOLUTION].uri, options.pipeline)
    data_uri = step.parameters.get(DATA_URI)
    if what == "data":
        if data_uri:
            check_data_uri(data_uri)
        found = split_pattern(data_uri)[0] if data_uri and is_remote(data_uri) else None
    else:
        found = find_baseline(options, root)
    path = Path(step.outputs[RESOLUTION].path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"uri": found}) + "\n", encoding="utf-8")
    write_executor_output(
        step, {RESOLUTION: {"found": found is not None}}, {RESOLVED_URI: found or never_written(root)}
    )


def find_baseline(options: StepOptions, root: str) -> str | None:
    """Returns the URI of the model to compare with, or None where there is none.

    Args:
        options: `StepOptions`, whose `baseline` names the source.
        root: string. The pipeline root.
    """
    baseline = options.baseline or {}
    source = baseline.get("source", "none")
    if source == "pointer":
        return read_pointer(root, options.pipeline)
    if source == "inference_service":
        return serving_model(baseline["name"], baseline["namespace"] or _own_namespace(), baseline["annotation"])
    if source == "metadata_store":
        return latest_blessed_in_store(options.pipeline)
    return None


def serving_model(name: str, namespace: str, annotation: str) -> str | None:
    """Returns the model URI in the annotation of an InferenceService, or None where there is no such service.

    Raises:
        UsageError: if the service has no such annotation, or may not be read.
    """
    from kubernetes import client, config

    config.load_incluster_config()
    try:
        service = client.CustomObjectsApi().get_namespaced_custom_object(
            "serving.kserve.io", "v1beta1", namespace, "inferenceservices", name
        )
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise UsageError(
            f"Expected to read the InferenceService {namespace}/{name}. Received: {error.status} {error.reason}. Give "
            "the service account of the pipeline's runs the verb get on inferenceservices.serving.kserve.io."
        ) from None
    uri = service.get("metadata", {}).get("annotations", {}).get(annotation)
    if not uri:
        raise UsageError(
            f"Expected the InferenceService {namespace}/{name} to have the annotation {annotation}. Received: none. "
            "Deploy it anew, or take `kubeflow.baseline.source: pointer`."
        )
    return str(uri)


def latest_blessed_in_store(pipeline: str) -> str | None:
    """Returns the model of a pipeline in ML Metadata that was blessed and pushed last, or None where there is none.

    Raises:
        UsageError: if the run does not say where the metadata store is.
    """
    if _METADATA_HOST not in os.environ:
        raise UsageError(
            f"Expected {_METADATA_HOST} and {_METADATA_PORT} in the step's environment. Received: none. Take "
            "`kubeflow.baseline.source: pointer`."
        )
    from ml_metadata.metadata_store import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    address = metadata_store_pb2.MetadataStoreClientConfig(
        host=os.environ[_METADATA_HOST], port=int(os.environ[_METADATA_PORT])
    )
    return latest_blessed(metadata_store.MetadataStore(address), pipeline)


def latest_blessed(store: Any, pipeline: str) -> str | None:
    """Returns the model that was blessed and pushed last by a run of a pipeline, or None where there is none.

    Args:
        store: `MetadataStore`.
        pipeline: string. Name of the pipeline.
    """
    context = store.get_context_by_type_and_name("system.Pipeline", pipeline)
    if context is None:
        return None
    blessings = []
    for run in store.get_children_contexts_by_context(context.id):
        artifacts = store.get_artifacts_by_context(run.id)
        if any(_is_marked(artifact, "tfx.PushedModel", "pushed") for artifact in artifacts):
            blessings += [artifact for artifact in artifacts if _is_marked(artifact, "tfx.ModelBlessing", "blessed")]
    if not blessings:
        return None
    latest = max(blessings, key=lambda artifact: (artifact.create_time_since_epoch, artifact.id))
    return latest.custom_properties["current_model"].string_value or None


def _is_marked(artifact: Any, kind: str, mark: str) -> bool:
    # Kubeflow Pipelines keeps every number as a double.
    properties = artifact.custom_properties
    return artifact.type == kind and mark in properties and properties[mark].double_value == 1


def _own_namespace() -> str:
    return _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
