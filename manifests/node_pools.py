"""GPU node pools as the clouds set them up.

Sources: GKE and EKS Auto Mode label their nodes by the GPU (`cloud.google.com/gke-accelerator`,
`eks.amazonaws.com/instance-gpu-name`), Karpenter by `karpenter.k8s.aws/instance-gpu-name`; AKS only says that there is
one (`kubernetes.azure.com/accelerator: nvidia`), so that the kind is known by the size of the machine. GKE taints such
nodes with `nvidia.com/gpu`; on the others it is a convention, and `sku=gpu` that of AKS's documentation. A cluster's
administrator may label and taint otherwise.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..errors import suggestion
from .errors import ManifestError

GPU_RESOURCE = "nvidia.com/gpu"

_NVIDIA_TAINT = {"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}
_AKS_TAINT = {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}


@dataclasses.dataclass(frozen=True)
class NodePool:
    """Nodes with a GPU.

    Args:
        labels: mapping of node label to the values of which a node must have one. Empty: the GPU that a pod asks for
            leads to the node by itself.
        tolerations: tuple of Kubernetes tolerations.
    """

    labels: Mapping[str, tuple[str, ...]]
    tolerations: tuple[Mapping[str, str], ...] = (_NVIDIA_TAINT,)

    def placement(self) -> dict[str, Any]:
        """Returns the fields of a pod that lead to these nodes: `nodeSelector`, `affinity`, `tolerations`."""
        placement: dict[str, Any] = {"tolerations": [dict(toleration) for toleration in self.tolerations]}
        selector = {label: values[0] for label, values in self.labels.items() if len(values) == 1}
        if selector:
            placement["nodeSelector"] = selector
        choices = [
            {"key": label, "operator": "In", "values": list(values)}
            for label, values in self.labels.items()
            if len(values) > 1
        ]
        if choices:
            terms = {"nodeSelectorTerms": [{"matchExpressions": choices}]}
            placement["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
        return placement


_GKE_ACCELERATORS = {
    "t4": "nvidia-tesla-t4",
    "v100": "nvidia-tesla-v100",
    "l4": "nvidia-l4",
    "a100": "nvidia-tesla-a100",
    "a100-80gb": "nvidia-a100-80gb",
    "h100": "nvidia-h100-80gb",
}
_EKS_GPUS = ("t4", "a10g", "l4", "l40s", "a100", "h100")
_AKS_SIZES = {
    "t4": ("Standard_NC4as_T4_v3", "Standard_NC8as_T4_v3", "Standard_NC16as_T4_v3", "Standard_NC64as_T4_v3"),
    "a100": ("Standard_NC24ads_A100_v4", "Standard_NC48ads_A100_v4", "Standard_NC96ads_A100_v4"),
    "h100": ("Standard_NC40ads_H100_v5", "Standard_NC80adis_H100_v5"),
}


def _aks(sizes: tuple[str, ...] = ()) -> NodePool:
    labels: dict[str, tuple[str, ...]] = {"kubernetes.azure.com/accelerator": ("nvidia",)}
    if sizes:
        labels["node.kubernetes.io/instance-type"] = sizes
    return NodePool(labels, (_NVIDIA_TAINT, _AKS_TAINT))


NODE_POOLS: Mapping[str, NodePool] = {
    **{
        f"gke-{gpu}": NodePool({"cloud.google.com/gke-accelerator": (label,)})
        for gpu, label in _GKE_ACCELERATORS.items()
    },
    # Managed node groups: the device alone leads to the node.
    "eks": NodePool({}),
    **{f"eks-auto-{gpu}": NodePool({"eks.amazonaws.com/instance-gpu-name": (gpu,)}) for gpu in _EKS_GPUS},
    **{f"eks-karpenter-{gpu}": NodePool({"karpenter.k8s.aws/instance-gpu-name": (gpu,)}) for gpu in _EKS_GPUS},
    "aks": _aks(),
    **{f"aks-{gpu}": _aks(sizes) for gpu, sizes in _AKS_SIZES.items()},
}

_ANY = NodePool({})
_GPU_PREFIXES = {"gke": "gke-", "eks": "eks-auto-", "aks": "aks-"}


def find_node_pool(cloud: str, gpu: str) -> NodePool:
    """Returns the nodes of a cloud with a GPU.

    Args:
        cloud: `"gke"`, `"eks"`, `"aks"` or `"none"`.
        gpu: string. The kind of GPU, such as `"l4"`, or what follows the cloud's name in `NODE_POOLS`, such as
            `"karpenter-l4"`; `"any"` for whichever there is.

    Raises:
        ManifestError: if the cloud is not known to have such nodes.
    """
    name = gpu.lower()
    if name == "any":
        return NODE_POOLS.get(cloud, _ANY)
    if cloud == "none":
        raise ManifestError(
            f"Expected a cloud (gke, eks or aks) beside the GPU, for its nodes are labelled by the cloud. Received: "
            f"{gpu!r} and the cloud 'none'. Name the cloud, or take the GPU 'any'."
        )
    for pool in (f"{_GPU_PREFIXES[cloud]}{name}", f"{cloud}-{name}"):
        if pool in NODE_POOLS:
            return NODE_POOLS[pool]
    known = [pool.removeprefix(f"{cloud}-") for pool in NODE_POOLS if pool.startswith(f"{cloud}-")]
    raise ManifestError(
        f"Expected a GPU that {cloud} has ({', '.join(known)} or any). Received: {gpu!r}.{suggestion(gpu, known)}"
    )
