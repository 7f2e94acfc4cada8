"""What is deployed: a model, how it is served, and how much of the traffic it gets."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, Literal, Self, TypeAlias, get_args

from pydantic import ConfigDict

from ..errors import suggestion
from .errors import ManifestError
from .node_pools import NodePool, find_node_pool
from .profile import MIN_AVAILABLE_REPLICAS, OF_EVERY_SERVER, OF_STANDARD_MODE, Component
from .storage import pushed_version

Mode: TypeAlias = Literal["knative", "standard"]
Cloud: TypeAlias = Literal["gke", "eks", "aks", "none"]
Autoscaler: TypeAlias = Literal["kpa", "hpa", "keda", "none"]
Runtime: TypeAlias = Literal["yachay", "yachay-tf-serving"]

_AUTOSCALERS: Mapping[str, tuple[str, ...]] = {"knative": ("kpa",), "standard": ("hpa", "keda", "none")}
_METRICS: Mapping[str, tuple[str, ...]] = {"kpa": ("concurrency", "rps"), "hpa": ("cpu", "memory")}
# A configuration composes these dataclasses: pydantic checks them, and rejects unknown fields.
_STRICT = ConfigDict(extra="forbid")
_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """A pushed model and the server that serves it: what a rollout changes.

    Args:
        storage_uri: string. The push, `<store>/push-<version>`.
        content_hash: string. SHA-256 of the pushed files, as `push.json` has it; the pods load nothing else.
        trained_uri: string. The Trainer's output, with which the next candidate is compared; never the copy in the
            store.
        image: string. The server's image by digest.
    """

    storage_uri: str
    content_hash: str
    trained_uri: str
    image: str

    def __post_init__(self) -> None:
        pushed_version(self.storage_uri)
        check_image(self.image)
        if not re.fullmatch(r"[0-9a-f]{64}", self.content_hash):
            raise ManifestError(
                f"Expected the content hash of push.json, 64 hexadecimal digits. Received: {self.content_hash!r}."
            )
        if not self.trained_uri:
            raise ManifestError("Expected the URI of the trained model, for comparisons to come. Received: none.")

    @property
    def version(self) -> int:
        """The version of the push."""
        return pushed_version(self.storage_uri)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """How the number of pods follows the load.

    Args:
        kind: `"kpa"` (Knative's own; Knative mode), `"hpa"`, `"keda"`, or `"none"` for a fixed number (Standard mode).
        metric: string. `"concurrency"` or `"rps"` with KPA, `"cpu"` or `"memory"` with HPA. Defaults to the first.
        target: int. The metric's value a pod; per cent with HPA. With KEDA, the query's value a pod. Defaults to 8
            with KPA, 70 with HPA and 500 with KEDA.
        prometheus: string. Address of Prometheus, which KEDA asks.
        query: string. What KEDA asks. Defaults to the requests a second of the model.
    """

    __pydantic_config__ = _STRICT

    kind: Autoscaler
    metric: str | None = None
    target: int | None = None
    prometheus: str | None = None
    query: str | None = None

    def __post_init__(self) -> None:
        _one_of("the autoscaler", self.kind, get_args(Autoscaler))
        metrics = _METRICS.get(self.kind, ())
        if self.metric is not None and self.metric not in metrics:
            raise ManifestError(
                f"Expected {' or '.join(metrics) or 'no metric'} with the autoscaler {self.kind!r}"
                f"{', which takes a query' if self.kind == 'keda' else ''}. Received: the metric {self.metric!r}."
            )
        if self.kind == "keda" and not self.prometheus:
            raise ManifestError(
                "Expected the address of Prometheus: without a query to it KEDA has no trigger and never scales. "
                "Received: none. Name it, such as http://prometheus-operated.monitoring:9090."
            )
        if self.kind != "keda" and (self.prometheus or self.query):
            raise ManifestError(f"Expected a query with KEDA only. Received: one with the autoscaler {self.kind!r}.")
        if self.target is not None and (self.target < 1 or (self.kind == "hpa" and self.target > 100)):
            raise ManifestError(
                f"Expected a target of at least 1{', and of at most 100 per cent' if self.kind == 'hpa' else ''}. "
                f"Received: {self.target}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Logger:
    """Where requests and responses are sent (REST only, and responses of status 200 only).

    Args:
        url: string. Where KServe's agent sends them: a broker of events, or a bucket and folder (`s3://`, `gs://`,
            `abfs://`).
        mode: `"all"`, `"request"` or `"response"`.
        headers: tuple of strings. Request headers that the events carry, spelt as in `X-Request-Id`.
    """

    __pydantic_config__ = _STRICT

    url: str
    mode: str = "all"
    headers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """How a model is served, whichever it is.

    Args:
        mode: `"standard"` or `"knative"`, which has never run against Knative. Cannot change once the service exists.
        autoscaling: `Autoscaling`. Defaults to KPA in Knative and HPA in Standard mode.
        min_replicas: int. 0 scales to zero, in Knative mode and with KEDA. Defaults to 1.
        max_replicas: int.
        cloud: `"gke"`, `"eks"`, `"aks"` or `"none"`: whose node labels lead to a GPU.
        gpu: string. A kind of GPU such as `"l4"`, or `"any"`; None serves on CPUs.
        num_gpus: int. GPUs a pod.
        has_spare_gpu: bool. Whether a further pod fits while one is replaced. Without, Standard mode stops a pod before
            it starts the next; Knative always starts it first.
        runtime: `"yachay"`, or `"yachay-tf-serving"` (TF Serving: V1 only).
        cpu: string. CPUs that are requested.
        cpu_limit: string.
        memory: string. Requested, and the limit.
        service_account: string.
        timeout_seconds: int. Longest request.
        logger: `Logger`.
        components: tuple of `profile.Component`: what of `manifests/components` the service is given.
        args: tuple of strings. Further flags of the server, such as `"--prediction_log_drop=Gender"`.
        env: mapping of the server's environment variables.
        labels: mapping of further labels.
        predictor: mapping. Fields of KServe's predictor, laid over what is rendered, and then checked with it.
    """

    __pydantic_config__ = _STRICT

    mode: Mode = "standard"
    autoscaling: Autoscaling | None = None
    min_replicas: int = 1
    max_replicas: int = 4
    cloud: Cloud = "none"
    gpu: str | None = None
    num_gpus: int = 1
    has_spare_gpu: bool = True
    runtime: Runtime = "yachay"
    cpu: str = "2"
    cpu_limit: str = "4"
    memory: str = "4Gi"
    service_account: str = "yachay-model-reader"
    timeout_seconds: int = 60
    logger: Logger | None = None
    components: tuple[Component, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    predictor: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        _one_of("the mode", self.mode, get_args(Mode))
        _one_of("the cloud", self.cloud, get_args(Cloud))
        _one_of("the runtime", self.runtime, get_args(Runtime))
        if self.scaler.kind not in _AUTOSCALERS[self.mode]:
            raise ManifestError(
                f"Expected the autoscaler {' or '.join(_AUTOSCALERS[self.mode])} in {self.mode} mode. Received: "
                f"{self.scaler.kind!r}. Change the autoscaler or the mode."
            )
        if self.num_gpus < 1:
            raise ManifestError(f"Expected at least one GPU, or no kind of GPU. Received: {self.num_gpus}.")
        self.node_pool()
        self._check_components()

    def _check_components(self) -> None:
        for component in self.components:
            _one_of("each component", component, get_args(Component))
            if self.mode == "knative" and component in OF_STANDARD_MODE:
                raise ManifestError(
                    f"Expected the component {component!r} in standard mode only. Received: it in knative mode. "
                    f"{OF_STANDARD_MODE[component]}."
                )
        foreign = sorted({*self.components} - {*OF_EVERY_SERVER})
        if self.runtime == "yachay-tf-serving" and (foreign or self.args):
            raise ManifestError(
                f"Expected of components only {' and '.join(OF_EVERY_SERVER)} with yachay-tf-serving, and no flags. "
                f"Received: {', '.join([*foreign, *self.args])}. Take the runtime yachay."
            )
        if "client-certificates" in self.components and "tls" not in self.components:
            raise ManifestError("Expected the component 'tls' beside 'client-certificates'. Received: none. Add it.")
        if "availability" in self.components and self.min_replicas < MIN_AVAILABLE_REPLICAS:
            raise ManifestError(
                f"Expected min_replicas of at least {MIN_AVAILABLE_REPLICAS} with the component 'availability'. "
                f"Received: {self.min_replicas}. Raise it."
            )

    @property
    def scaler(self) -> Autoscaling:
        """The autoscaling that is given, else the mode's own."""
        return self.autoscaling or Autoscaling(kind="kpa" if self.mode == "knative" else "hpa")

    def node_pool(self) -> NodePool | None:
        """Returns the nodes with the GPU, or None for CPUs."""
        return None if self.gpu is None else find_node_pool(self.cloud, self.gpu)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Service(ServiceSettings):
    """An InferenceService.

    Args:
        name: string. Also the model's name in requests and metrics.
        namespace: string.
        model: `Model`. The one that is to serve.
        canary_percent: int. The share of requests that `model` gets while `previous` gets the rest.
        previous: `Model`. The one that serves until `model` is promoted.
        predictor_name: string. Standard mode: what the running Deployment's name adds to the service's. A service whose
            predictor changes its name without a canary is down until the new pods are ready.
    """

    name: str
    namespace: str
    model: Model
    canary_percent: int | None = None
    previous: Model | None = None
    predictor_name: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.canary_percent is None) != (self.previous is None):
            raise ManifestError(
                "Expected a canary's share of the requests beside the model that serves the rest. Received: "
                f"{'the share only' if self.previous is None else 'the previous model only'}. Name both or neither."
            )
        if self.canary_percent is not None and not 0 <= self.canary_percent <= 100:
            raise ManifestError(f"Expected a share of 0 to 100 per cent. Received: {self.canary_percent}.")
        if self.mode == "knative" and self.predictor_name is not None:
            raise ManifestError(
                f"Expected a predictor's name in standard mode only. Received: {self.predictor_name!r}. Leave it out."
            )
        if self.mode == "standard" and self.previous is not None and self.previous.version == self.model.version:
            raise ManifestError(
                f"Expected a canary of another version than what is running. Received: {self.model.version} for both."
            )

    @property
    def serving(self) -> Model:
        """The model that serves: `previous` until a canary is promoted."""
        return self.previous or self.model

    @property
    def canary_name(self) -> str:
        """What the name of a canary's Deployment adds to the service's; the running one may have had this version."""
        name = f"v{self.model.version}"
        return f"{name}-again" if name == self.predictor_name else name

    @property
    def num_pods(self) -> int:
        """How many pods `model` has at least: with a share of the requests that share of them, and one or more."""
        if self.canary_percent is None:
            return self.min_replicas
        return max(1, math.ceil(self.min_replicas * self.canary_percent / 100))

    def canary(self, model: Model, percent: int) -> Self:
        """Returns the service with a new model at a share of the requests, beside the one that serves."""
        return dataclasses.replace(self, model=model, previous=self.serving, canary_percent=percent)

    def promoted(self) -> Self:
        """Returns the service once its canary serves all requests."""
        name = self.canary_name if self.mode == "standard" else None
        return dataclasses.replace(self, previous=None, canary_percent=None, predictor_name=name)


def check_image(image: str) -> None:
    """Raises `ManifestError` unless an image is named by its digest."""
    if not _DIGEST.fullmatch(image):
        raise ManifestError(
            "Expected the image by digest, name@sha256:<64 hexadecimal digits>, so that every pod runs the same. "
            f"Received: {image!r}."
        )


def _one_of(what: str, value: str, values: tuple[str, ...]) -> None:
    if value not in values:
        raise ManifestError(
            f"Expected {what} to be one of {', '.join(values)}. Received: {value!r}.{suggestion(value, values)}"
        )
