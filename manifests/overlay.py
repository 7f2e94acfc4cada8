"""An overlay of a service, written beside the trees that it is put together of: what `yachay manifests` writes."""

import dataclasses
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from ..errors import suggestion
from ..files import write_atomically
from .errors import ManifestError
from .profile import MIN_AVAILABLE_REPLICAS, OF_STANDARD_MODE, Component
from .render import API_VERSION, inference_service, to_yaml
from .service import Autoscaling, Service

Environment: TypeAlias = Literal["dev", "staging", "production"]
Json: TypeAlias = dict[str, Any]

TREES = ("base", "service", "components")
CHOICES = ("broker", "jwt-envoy", "store-in-cloud", "store-in-cluster", "monitoring", "pipeline-runner", "rollout-job")
"""Components that change nothing of the InferenceService."""

_STORES = ("store-in-cloud", "store-in-cluster")
_PRESETS: Mapping[str, tuple[str, ...]] = {
    "dev": ("store-in-cloud", "pipeline-runner", "page"),
    "staging": ("store-in-cloud", "monitoring", "pipeline-runner", "token"),
    "production": ("store-in-cloud", "monitoring", "pipeline-runner", "token", "availability"),
}
# What components/keda asks.
PROMETHEUS = "http://prometheus-operated.monitoring:9090"


def make_overlay(
    service: Service,
    environment: Environment,
    added: Sequence[str] = (),
    left_out: Sequence[str] = (),
    has_egress: bool = False,
) -> tuple[Service, list[str]]:
    """Returns the service with what its environment gives it, and the names of its overlay's components in their order.

    Args:
        service: `Service`.
        environment: `"dev"` (the page, no token), `"staging"` (a token, monitoring) or `"production"` (as staging, and
            two pods or more, in Standard mode in different zones).
        added: sequence of names of further components. Defaults to none.
        left_out: sequence of names of components of the environment to leave out. Defaults to none.
        has_egress: bool. Whether the store's addresses are named. Defaults to False.

    Raises:
        ManifestError: if there is no such component, or they do not fit together.
    """
    for name in (*added, *left_out):
        if name not in (*CHOICES, *get_args(Component)):
            known = (*CHOICES, *get_args(Component))
            raise ManifestError(
                f"Expected a component: {', '.join(known)}. Received: {name!r}.{suggestion(name, known)}"
            )
    preset = [name for name in _PRESETS[environment] if service.mode == "standard" or name not in OF_STANDARD_MODE]
    if service.runtime != "yachay":
        preset = [name for name in preset if name not in ("token", "page")]
    if has_egress or any(name in _STORES for name in added):
        preset = [name for name in preset if name not in _STORES]
    if "jwt-envoy" in added:
        preset = [name for name in preset if name != "token"]
    wanted = {*preset, *service.components, *added} - {*left_out}
    if {"jwt-envoy", "token"} <= wanted:
        raise ManifestError(
            "Expected one of the components 'jwt-envoy' and 'token', for both read the header `authorization`. "
            "Received: both. Leave one out."
        )
    least = MIN_AVAILABLE_REPLICAS if environment == "production" else service.min_replicas
    # The order of the definition: client-certificates extend tls, and both change the monitors.
    given = tuple(name for name in get_args(Component) if name in wanted)
    chosen = dataclasses.replace(
        service,
        components=given,
        min_replicas=max(least, service.min_replicas),
        max_replicas=max(least, service.max_replicas),
    )
    scaler = [service.scaler.kind] if service.scaler.kind in ("hpa", "keda") else []
    server = ["tf-serving"] if service.runtime == "yachay-tf-serving" else []
    others = [name for name in CHOICES if name in wanted]
    return chosen, [service.mode, *scaler, *server, *others, *given, "model"]


def write_overlay(
    service: Service, components: Sequence[str], environment: Environment, folder: Path, egress: Sequence[str] = ()
) -> list[Path]:
    """Writes an overlay and the trees that it names, and returns the paths of the overlay's own files.

    Args:
        service: `Service`, and
        components: sequence of names, of `make_overlay`.
        environment: `Environment`: the overlay's name.
        folder: path. `base`, `service` and `components` in it are replaced, `overlays/<environment>` is written.
        egress: sequence of CIDRs. Where the store is; none leaves it to a component. Defaults to none.

    Raises:
        ManifestError: if KServe would reject the service.
    """
    for tree in TREES:
        _copy(resources.files(__package__).joinpath(tree), folder / tree)
    files = {"model.yaml": _model(service)}
    if egress:
        files["network-policy.yaml"] = _policy(egress)
    kustomization: Json = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": service.namespace,
        "resources": ["../../base", "../../service", *files],
        "components": [f"../../components/{name}" for name in components],
    }
    patch = _patch(service)
    if patch:
        # Kustomize wants the kind and a name in a patch, and takes no heed of the name beside a target.
        head = {"apiVersion": API_VERSION, "kind": "InferenceService", "metadata": {"name": "any"}}
        files["service.yaml"] = head | patch | {"metadata": patch.get("metadata", {}) | head["metadata"]}
        kustomization["patches"] = [{"path": "service.yaml", "target": {"kind": "InferenceService"}}]
    files["kustomization.yaml"] = kustomization
    own = folder / "overlays" / environment
    own.mkdir(parents=True, exist_ok=True)
    for name, document in files.items():
        write_atomically(own / name, to_yaml([document]))
    return [own / name for name in sorted(files)]


def _model(service: Service) -> Json:
    model = service.model
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "model", "annotations": {"config.kubernetes.io/local-config": "true"}},
        "data": {
            "name": service.name,
            "namespace": service.namespace,
            "storage-uri": model.storage_uri,
            "content-hash": model.content_hash,
            "model-uri": model.trained_uri,
            "image": model.image,
        },
    }


def _policy(egress: Sequence[str]) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "yachay-to-store"},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "yachay", "component": "predictor"}},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"ipBlock": {"cidr": cidr}} for cidr in egress],
                    "ports": [{"protocol": "TCP", "port": 443}],
                }
            ],
        },
    }


def _patch(service: Service) -> Json:
    """Returns what the trees do not give the service, as a JSON merge patch (RFC 7386), empty for nothing."""
    scaler = service.scaler.kind
    plain = Service(
        name=service.name,
        namespace=service.namespace,
        model=service.model,
        mode=service.mode,
        runtime=service.runtime,
        components=service.components,
        autoscaling=Autoscaling(kind=scaler, prometheus=PROMETHEUS if scaler == "keda" else None),
        min_replicas=MIN_AVAILABLE_REPLICAS if "availability" in service.components else 1,
    )
    return _difference(inference_service(plain), inference_service(service))


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """Returns the merge patch that makes `new` of `old`."""
    patch: Json = {name: None for name in old if name not in new}
    for name, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(name), dict):
            inner = _difference(old[name], value)
            patch |= {name: inner} if inner else {}
        elif name not in old or old[name] != value:
            patch[name] = value
    return patch


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            write_atomically(target / entry.name, entry.read_text(encoding="utf-8"))
