"""A deployment that a pipeline is to make: everything but the model, which it makes itself."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from ..manifests.service import Model, Service
from .canary import CanarySettings

if TYPE_CHECKING:
    from ..model_store.golden import GoldenRequest
    from .call import Outcome, Progress
    from .cluster import Cluster


@dataclasses.dataclass(frozen=True)
class Order:
    """A deployment to come.

    Args:
        service: `Service`; before `carry_out` its model only lends its image.
        canary: `CanarySettings`.
    """

    service: Service
    canary: CanarySettings

    def to_json(self) -> str:
        """Returns the order as JSON."""
        return json.dumps(
            {"service": dataclasses.asdict(self.service), "canary": self.canary.model_dump()}, sort_keys=True
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Returns the order of `to_json`."""
        from .record import service_from_json

        fields = json.loads(text)
        return cls(service_from_json(fields["service"]), CanarySettings(**fields["canary"]))

    def carry_out(
        self,
        storage_uri: str,
        content_hash: str,
        trained_uri: str,
        golden: "Sequence[GoldenRequest]",
        progress: "Progress",
    ) -> "Outcome":
        """Deploys a pushed model.

        Args:
            storage_uri: string. The push.
            content_hash: string.
            trained_uri: string. The model as the Trainer left it.
            golden: sequence of `GoldenRequest` of the push; empty where it has none.
            progress: function of one string. Called with what happens.

        Raises:
            UsageError: if the deployment is invalid, or there is no cluster.
            ClusterError: if the API rejects the request or does not respond.
            MonitoringError: if Prometheus does not respond at the start.
        """
        model = Model(
            storage_uri=storage_uri,
            content_hash=content_hash,
            trained_uri=trained_uri,
            image=self.service.model.image,
        )
        return dataclasses.replace(self, service=dataclasses.replace(self.service, model=model)).run(
            progress, golden=lambda: golden
        )

    def check(self, cluster: "Cluster") -> None:
        """Checks what can be known before another process deploys.

        Raises:
            UsageError: if it is invalid, or another call is at work.
            ManifestError: if the service cannot be served like this.
            ClusterError: if the API rejects the request or does not respond.
        """
        from ..manifests.render import render
        from .lease import Lease
        from .rollout import check_steps

        check_steps(self.canary, bool(self.canary.prometheus))
        render(self.service)
        lease = Lease(cluster, self.service.name, "")
        held = lease.holder()
        if held is not None:
            raise lease.is_held_by(held)

    def run(
        self,
        progress: "Progress",
        *,
        context: str | None = None,
        is_forced: bool = False,
        wait_seconds: float = 0.0,
        golden: "Callable[[], Sequence[GoldenRequest]]",
    ) -> "Outcome":
        """Deploys the model of `service`.

        Args:
            progress: function of one string. Called with what happens.
            context: string or None. Context of the kubeconfig.
            is_forced: bool. Whether to take over fields that another manager of the cluster set. Defaults to False.
            wait_seconds: float. How long to wait for another call that is at work. Defaults to 0.
            golden: function that returns the `GoldenRequest`s of the push, none where it has none. Called once the
                rollout may begin.

        Raises:
            UsageError: if the deployment is invalid, or there is no cluster.
            ClusterError: if the API rejects the request or does not respond.
            MonitoringError: if Prometheus does not respond at the start.
        """
        # Imported where a model is deployed: they take a second, and every pipeline may have an order.
        from .cluster import Cluster
        from .delivery import apply_runtime
        from .prometheus import Prometheus
        from .rollout import deploy

        cluster = Cluster.connect(self.service.namespace or None, context)
        service = dataclasses.replace(self.service, namespace=cluster.namespace)
        monitor = Prometheus.connect(self.canary.prometheus, self.canary.labels)
        apply_runtime(cluster, service, progress, is_forced=is_forced)
        return deploy(
            cluster,
            service,
            self.canary,
            monitor,
            progress,
            is_forced=is_forced,
            wait_seconds=wait_seconds,
            golden=golden(),
        )
