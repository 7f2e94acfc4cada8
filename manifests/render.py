"""A service as Kubernetes documents."""

import copy
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, TypeAlias

import yaml

from ..model_store.integrity import CONTENT_HASH_VARIABLE
from . import keys
from .checks import check_inference_service
from .node_pools import GPU_RESOURCE
from .profile import add_components
from .service import Autoscaling, Logger, Model, Service

Json: TypeAlias = dict[str, Any]

API_VERSION = "serving.kserve.io/v1beta1"
PRE_STOP_SECONDS = 15
USER = 10001
GRACE_SECONDS = 15

_RUNTIME_FILES = {"yachay": "base/runtime.yaml", "yachay-tf-serving": "components/tf-serving/runtime.yaml"}
_FIELDS = {
    "storage_uri": keys.STORAGE_URI,
    "content_hash": keys.CONTENT_HASH,
    "trained_uri": keys.MODEL_URI,
    "image": keys.IMAGE,
}
_MODES = {"knative": "Knative", "standard": "Standard"}
# What eight clients got was nine tenths of what the server gave at most, and a third of that is 500 a second
# (KServe's notes: 1,521 and 1,701 requests a second, two cores).
_TARGETS = {"kpa": 8, "hpa": 70, "keda": 500}
_PORTS = [
    {"name": "http1", "containerPort": 8080, "protocol": "TCP"},
    {"name": "grpc", "containerPort": 8081, "protocol": "TCP"},
]


def render(service: Service) -> list[Json]:
    """Returns the documents of a service: its runtime, with what that needs, and its InferenceService.

    The service account is the cluster's own affair; `manifests/base` has one.

    Args:
        service: `Service`.

    Raises:
        ManifestError: if KServe would reject the InferenceService, or accept it and not do what it says.
    """
    return [*_runtime(service), inference_service(service)]


def inference_service(service: Service) -> Json:
    """Returns the InferenceService alone, checked as in `render`."""
    standard = service.mode == "standard"
    annotations = {keys.DEPLOYMENT_MODE: _MODES[service.mode]}
    if standard:
        annotations[keys.AUTOSCALER_CLASS] = service.scaler.kind
    spec: Json = {"predictor": _predictor(service)}
    if standard and service.previous is not None:
        spec["canary"] = [_canary(service, spec["predictor"]["model"]["env"])]
    document: Json = {
        "apiVersion": API_VERSION,
        "kind": "InferenceService",
        "metadata": {
            "name": service.name,
            "namespace": service.namespace,
            "labels": {"app.kubernetes.io/part-of": "yachay", **service.labels},
            "annotations": {**annotations, **_of_model(service.serving)},
        },
        "spec": spec,
    }
    check_inference_service(document)
    return document


def read_serving(document: Mapping[str, Any]) -> Model | None:
    """Returns the model that an InferenceService serves, or None where it was not deployed from here.

    Args:
        document: mapping. As the cluster has it.

    Raises:
        ManifestError: if an annotation was changed into what no model has.
    """
    annotations = document["metadata"].get("annotations") or {}
    if not all(key in annotations for key in _FIELDS.values()):
        return None
    return Model(**{field: annotations[key] for field, key in _FIELDS.items()})


def read_canary(document: Mapping[str, Any]) -> Model | None:
    """Returns the model of an InferenceService's canary in Standard mode, or None where it has none.

    Args:
        document: mapping. As the cluster has it.

    Raises:
        ManifestError: if an annotation was changed into what no model has.
    """
    for canary in document.get("spec", {}).get("canary") or ():
        return read_serving({"metadata": canary["predictor"]})
    return None


def to_yaml(documents: Iterable[Mapping[str, Any]]) -> str:
    """Returns documents as one YAML file; the same documents give the same text."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=2**16, explicit_start=True)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _runtime(service: Service) -> list[Json]:
    text = resources.files(__package__).joinpath(_RUNTIME_FILES[service.runtime]).read_text(encoding="utf-8")
    documents: list[Json] = list(yaml.safe_load_all(text))
    for document in documents:
        document["metadata"]["namespace"] = service.namespace
        if document["kind"] == "ServingRuntime":
            document["spec"]["containers"][0]["image"] = service.model.image
    return documents


def _predictor(service: Service) -> Json:
    standard = service.mode == "standard"
    model = service.serving if standard else service.model
    predictor: Json = {
        "minReplicas": service.min_replicas,
        "maxReplicas": service.max_replicas,
        "timeout": service.timeout_seconds,
        "serviceAccountName": service.service_account,
        "automountServiceAccountToken": False,
        **_of_pod(model),
        **_scaling(service),
    }
    if standard:
        predictor |= _standard(service)
    else:
        predictor["annotations"] |= {
            # The cold start of a GPU takes minutes; Knative gives up a revision after ten.
            "autoscaling.knative.dev/scale-to-zero-pod-retention-period": "15m",
            "serving.knative.dev/progress-deadline": "1200s",
        }
        if service.canary_percent is not None:
            predictor["canaryTrafficPercent"] = service.canary_percent
    pool = service.node_pool()
    if pool is not None:
        predictor |= pool.placement()
    if service.logger is not None:
        predictor["logger"] = _logger(service.logger)
    predictor["model"] = _model(service, model)
    add_components(predictor, service.components)
    _add_own(predictor["model"], service)
    return _merge(predictor, service.predictor)


def _of_model(model: Model) -> dict[str, str]:
    return {
        keys.MODEL_VERSION: str(model.version),
        **{key: getattr(model, field) for field, key in _FIELDS.items()},
    }


def _of_pod(model: Model) -> Json:
    return {
        "labels": {keys.MODEL_VERSION: str(model.version)},
        "annotations": {**_of_model(model), keys.ROLLOUT: "see the InferenceService"},
    }


def _scaling(service: Service) -> Json:
    scaler = service.scaler
    if scaler.kind == "none":
        return {}
    target = scaler.target or _TARGETS[scaler.kind]
    if scaler.kind == "keda":
        return {"autoScaling": {"metrics": [_keda(service, scaler, target)]}}
    return {"scaleMetric": scaler.metric or {"kpa": "concurrency", "hpa": "cpu"}[scaler.kind], "scaleTarget": target}


def _keda(service: Service, scaler: Autoscaling, target: int) -> Json:
    query = scaler.query or (
        f'sum(rate(yachay_requests_total{{namespace="{service.namespace}",model_name="{service.name}"}}[1m]))'
    )
    return {
        "type": "External",
        "external": {
            "metric": {"backend": "prometheus", "serverAddress": scaler.prometheus, "query": query},
            # KServe hands it to KEDA as a threshold without a type, which KEDA takes for an average over the pods.
            "target": {"type": "Value", "value": str(target)},
        },
    }


def _standard(service: Service) -> Json:
    surge, unavailable = (1, 0) if service.gpu is None or service.has_spare_gpu else (0, 1)
    fields: Json = {
        # Knative takes one behind a flag only; its pods have that of their containers.
        "securityContext": {
            "runAsNonRoot": True,
            # That volumes can be written to.
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": service.timeout_seconds + PRE_STOP_SECONDS + GRACE_SECONDS,
        "deploymentStrategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
        },
    }
    if service.predictor_name is not None:
        fields["name"] = service.predictor_name
    return fields


def _logger(logger: Logger) -> Json:
    headers = {"metadataHeaders": list(logger.headers)} if logger.headers else {}
    return {"mode": logger.mode, "url": logger.url, **headers}


def _model(service: Service, model: Model) -> Json:
    gpus = {GPU_RESOURCE: str(service.num_gpus)} if service.gpu is not None else {}
    fields = {
        **_of_server(service, model),
        "resources": {
            "requests": {"cpu": service.cpu, "memory": service.memory, **gpus},
            "limits": {"cpu": service.cpu_limit, "memory": service.memory, **gpus},
        },
    }
    if service.mode == "standard":
        fields["ports"] = copy.deepcopy(_PORTS)
        fields["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", str(PRE_STOP_SECONDS)]}}}
    return fields


def _add_own(model: Json, service: Service) -> None:
    """Adds the arguments and the environment that the service names itself, which win over those of components."""
    if service.args:
        model["args"] = [*model.get("args", ()), *service.args]
    if service.env:
        named = [each for each in model.get("env", ()) if each["name"] not in service.env]
        model["env"] = [*named, *({"name": name, "value": value} for name, value in sorted(service.env.items()))]


def _of_server(service: Service, model: Model) -> Json:
    return {
        "modelFormat": {"name": "tensorflow", "version": "2"},
        "runtime": service.runtime,
        "protocolVersion": "v1" if service.runtime == "yachay-tf-serving" else "v2",
        "storageUri": model.storage_uri,
        "image": model.image,
        "env": [{"name": CONTENT_HASH_VARIABLE, "value": model.content_hash}],
    }


def _canary(service: Service, env: Iterable[Json]) -> Json:
    """KServe lays it over `spec.predictor`, so that it names what differs, and all of a list, which it may replace."""
    model = _of_server(service, service.model)
    others = [each for each in env if each["name"] != CONTENT_HASH_VARIABLE]
    return {
        "trafficPercent": service.canary_percent or 0,
        "predictor": {
            "name": service.canary_name,
            # At least one, or a canary at 0 per cent would never be ready.
            "minReplicas": service.num_pods,
            **_of_pod(service.model),
            "model": {"name": "kserve-container", **model, "env": [*model["env"], *others]},
        },
    }


def _merge(base: Json, over: Mapping[str, Any]) -> Json:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged
