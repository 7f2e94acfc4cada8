"""What KServe would reject late, or accept and not do, in an InferenceService.

From the validating webhook of KServe 0.20 and 0.21 and from what its reconcilers read and pass over. Any document can
be checked, whether it was rendered here, built by kustomize, or written by hand.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from . import keys
from .errors import ManifestError
from .node_pools import GPU_RESOURCE
from .service import check_image
from .storage import pushed_version

Json: TypeAlias = Mapping[str, Any]

# "isvc.<name>-v<version>-predictor" is a label, of at most 63 characters, with versions of ten digits.
MAX_NAME_LENGTH = 36

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_PROTOCOLS = {"yachay-tf-serving": ("v1", "grpc-v1")}
_STOCK_RUNTIMES = {
    "kserve-tensorflow-serving": "its TF Serving 2.6.2 cannot load models of TensorFlow 2.21",
    "kserve-tritonserver": "Triton has had no TensorFlow since 25.03",
}


def check_inference_service(document: Json) -> None:
    """Checks an InferenceService.

    Args:
        document: mapping.

    Raises:
        ManifestError: with everything that is wrong, a line each.
    """
    predictor = (document.get("spec") or {}).get("predictor") or {}
    rejections = [*_metadata(document), *_predictor(predictor, "spec.predictor")]
    mode = _mode(document)
    if mode == "Knative":
        rejections += _knative(document, predictor)
    elif mode == "Standard":
        rejections += [*_standard(document, predictor), *_canaries(document, predictor)]
    if rejections:
        metadata = document["metadata"]
        raise ManifestError(
            "\n".join(
                [
                    f"The InferenceService {metadata.get('namespace', 'default')}/{metadata['name']} is invalid:",
                    *(f"  - {rejection.rstrip('.')}." for rejection in rejections),
                ]
            )
        )


def _mode(document: Json) -> str | None:
    mode: str | None = _annotations(document).get(keys.DEPLOYMENT_MODE)
    return mode


def _annotations(document: Json) -> Json:
    annotations: Json = document["metadata"].get("annotations") or {}
    return annotations


def _metadata(document: Json) -> Iterator[str]:
    name = document["metadata"]["name"]
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
        yield (
            f"metadata.name: expected lower-case letters, digits and '-', a letter first, at most {MAX_NAME_LENGTH} "
            f"characters. Received: {name!r}. Rename the service"
        )
    namespace = document["metadata"].get("namespace", "default")
    if not _NAMESPACE.fullmatch(namespace):
        yield (
            "metadata.namespace: expected lower-case letters, digits and '-', at most 63 characters. "
            f"Received: {namespace!r}. Name one that exists"
        )
    for label, value in (document["metadata"].get("labels") or {}).items():
        if not _LABEL.fullmatch(value):
            yield (
                f"metadata.labels.{label}: expected letters, digits, '-', '_' and '.', at most 63 characters. "
                f"Received: {value!r}. Take an annotation"
            )
    if _mode(document) not in ("Knative", "Standard"):
        yield (
            f"metadata.annotations: expected {keys.DEPLOYMENT_MODE} to be Knative or Standard, for the cluster's "
            f"default may be either and cannot be changed later. Received: {_mode(document)!r}. Name the mode"
        )


def _predictor(predictor: Json, where: str) -> Iterator[str]:
    model = predictor.get("model")
    if not model:
        yield f"{where}: expected `model`. Received: {', '.join(predictor) or 'none'}. Name the model and its runtime"
        return
    yield from _runtime(model, where)
    yield from _caught(f"{where}.model.storageUri", pushed_version, model.get("storageUri", ""))
    yield from _caught(f"{where}.model.image", check_image, model.get("image", ""))
    yield from _gpus(model.get("resources") or {}, where)
    if "batcher" in predictor:
        yield (
            f"{where}.batcher: expected none, for KServe's batcher returns failures with status 200 and rounds large "
            "integers. Received: one. Leave it out: the server batches by itself"
        )
    logger = predictor.get("logger")
    if logger is not None:
        if logger.get("mode") not in ("all", "request", "response"):
            yield f"{where}.logger.mode: expected all, request or response. Received: {logger.get('mode')!r}. Add one"
        for header in logger.get("metadataHeaders") or ():
            canonical = "-".join(part.capitalize() for part in header.split("-"))
            if header != canonical:
                yield (
                    f"{where}.logger.metadataHeaders: expected {canonical!r}, for KServe compares letter by letter. "
                    f"Received: {header!r}. Spell it so"
                )


def _caught(where: str, check: Callable[[str], object], value: str) -> Iterator[str]:
    try:
        check(value)
    except ManifestError as error:
        yield f"{where}: {error}"


def _runtime(model: Json, where: str) -> Iterator[str]:
    runtime, protocol = model.get("runtime"), model.get("protocolVersion")
    if not runtime:
        yield (
            f"{where}.model.runtime: expected a ServingRuntime, for KServe would choose TF Serving 2.6.2 or Triton, "
            "and neither loads these models. Received: none. Take yachay"
        )
    elif runtime in _STOCK_RUNTIMES:
        yield (
            f"{where}.model.runtime: expected a runtime that loads these models, for {_STOCK_RUNTIMES[runtime]}. "
            f"Received: {runtime!r}. Take yachay or yachay-tf-serving"
        )
    protocols = _PROTOCOLS.get(str(runtime), ("v1", "v2", "grpc-v2"))
    if protocol not in protocols:
        yield (
            f"{where}.model.protocolVersion: expected {', '.join(protocols)} with the runtime {runtime!r}. "
            f"Received: {protocol!r}. Name one"
        )


def _gpus(resources: Json, where: str) -> Iterator[str]:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    devices = {name for name in (*requests, *limits) if name == GPU_RESOURCE or name.startswith("nvidia.com/mig")}
    for device in sorted(devices):
        request, limit = requests.get(device), limits.get(device)
        if request is None or limit is None or str(request) != str(limit):
            yield (
                f"{where}.model.resources: expected as many {device} requested as the limit, for Kubernetes does not "
                f"share them. Received: requests {request!r}, limits {limit!r}. Make them equal"
            )


def _knative(document: Json, predictor: Json) -> Iterator[str]:
    where = "spec.predictor"
    for field, reason in (
        ("deploymentStrategy", "Knative starts the next revision before it stops the last, and KServe rejects it"),
        ("autoScaling", "KServe reads it in Standard mode only"),
        ("terminationGracePeriodSeconds", "Knative takes the timeout"),
    ):
        if field in predictor:
            yield f"{where}.{field}: expected none in Knative mode: {reason}. Received: one. Leave it out"
    if document["spec"].get("canary"):
        yield (
            "spec.canary: expected none in Knative mode, for KServe rejects it. Received: one. Take "
            "spec.predictor.canaryTrafficPercent"
        )
    metric = predictor.get("scaleMetric")
    if metric not in (None, "concurrency", "rps"):
        yield f"{where}.scaleMetric: expected concurrency or rps in Knative mode. Received: {metric!r}. Take one"
    yield from _replicas(predictor)
    model = predictor.get("model") or {}
    if "lifecycle" in model:
        yield f"{where}.model.lifecycle: expected none in Knative mode, which rejects it. Received: one. Leave it out"
    if len(model.get("ports") or ()) > 1:
        yield f"{where}.model.ports: expected one port in Knative mode. Received: {len(model['ports'])}. Choose one"


def _replicas(predictor: Json) -> Iterator[str]:
    least, most = predictor.get("minReplicas", 1), predictor.get("maxReplicas", 0)
    if least < 0 or most < 0 or (most and least > most):
        yield (
            f"spec.predictor: expected 0 <= minReplicas <= maxReplicas. Received: {least} and {most}. Correct the range"
        )


def _standard(document: Json, predictor: Json) -> Iterator[str]:
    where, scaler = "spec.predictor", _annotations(document).get(keys.AUTOSCALER_CLASS)
    if "canaryTrafficPercent" in predictor:
        yield (
            f"{where}.canaryTrafficPercent: expected none in Standard mode, for KServe passes over it and sends "
            "everything to the new model. Received: one. Take spec.canary"
        )
    if "containerConcurrency" in predictor:
        yield (
            f"{where}.containerConcurrency: expected none in Standard mode, for only Knative holds requests back. "
            "Received: one. Leave it out"
        )
    metric, target = predictor.get("scaleMetric"), predictor.get("scaleTarget")
    if scaler not in ("hpa", "keda", "none", "external"):
        yield (
            f"metadata.annotations: expected {keys.AUTOSCALER_CLASS} to be hpa, keda, none or external in Standard "
            f"mode. Received: {scaler!r}. Name one"
        )
    if scaler == "keda":
        if metric is not None:
            yield (
                f"{where}.scaleMetric: expected none with KEDA, for KServe rejects it. Received: {metric!r}. Leave it "
                "out"
            )
        if not (predictor.get("autoScaling") or {}).get("metrics"):
            yield (
                f"{where}.autoScaling.metrics: expected a metric with KEDA, whose triggers come from there alone. "
                "Received: none. Add a query to Prometheus"
            )
        if document["spec"].get("canary"):
            yield (
                "spec.canary: expected none with KEDA, for the canary would get a ScaledObject without triggers. "
                "Received: one. Take the autoscaler hpa or none"
            )
    elif predictor.get("minReplicas", 1) == 0:
        yield (
            f"{where}.minReplicas: expected at least 1 with the autoscaler {scaler!r}, for KServe takes 0 as 1 with "
            "HPA. Received: 0. Scale to zero in Knative mode, or with KEDA, which drops the first requests"
        )
    if scaler == "hpa":
        if metric not in (None, "cpu", "memory"):
            yield (
                f"{where}.scaleMetric: expected cpu or memory with HPA, which knows no other. Received: {metric!r}. "
                "Take one"
            )
        if target is not None and not 1 <= target <= 100:
            yield f"{where}.scaleTarget: expected 1 to 100 per cent with HPA. Received: {target}. Correct it"
    yield from _replicas(predictor)
    yield from _shutdown(predictor)


def _shutdown(predictor: Json) -> Iterator[str]:
    lifecycle = (predictor.get("model") or {}).get("lifecycle") or {}
    command: Sequence[str] = ((lifecycle.get("preStop") or {}).get("exec") or {}).get("command") or ()
    if len(command) != 2 or command[0] != "sleep" or not command[1].isdigit():
        yield (
            "spec.predictor.model.lifecycle.preStop: expected `sleep` and seconds in Standard mode, for the server "
            f"closes its port at once when it is stopped, before clients know. Received: {list(command)}. Add it"
        )
        return
    timeout, grace = predictor.get("timeout", 60), predictor.get("terminationGracePeriodSeconds", 30)
    if grace <= timeout + int(command[1]):
        yield (
            f"spec.predictor.terminationGracePeriodSeconds: expected more than the timeout ({timeout}) and the preStop "
            f"({command[1]}) together, so that requests can end. Received: {grace}. Raise it"
        )


def _canaries(document: Json, predictor: Json) -> Iterator[str]:
    canaries = document["spec"].get("canary") or []
    names = [canary["predictor"].get("name") for canary in canaries]
    if canaries and (not all(names) or len({*names, predictor.get("name")}) <= len(names)):
        yield (
            "spec.canary: expected a name for each predictor, unlike the others and unlike that of spec.predictor. "
            f"Received: {names} beside {predictor.get('name')!r}. Name each by its version"
        )
    if sum(canary["trafficPercent"] for canary in canaries) > 100:
        yield "spec.canary: expected trafficPercent of at most 100 together. Received: more. Lower them"
    for index, canary in enumerate(canaries):
        where = f"spec.canary[{index}].predictor"
        yield from _predictor(canary["predictor"], where)
        if not (canary["predictor"].get("model") or {}).get("name"):
            yield (
                f"{where}.model.name: expected kserve-container, which the schema requires here. Received: none. Add it"
            )
        for field in ("maxReplicas", "scaleTarget", "scaleMetric", "autoScaling", "canaryTrafficPercent"):
            if field in canary["predictor"]:
                yield (
                    f"{where}.{field}: expected none, for a canary has a fixed number of pods. Received: one. Leave it "
                    "out"
                )
