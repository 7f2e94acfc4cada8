"""What KServe leaves behind of versions that a service no longer has."""

from ..manifests.service import Service
from .cluster import HORIZONTAL_POD_AUTOSCALER, INFERENCE_SERVICE, Cluster
from .errors import ClusterError
from .pods import SERVICE_LABEL
from .readiness import deployment_name


def remove_autoscalers(cluster: Cluster, service: Service) -> str:
    """Removes the autoscalers of Deployments that KServe has removed, and returns why not where it could not.

    KServe makes one for each version in Standard mode, owned by the InferenceService, and none goes with its
    Deployment.

    Args:
        cluster: `Cluster`.
        service: `Service` with one model, which has all requests.
    """
    if service.mode != "standard":
        return ""
    try:
        live = cluster.get(INFERENCE_SERVICE, service.name)
        owner = live["metadata"].get("uid") if live else None
        for scaler in cluster.find(HORIZONTAL_POD_AUTOSCALER, SERVICE_LABEL, service.name):
            is_of_service = any(one.get("uid") == owner for one in scaler["metadata"].get("ownerReferences", ()))
            if is_of_service and scaler["spec"]["scaleTargetRef"]["name"] != deployment_name(service):
                cluster.delete(HORIZONTAL_POD_AUTOSCALER, scaler)
    except ClusterError as error:
        return f"autoscalers of earlier versions are left: {error}"
    return ""
