"""Names and quantities as Kubernetes takes them: the types of fields that hold one, so that a wrong one fails here.

Kubernetes checks them when a pod is made, which on Kubeflow Pipelines is after the steps before it have run.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?", re.ASCII)
_WORD = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_SUBDOMAIN = r"(?=.{1,253}(?:/|$))[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
_QUANTITY = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][0-9]+|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")


def is_image(name: str) -> bool:
    """Returns whether a string names a container image: `[host/]name[:tag][@sha256:digest]`, the name in lower case."""
    return _IMAGE.fullmatch(name) is not None


def parse_quantity(quantity: str) -> Decimal:
    """Returns a Kubernetes quantity, such as `500m` or `2Gi`, as a number."""
    # Imported here: it takes as long as all else that a configuration needs.
    from kubernetes.utils import quantity as quantities

    number: Decimal = quantities.parse_quantity(quantity)
    return number


def _matching(pattern: str, expected: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"expected {expected}")
        return text

    return check


def _check_image(name: str) -> str:
    if not is_image(name):
        raise ValueError("expected an image such as registry.example/yachay:1, its name in lower case")
    return name


def _check_quantity(text: str) -> str:
    if not _QUANTITY.fullmatch(text) or parse_quantity(text) <= 0:
        raise ValueError("expected a Kubernetes quantity above 0, such as 2, 500m, 1.5G or 4Gi")
    return text


Image = Annotated[str, AfterValidator(_check_image)]
Quantity = Annotated[str, AfterValidator(_check_quantity)]
LabelKey = Annotated[
    str,
    AfterValidator(
        _matching(
            rf"(?:{_SUBDOMAIN}/)?{_WORD}",
            "a Kubernetes key such as team or example.com/team: letters, digits, '-', '_' and '.', 63 at most",
        )
    ),
]
LabelValue = Annotated[
    str,
    AfterValidator(
        _matching(
            rf"(?:{_WORD})?",
            "a label's value: letters, digits, '-', '_' and '.', 63 at most, with a letter or digit at both ends",
        )
    ),
]
ObjectName = Annotated[
    str,
    AfterValidator(_matching(_SUBDOMAIN, "the name of a Kubernetes object: lower-case letters, digits, '-' and '.'")),
]
ResourceName = Annotated[
    str,
    AfterValidator(
        _matching(
            rf"{_SUBDOMAIN}/{_WORD}",
            "the Kubernetes resource that the device's plug-in offers, such as nvidia.com/gpu or amd.com/gpu; which "
            "model it is, is chosen by preset or node_selector",
        )
    ),
]
SecretKey = Annotated[str, AfterValidator(_matching(r"[-._A-Za-z0-9]{1,253}", "a key of a secret: A-Z a-z 0-9 - _ ."))]
EnvName = Annotated[
    str, AfterValidator(_matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable: A-Z a-z 0-9 _"))
]
MountPath = Annotated[str, Field(pattern=r"^/.+")]
