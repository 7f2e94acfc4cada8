"""Opens the registry that a configuration names."""

from .registry import Registry
from .settings import RegistrySettings


def open_registry(settings: RegistrySettings, tracking_uri: str) -> Registry | None:
    """Returns the registry of a configuration, or None where the model store stands alone.

    Args:
        settings: `RegistrySettings`.
        tracking_uri: string. Address of the tracking server; empty where there is none.

    Raises:
        TrackingError: if it cannot be reached.
    """
    if settings.kind == "kubeflow":
        from .kubeflow_registry import KubeflowRegistry

        return KubeflowRegistry(settings.uri)
    uri = settings.uri or tracking_uri
    if settings.kind == "none" or not uri:
        return None
    from .mlflow_registry import MlflowRegistry

    return MlflowRegistry(uri)
