"""The servers of one model version, asked whatever its share of the requests is."""

import abc
import dataclasses
import json
import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from ..manifests.keys import DEPLOYMENT_MODE
from ..manifests.service import Service
from .authorities import verification
from .cluster import INFERENCE_SERVICE, Cluster, Document
from .errors import ClusterError
from .prometheus import Traffic

SERVING_TOKEN = "YACHAY_SERVING_TOKEN"
"""The variable with the token of servers that ask for one."""
SERVING_AUTHORITY = "YACHAY_SERVING_CA"
"""The variable with the file of the authority of servers that speak TLS; else that of further ones is taken."""
SERVER_NAME = "yachay-predictor"
"""The name for which the certificate of the component `tls` is."""
TIMEOUT_SECONDS = 30.0

_TLS_FLAG = "--ssl_certfile"
_IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class Target(abc.ABC):
    """Servers of one model version, as they can be asked."""

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """Its address, for a client with its `transport`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What its servers want to know of who asks."""
        token = os.environ.get(SERVING_TOKEN)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def transport(self) -> httpx.BaseTransport:
        """Returns the way to it.

        Raises:
            UsageError: if the file of authorities that the environment names cannot be read.
        """
        return httpx.HTTPTransport(verify=verification())

    def status(self, model_name: str) -> int:
        """Returns the HTTP status with which it says whether it is ready.

        Raises:
            httpx.ProxyError: if it cannot be asked from here.
            httpx.TransportError: if it cannot be reached just now.
        """
        with self.client() as client:
            return client.get(f"{self.url}/v2/models/{model_name}/ready").status_code

    def predict_status(self, model_name: str, row: Mapping[str, Any]) -> int:
        """Returns the HTTP status of a prediction for one row; raises as `status`."""
        with self.client() as client:
            return client.post(f"{self.url}/v1/models/{model_name}:predict", json={"instances": [row]}).status_code

    def client(self) -> httpx.Client:
        """Returns a client for it."""
        return httpx.Client(transport=self.transport(), headers=self.headers, timeout=TIMEOUT_SECONDS)


@dataclasses.dataclass(frozen=True)
class Address(Target):
    """Servers behind a URL.

    Args:
        address: string. Such as `http://127.0.0.1:8080`.
        host: string or None. The header `Host`, for a gateway's address.
    """

    address: str
    host: str | None = None

    @property
    def url(self) -> str:
        """The address."""
        return self.address

    @property
    def headers(self) -> Mapping[str, str]:
        """What its servers and the gateway want to know of who asks."""
        return {**super().headers, **({"Host": self.host} if self.host else {})}


@dataclasses.dataclass(frozen=True)
class Backend(Target):
    """The Kubernetes Service in front of the pods of a version.

    A pod of the cluster asks it directly, anyone else through the Kubernetes API (`services/proxy`), which takes a
    server's token for its own: a server that asks for one can be asked from a pod only. The API does not check the
    certificate of a server that speaks TLS; a pod does.

    Args:
        cluster: `Cluster`.
        name: string. To which the gateway sends the version's requests.
        proxied_name: string. The one that has the pods themselves as endpoints.
        has_tls: bool. Whether its servers speak TLS. Defaults to False.
    """

    cluster: Cluster
    name: str
    proxied_name: str
    has_tls: bool = False

    @property
    def url(self) -> str:
        """Its address, for a client with its `transport`."""
        host = f"{self.name}.{self.cluster.namespace}.svc.cluster.local"
        # KServe's Service has the one port, whatever the server speaks.
        return f"https://{host}:80" if self.has_tls else f"http://{host}"

    def transport(self) -> httpx.BaseTransport:
        """Returns the way to it; raises as `Target.transport`."""
        if not _IN_POD.exists():
            return _ThroughApi(self.cluster, f"https:{self.proxied_name}" if self.has_tls else self.proxied_name)
        return _ToServer(verify=_serving_verification()) if self.has_tls else httpx.HTTPTransport()


def backends(cluster: Cluster, service: Service) -> tuple[Backend, Backend]:
    """Returns those of a candidate and of the serving version; of a service without candidate both are its own.

    Args:
        cluster: `Cluster`.
        service: `Service` whose pods are ready.

    Raises:
        ClusterError: if the API rejects the request or does not respond.
    """
    live = cluster.get(INFERENCE_SERVICE, service.name) or {}
    if service.mode == "standard":
        name = service.canary_name if service.previous is not None else service.predictor_name
        has_tls = "tls" in service.components or _has_tls(service.args)
        candidate = _of_deployment(cluster, service.name, name, has_tls=has_tls)
        has_tls = _has_tls(live.get("spec", {}).get("predictor", {}).get("model", {}).get("args", ()))
        stable = _of_deployment(cluster, service.name, service.predictor_name, has_tls=has_tls)
    else:
        candidate = _of_revision(cluster, _revisions(live).get("latestReadyRevision", ""))
        stable = serving_backend(cluster, live)
    return candidate, stable if service.previous is not None else candidate


def serving_backend(cluster: Cluster, live: Document) -> Backend:
    """Returns that of the version which serves, of an InferenceService as the cluster has it."""
    if live["metadata"]["annotations"].get(DEPLOYMENT_MODE) == "Standard":
        predictor = live["spec"]["predictor"]
        has_tls = _has_tls(predictor.get("model", {}).get("args", ()))
        return _of_deployment(cluster, live["metadata"]["name"], predictor.get("name"), has_tls=has_tls)
    revisions = _revisions(live)
    return _of_revision(cluster, revisions.get("latestRolledoutRevision") or revisions.get("latestReadyRevision", ""))


def _of_deployment(cluster: Cluster, service: str, predictor_name: str | None, *, has_tls: bool) -> Backend:
    name = f"{service}-{predictor_name}-predictor" if predictor_name else f"{service}-predictor"
    return Backend(cluster, name, name, has_tls)


def _has_tls(args: Iterable[str]) -> bool:
    return any(one.startswith(_TLS_FLAG) for one in args)


def _serving_verification() -> ssl.SSLContext | bool:
    path = os.environ.get(SERVING_AUTHORITY, "")
    # A Secret without `ca.crt`, as of a public authority, leaves no file.
    return ssl.create_default_context(cafile=path) if Path(path).is_file() else verification()


def _of_revision(cluster: Cluster, name: str) -> Backend:
    # Its own Service may lead to Knative's activator, which goes by headers that the API does not send.
    return Backend(cluster, name, f"{name}-private")


def _revisions(live: Document) -> Mapping[str, str]:
    found: Mapping[str, str] = live.get("status", {}).get("components", {}).get("predictor", {})
    return found


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


class _ToServer(httpx.HTTPTransport):
    """Sends requests to servers whose certificate is for one name, whatever their Service is called."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": SERVER_NAME}
        return super().handle_request(request)


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
            # A Service that is not there may have just been created.
            kind = httpx.ProxyError if status in (401, 403) else httpx.ConnectError
            raise kind(f"{status} {json.loads(content).get('message', '')}", request=request)
        return httpx.Response(status, content=content)


def _is_of_api(content: bytes) -> bool:
    """Returns whether a response is the API's own: no right to ask, no such Service, no pod behind it."""
    try:
        document = json.loads(content)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("kind") == "Status"
