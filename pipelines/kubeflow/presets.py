"""GPU node pools as the clouds set them up.

A cluster's administrator may label and taint otherwise; then name the node selector and the tolerations instead.
"""

from collections.abc import Mapping

from .settings import Accelerator, Resources, Toleration

_GPU_TAINT = Toleration(key="nvidia.com/gpu", effect="NoSchedule")


def _pool(selector: Mapping[str, str], *tolerations: Toleration) -> Resources:
    return Resources(accelerator=Accelerator(), node_selector=dict(selector), tolerations=[_GPU_TAINT, *tolerations])


_GKE_ACCELERATORS = {
    "t4": "nvidia-tesla-t4",
    "v100": "nvidia-tesla-v100",
    "l4": "nvidia-l4",
    "a100": "nvidia-tesla-a100",
    "a100-80gb": "nvidia-a100-80gb",
    "h100": "nvidia-h100-80gb",
}
_EKS_GPUS = ("t4", "a10g", "l4", "l40s", "a100", "h100")

PRESETS: Mapping[str, Resources] = {
    **{f"gke-{gpu}": _pool({"cloud.google.com/gke-accelerator": label}) for gpu, label in _GKE_ACCELERATORS.items()},
    # Managed node groups: the device alone leads to the node.
    "eks": _pool({}),
    **{f"eks-auto-{gpu}": _pool({"eks.amazonaws.com/instance-gpu-name": gpu}) for gpu in _EKS_GPUS},
    "aks": _pool(
        {"kubernetes.azure.com/accelerator": "nvidia"},
        Toleration(key="sku", operator="Equal", value="gpu", effect="NoSchedule"),
    ),
}
