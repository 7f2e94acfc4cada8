"""The section `deploy` of a configuration: how a pushed model is served by KServe."""

import dataclasses

from ..manifests.errors import ManifestError
from ..manifests.service import Model, Service, ServiceSettings, check_image
from ..manifests.storage import pushed_version
from ..model_store.layout import push_name
from .canary import CanarySettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploySettings(ServiceSettings):
    """How a pushed model is served, and whether a run deploys it; see also `manifests.service.ServiceSettings`.

    Args:
        from_pipeline: bool. Whether a run deploys what it pushes.
        service: string. The InferenceService's name; empty takes the pipeline's and the task's.
        namespace: string. Empty takes that of the cluster's context.
        image: string. The server's image by digest.
        canary: `CanarySettings`.
    """

    from_pipeline: bool = False
    service: str = ""
    namespace: str = ""
    image: str = ""
    canary: CanarySettings = dataclasses.field(default_factory=CanarySettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image:
            check_image(self.image)
        elif self.from_pipeline:
            raise ManifestError("expected `image`, the server's image by digest, with `from_pipeline`")

    def check_store(self, store: str) -> None:
        """Checks that KServe can fetch what is pushed to a store.

        Raises:
            ValueError: if it cannot.
        """
        try:
            pushed_version(f"{store}/{push_name(1)}")
        except ManifestError:
            raise ValueError(
                "deploy.from_pipeline: expected `push.store` to be a place that KServe fetches models from, such as "
                f"s3://bucket/models, received {store!r}"
            ) from None

    def to_service(self, name: str, namespace: str, model: Model) -> Service:
        """Returns the service of a model.

        Args:
            name: string. Taken where `service` is empty.
            namespace: string. Taken where `namespace` is empty.
            model: `Model`.

        Raises:
            ManifestError: if it cannot be served like this.
        """
        same = {field.name: getattr(self, field.name) for field in dataclasses.fields(ServiceSettings)}
        return Service(name=self.service or name, namespace=self.namespace or namespace, model=model, **same)


ANY_MODEL = Model(
    storage_uri="gs://any/push-1", content_hash="0" * 64, trained_uri="any", image="any@sha256:" + "0" * 64
)
