"""What a step gets and where it runs: the resources of its container, and its part of the platform document.

Both generations of fields are written where Kubeflow Pipelines changed them: an older backend ignores the newer.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from ....errors import CompileError, suggestion
from ...config.kubeflow_settings import EphemeralVolume, NodeAffinity, Requirement, Resources, Retry, Secret, Toleration
from ...config.kubernetes_names import parse_quantity
from .presets import PRESETS

DEFAULT = "default"

Json = dict[str, Any]


def resolve_resources(resources: Mapping[str, Resources], nodes: Iterable[str]) -> dict[str, Resources]:
    """Returns the resources of each node: its own fields, else the default's, each over those of a preset.

    Args:
        resources: mapping of node id or `"default"` to `Resources`.
        nodes: iterable of the pipeline's node ids.

    Raises:
        CompileError: if a node or preset is not known, or a node requests more than its limit.
    """
    nodes = sorted(nodes)
    for name in sorted(resources.keys() - {DEFAULT, *nodes}):
        raise CompileError(
            f"Expected kubeflow.resources to name nodes ({', '.join(nodes)}) or {DEFAULT}. "
            f"Received: {name!r}.{suggestion(name, [DEFAULT, *nodes])}"
        )
    default = _with_preset(DEFAULT, resources.get(DEFAULT, Resources()))
    merged = {node: _merge(default, _with_preset(node, resources.get(node, Resources()))) for node in nodes}
    for node, asked in merged.items():
        _check_requests(node, asked)
    return merged


def container_resources(resources: Resources) -> Json:
    """Returns a container's `resources` in protojson."""
    spec = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec()
    for name in ("cpu", "memory"):
        for bound, text in (("limit", getattr(resources, name)), ("request", getattr(resources, f"{name}_request"))):
            if text is not None:
                setattr(spec, f"resource_{name}_{bound}", text)
                amount = parse_quantity(text)
                setattr(spec, f"{name}_{bound}", float(amount if name == "cpu" else amount / 10**9))
    if resources.accelerator is not None:
        kind, count = resources.accelerator.type, resources.accelerator.count
        spec.accelerator.type = spec.accelerator.resource_type = kind
        spec.accelerator.count = count
        spec.accelerator.resource_count = str(count)
    return _to_json(spec)


def retry_policy(retry: Retry) -> Json:
    """Returns a task's `retryPolicy` in protojson."""
    return {
        "maxRetryCount": retry.max_count,
        "backoffDuration": f"{retry.backoff_seconds}s",
        "backoffFactor": retry.backoff_factor,
        "backoffMaxDuration": f"{retry.max_backoff_seconds}s",
    }


def platform_executor(resources: Resources) -> Json:
    """Returns an executor's part of the platform document, empty where nothing is asked for."""
    fields: Json = {
        "nodeSelector": {"labels": resources.node_selector} if resources.node_selector else None,
        "tolerations": [_toleration(toleration) for toleration in resources.tolerations],
        "nodeAffinity": [_node_affinity(affinity) for affinity in resources.node_affinity],
        "emptyDirMounts": [_shared_memory(resources.shared_memory)] if resources.shared_memory else [],
        "secretAsEnv": [_secret_env(secret) for secret in resources.secrets if secret.env],
        "secretAsVolume": [_secret_volume(secret) for secret in resources.secrets if secret.mount_path],
        "pvcMount": [
            _drop_empty(
                {
                    "mountPath": claim.mount_path,
                    "subPath": claim.sub_path,
                    "constant": claim.name,
                    "pvcNameParameter": _constant(claim.name),
                }
            )
            for claim in resources.volumes
        ],
        "genericEphemeralVolume": [
            _ephemeral_volume(index, volume) for index, volume in enumerate(resources.ephemeral_volumes)
        ],
        "activeDeadlineSeconds": str(resources.deadline_seconds) if resources.deadline_seconds else None,
        "podMetadata": _drop_empty({"labels": resources.pod_labels, "annotations": resources.pod_annotations}),
        "imagePullPolicy": resources.image_pull_policy,
        "imagePullSecret": [
            {"secretName": name, "secretNameParameter": _constant(name)} for name in resources.image_pull_secrets
        ],
    }
    document = _drop_empty(fields)
    if document:
        # Imported here: most pipelines ask for nothing, and this costs half of what kfp costs.
        from kfp.kubernetes import kubernetes_executor_config_pb2

        json_format.ParseDict(document, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    return document


def platform_document(executors: Mapping[str, Json]) -> Json | None:
    """Returns the platform document of the executors that ask for something, or None.

    Args:
        executors: mapping of executor label to what `platform_executor` returns.
    """
    placed = {label: executor for label, executor in executors.items() if executor}
    if not placed:
        return None
    document = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": placed}}}}
    json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())
    return document


def _with_preset(node: str, resources: Resources) -> Resources:
    if resources.preset is None:
        return resources
    if resources.preset not in PRESETS:
        raise CompileError(
            f"Expected kubeflow.resources.{node}.preset to be one of {', '.join(PRESETS)}. "
            f"Received: {resources.preset!r}.{suggestion(resources.preset, PRESETS)}"
        )
    return _merge(PRESETS[resources.preset], resources)


def _check_requests(node: str, resources: Resources) -> None:
    for name in ("cpu", "memory"):
        limit, request = getattr(resources, name), getattr(resources, f"{name}_request")
        if limit is not None and request is not None and parse_quantity(request) > parse_quantity(limit):
            raise CompileError(
                f"Expected {node!r} to request no more {name} than its limit, for Kubernetes rejects the pod. "
                f"Received: {name}_request {request} and {name} {limit}. Correct kubeflow.resources.{node} or "
                f"kubeflow.resources.{DEFAULT}."
            )


def _merge(base: Resources, own: Resources) -> Resources:
    return base.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def _toleration(toleration: Toleration) -> Json:
    fields = toleration.model_dump(exclude={"seconds"})
    seconds = None if toleration.seconds is None else str(toleration.seconds)
    return _drop_empty({**fields, "tolerationSeconds": seconds})


def _requirement(requirement: Requirement) -> Json:
    return _drop_empty(requirement.model_dump())


def _node_affinity(affinity: NodeAffinity) -> Json:
    return _drop_empty(
        {"matchExpressions": [_requirement(label) for label in affinity.labels], "weight": affinity.weight}
    )


def _shared_memory(size: str) -> Json:
    # KFP's own field for it, `enabledSharedMemory`, has no reader in its backend; nor has `podAffinity`.
    return {"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": size}


def _ephemeral_volume(index: int, volume: EphemeralVolume) -> Json:
    name = volume.storage_class
    return {
        "volumeName": f"ephemeral-{index}",
        "mountPath": volume.mount_path,
        "size": volume.size,
        "accessModes": ["ReadWriteOnce"],
        **({"storageClassName": name} if name else {"defaultStorageClass": True}),
    }


def _secret_env(secret: Secret) -> Json:
    keys = [{"secretKey": key, "envVar": variable} for variable, key in sorted(secret.env.items())]
    return {**_secret(secret), "keyToEnv": keys}


def _secret_volume(secret: Secret) -> Json:
    return {**_secret(secret), "mountPath": secret.mount_path}


def _secret(secret: Secret) -> Json:
    return {
        "secretName": secret.name,
        "secretNameParameter": _constant(secret.name),
        "optional": secret.optional,
    }


def _constant(value: str) -> Json:
    return {"runtimeValue": {"constant": value}}


def _drop_empty(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _to_json(message: Any) -> Json:
    document: Json = json_format.MessageToDict(message)
    return document
