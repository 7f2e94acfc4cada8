"""The model store of a compiled pipeline: what its Pusher's step can open."""

from ....errors import CompileError
from ....model_store.location import is_shared
from ...config.kubeflow_settings import Resources
from ...config.pipeline_config import PipelineConfig


def check_model_store(config: PipelineConfig, pusher: str) -> None:
    """Checks that the step that pushes can open its model store.

    Args:
        config: `PipelineConfig`.
        pusher: string. Id of the node that pushes.

    Raises:
        CompileError: if it cannot.
    """
    store, kubeflow = config.push.store, config.kubeflow
    if not store:
        return
    if not is_shared(store):
        raise CompileError(
            "Expected push.store to be gs://, s3://, minio:// or pvc://, which outlive a step's pod. "
            f"Received: {store!r}. Name such a store, or none: models then lie with the run."
        )
    is_own_root = kubeflow.pipeline_root.startswith("minio://") or not kubeflow.pipeline_root
    if store.startswith("s3://") and kubeflow.store is None and is_own_root and not config.push.endpoint_url:
        raise CompileError(
            f"Expected kubeflow.store to say with which address and credentials the Pusher's step opens {store}. "
            "Received: none, which stands for the store that Kubeflow Pipelines installs. Fill it in, or write "
            "minio:// for that store."
        )
    if store.startswith("pvc://") and not _is_mounted(config, pusher, store.removeprefix("pvc://").partition("/")[0]):
        raise CompileError(
            f"Expected the Pusher's step to mount the whole claim of {store} at push.mount. Received: no such volume. "
            f"Add it to kubeflow.resources.{pusher}.volumes."
        )


def _is_mounted(config: PipelineConfig, pusher: str, claim: str) -> bool:
    asked = config.kubeflow.resources
    own, default = asked.get(pusher, Resources()), asked.get("default", Resources())
    volumes = own.volumes if "volumes" in own.model_fields_set else default.volumes
    return any(
        volume.name == claim and volume.mount_path.rstrip("/") == config.push.mount.rstrip("/") and not volume.sub_path
        for volume in volumes
    )
