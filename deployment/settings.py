"""The section `deploy` of a configuration: how a pushed model is served by KServe."""

import dataclasses
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..manifests.errors import ManifestError
from ..manifests.service import Model, Service, ServiceSettings, check_image
from ..manifests.storage import pushed_version
from ..model_store.layout import push_name
from .plan import Limits, Plan


class CanarySettings(BaseModel):
    """How a new model gets the requests, and by what it is judged.

    Args:
        steps: list of ints. Ascending shares in per cent, the last 100.
        prometheus: string. Address of Prometheus; needed for steps below 100.
        labels: dict. Labels that its metrics must have, such as `namespace` where it sees several.
        bake_minutes: float. How long each share is watched.
        ready_minutes: float. How long new pods may take.
        poll_seconds: float. Pause between two looks at the pods and at Prometheus.
        max_error_rate: float. Share of requests whose response is 5xx.
        max_p99_ms: float. 99th percentile of the latency.
        max_stability_index: float. Population stability index of the predicted classes.
        min_requests: int. Requests to the candidate without which it is not judged, and rolled back in the end.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: list[int] = [10, 50, 100]
    prometheus: str = ""
    labels: dict[str, str] = {}
    bake_minutes: Annotated[float, Field(gt=0)] = 5.0
    ready_minutes: Annotated[float, Field(gt=0)] = 20.0
    poll_seconds: Annotated[float, Field(gt=0)] = 5.0
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
    max_p99_ms: Annotated[float, Field(gt=0)] = 500.0
    max_stability_index: Annotated[float, Field(gt=0)] = 0.25
    min_requests: Annotated[int, Field(ge=1)] = 50

    @model_validator(mode="after")
    def _makes_a_plan(self) -> Self:
        self.plan()
        return self

    def plan(self, *, is_forced: bool = False) -> Plan:
        """Returns the plan of a rollout."""
        limits = Limits(self.max_error_rate, self.max_p99_ms / 1000, self.max_stability_index, self.min_requests)
        return Plan(
            steps=tuple(self.steps),
            bake_seconds=self.bake_minutes * 60,
            ready_seconds=self.ready_minutes * 60,
            poll_seconds=self.poll_seconds,
            limits=limits,
            is_forced=is_forced,
        )


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
