"""The pods of one model version, asked whatever its share of the requests is."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

import httpx

from ..manifests.service import Service
from .cluster import INFERENCE_SERVICE, Cluster
from .errors import ClusterError
from .prometheus import Traffic

SERVING_TOKEN = "YACHAY_SERVING_TOKEN"
"""The variable with the token of servers that ask for one."""
TIMEOUT_SECONDS = 30.0

_IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclasses.dataclass(frozen=True)
class Backend:
    """The Kubernetes Service in front of the pods of a version.

    A pod of the cluster asks it directly, anyone else through the Kubernetes API (`services/proxy`), which takes a
    server's token for its own: a server that asks for one can be asked from a pod only.

    Args:
        cluster: `Cluster`.
        name: string. To which the gateway sends the version's requests.
        proxied_name: string. The one that has the pods themselves as endpoints.
    """

    cluster: Cluster
    name: str
    proxied_name: str

    @property
    def url(self) -> str:
        """Its address, for a client with its `transport`."""
        return f"http://{self.name}.{self.cluster.namespace}.svc.cluster.local"

    @property
    def headers(self) -> Mapping[str, str]:
        """What its servers want to know of who asks."""
        token = os.environ.get(SERVING_TOKEN)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def transport(self) -> httpx.BaseTransport:
        """Returns the way to it."""
        return httpx.HTTPTransport() if _IN_POD.exists() else _ThroughApi(self.cluster, self.proxied_name)

    def status(self, model_name: str) -> int:
        """Returns the HTTP status with which it says whether it is ready.

        Raises:
            httpx.TransportError: if it cannot be reached.
        """
        with httpx.Client(transport=self.transport(), headers=self.headers, timeout=TIMEOUT_SECONDS) as client:
            return client.get(f"{self.url}/v2/models/{model_name}/ready").status_code


def backends(cluster: Cluster, service: Service) -> tuple[Backend, Backend]:
    """Returns those of a candidate and of the serving version; of a service without candidate both are its own.

    Args:
        cluster: `Cluster`.
        service: `Service` whose pods are ready.

    Raises:
        ClusterError: if the API rejects the request or does not respond.
    """
    if service.mode == "standard":
        stable = f"{service.name}-{service.predictor_name}" if service.predictor_name else service.name
        new = f"{service.name}-{service.canary_name}" if service.previous is not None else stable
        names = [f"{name}-predictor" for name in (new, stable)]
        return Backend(cluster, names[0], names[0]), Backend(cluster, names[1], names[1])
    status = (cluster.get(INFERENCE_SERVICE, service.name) or {}).get("status", {})
    part = status.get("components", {}).get("predictor", {})
    latest = part.get("latestReadyRevision", "")
    stable = part.get("latestRolledoutRevision", latest) if service.previous is not None else latest
    # A revision's own Service may lead to Knative's activator, which goes by headers that the API does not send.
    return Backend(cluster, latest, f"{latest}-private"), Backend(cluster, stable, f"{stable}-private")


class Probes:
    """Whether the pods of two versions respond, asked at the same times.

    Args:
        versions: pair of `Backend`: of the candidate, of the serving version.
        model_name: string.
    """

    def __init__(self, versions: tuple[Backend, Backend], model_name: str) -> None:
        self._versions = versions
        self._model_name = model_name
        self._asked = 0
        self._failed = [0, 0]
        self.obstacle = ""
        try:
            status = versions[1].status(model_name)
        except httpx.TransportError as error:
            self.obstacle = str(error)
        else:
            if status >= 400:
                self.obstacle = f"{versions[1].name} responds with status {status}"

    def ask(self) -> None:
        """Asks both, unless the serving version could not be reached at the start."""
        if not self.obstacle:
            self._asked += 1
            for index, version in enumerate(self._versions):
                self._failed[index] += self._has_failed(version)

    def add_to(self, traffic: Traffic, index: int) -> Traffic:
        """Returns the traffic of a version, 0 for the candidate and 1 for the serving one, with its probes."""
        return dataclasses.replace(traffic, probes=self._asked, probes_failed=self._failed[index])

    def _has_failed(self, version: Backend) -> bool:
        try:
            return version.status(self._model_name) >= 500
        except httpx.TransportError:
            return True


class _ThroughApi(httpx.BaseTransport):
    """Sends requests to a Kubernetes Service through the API."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.read() or b"null")
        try:
            status, content = self._cluster.ask(self._name, request.method, request.url.path, body)
        except ClusterError as error:
            raise httpx.ConnectError(str(error), request=request) from None
        if status != 200 and _is_of_api(content):
            raise httpx.ConnectError(f"{status} {json.loads(content).get('message', '')}", request=request)
        return httpx.Response(status, content=content)


def _is_of_api(content: bytes) -> bool:
    """Returns whether a response is the API's own: no right to ask, no such Service, no pod behind it."""
    try:
        document = json.loads(content)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("kind") == "Status"
