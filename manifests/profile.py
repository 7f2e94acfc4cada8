"""What a service may be given beside its model, one component each, from files that kustomize and `render` both read.

A component `components/<name>/service.yaml` is a JSON patch (RFC 6902) of the InferenceService, of `add` alone.
"""

import copy
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeAlias

import yaml

Component: TypeAlias = Literal[
    "token",
    "tls",
    "client-certificates",
    "trusted-key",
    "prediction-log",
    "tracing",
    "page",
    "ca-bundle",
    "availability",
]

OF_STANDARD_MODE: Mapping[str, str] = {
    "tls": "Knative's queue-proxy speaks plaintext to the server, in the same pod: take a mesh",
    "client-certificates": "Knative's queue-proxy has no certificate to show: take a mesh",
    "availability": "Knative rejects topologySpreadConstraints unless kubernetes.podspec-topologyspreadconstraints is "
    "enabled: name them in `predictor`",
}
OF_EVERY_SERVER = ("ca-bundle", "availability")
MIN_AVAILABLE_REPLICAS = 2


def add_components(predictor: dict[str, Any], components: Sequence[str]) -> None:
    """Adds what components give to a predictor, in their order.

    Args:
        predictor: dict. Of an InferenceService; its `model` is changed too.
        components: sequence of `Component`.
    """
    for component in components:
        for operation in _operations(component):
            *folders, field, last = operation["path"].removeprefix("/spec/").split("/")
            value = copy.deepcopy(operation["value"])
            place: Any = {"predictor": predictor}
            for folder in folders:
                place = place[folder]
            if last == "-":
                place.setdefault(field, []).append(value)
            else:
                place[field][last] = value


@cache
def _operations(component: str) -> list[dict[str, Any]]:
    path = resources.files(__package__).joinpath("components", component, "service.yaml")
    operations: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return operations
