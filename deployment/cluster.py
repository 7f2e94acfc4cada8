"""The few calls to the Kubernetes API that a rollout makes."""

import dataclasses
import email.utils
import json
import re
import time
from typing import Any, Self

import urllib3
from kubernetes import client, config

from ..errors import UsageError
from .authorities import authorities, describe
from .errors import ClusterError

FIELD_MANAGER = "yachay"
TIMEOUT_SECONDS = (5, 30)
NUM_TRIES = 4
_TRANSIENT = (429, 500, 502, 503, 504)

Document = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Resource:
    """A kind of namespaced object; the core ones have no group."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str, name: str) -> str:
        """Returns the path of an object in the API; that of all of them where the name is empty."""
        root = f"/apis/{self.group}" if self.group else "/api"
        return f"{root}/{self.version}/namespaces/{namespace}/{self.plural}/{name}".rstrip("/")

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


INFERENCE_SERVICE = Resource("serving.kserve.io", "v1beta1", "inferenceservices")
SERVING_RUNTIME = Resource("serving.kserve.io", "v1alpha1", "servingruntimes")
CONFIG_MAP = Resource("", "v1", "configmaps")
KNATIVE_SERVICE = Resource("serving.knative.dev", "v1", "services")
POD = Resource("", "v1", "pods")
DEPLOYMENT = Resource("apps", "v1", "deployments")
SERVICE = Resource("", "v1", "services")
LEASE = Resource("coordination.k8s.io", "v1", "leases")
JOB = Resource("batch", "v1", "jobs")
HORIZONTAL_POD_AUTOSCALER = Resource("autoscaling", "v2", "horizontalpodautoscalers")
HTTP_ROUTE = Resource("gateway.networking.k8s.io", "v1", "httproutes")


class Cluster:
    """The Kubernetes API, in one namespace.

    Args:
        api: `kubernetes.client.ApiClient`.
        namespace: string.
        retry_seconds: float. Pause before a call that failed for a passing reason is tried again; doubled each time.
    """

    def __init__(self, api: Any, namespace: str, retry_seconds: float = 1.0) -> None:
        self._api = api
        self.namespace = namespace
        self._retry_seconds = retry_seconds
        self._seconds_ahead = 0.0

    def now(self) -> float:
        """Returns the time of the API's clock, in seconds since 1970: those of two callers may differ by hours."""
        return time.time() + self._seconds_ahead

    @classmethod
    def connect(cls, namespace: str | None, context: str | None = None) -> Self:
        """Returns the cluster that the pod is in or that the kubeconfig names.

        Certificate authorities are the kubeconfig's, else those of `SSL_CERT_FILE` or `REQUESTS_CA_BUNDLE`.

        Args:
            namespace: string. None takes the kubeconfig context's, or `default`.
            context: string. Context of the kubeconfig; None takes the current one.

        Raises:
            UsageError: if there is neither a service account nor a usable kubeconfig.
        """
        try:
            try:
                if context is not None:
                    raise config.ConfigException
                config.load_incluster_config()
            except config.ConfigException:
                config.load_kube_config(context=context)
                _, active = config.list_kube_config_contexts()
                namespace = namespace or (active or {}).get("context", {}).get("namespace")
        except (config.ConfigException, OSError) as error:
            raise UsageError(
                f"Expected a kubeconfig that names a cluster. Received: {str(error).strip(' .') or 'none'}. Set "
                "KUBECONFIG, name one of its contexts with --context, or render without a cluster: --dry-run."
            ) from None
        settings = client.Configuration.get_default_copy()
        settings.retries = False
        settings.ssl_ca_cert = settings.ssl_ca_cert or authorities()
        return cls(client.ApiClient(settings), namespace or "default")

    def get(self, resource: Resource, name: str) -> Document | None:
        """Returns an object, or None where there is none of the name.

        Raises:
            ClusterError: if the API rejects the request or does not respond.
        """
        try:
            return self._call("GET", resource, name)
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    def find(self, resource: Resource, label: str, value: str) -> list[Document]:
        """Returns the objects whose label has a value.

        Raises:
            ClusterError: if the API rejects the request or does not respond.
        """
        query = [("labelSelector", f"{label}={value}")]
        found: list[Document] = self._call("GET", resource, "", query=query)["items"]
        return found

    def create(self, resource: Resource, document: Document) -> Document:
        """Creates an object.

        Raises:
            ClusterError: if there is one of the name, or the API rejects the request or does not respond.
        """
        query = [("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict")]
        return self._call("POST", resource, document["metadata"]["name"], "application/json", document, query)

    def apply(
        self, resource: Resource, document: Document, *, is_forced: bool = False, is_tried: bool = False
    ) -> Document:
        """Creates or changes an object so that the fields of `document` are as they are there (server-side apply).

        Args:
            resource: `Resource`.
            document: dict. The fields that we manage; one that an earlier call set and this one lacks is removed.
            is_forced: bool. Whether to take over fields that another manager set. Defaults to False.
            is_tried: bool. Whether only to learn whether the API would take it. Defaults to False.

        Raises:
            ClusterError: if the API rejects the request or does not respond.
        """
        query = [("fieldManager", FIELD_MANAGER), ("force", str(is_forced).lower()), ("fieldValidation", "Strict")]
        query += [("dryRun", "All")] if is_tried else []
        return self._call(
            "PATCH", resource, document["metadata"]["name"], "application/apply-patch+yaml", document, query
        )

    def delete(self, resource: Resource, document: Document) -> None:
        """Deletes an object, if it is still the one that was read.

        Raises:
            ClusterError: if the API rejects the request or does not respond.
        """
        body = {"preconditions": {"uid": document["metadata"]["uid"]}}
        try:
            self._call("DELETE", resource, document["metadata"]["name"], "application/json", body)
        except ClusterError as error:
            if error.status != 404:
                raise

    def patch(self, resource: Resource, name: str, changes: Document) -> Document:
        """Changes fields of an object (JSON merge patch: null removes).

        Raises:
            ClusterError: if the API rejects the changes, also for a `resourceVersion` among them that is not the
                object's.
        """
        query = [("fieldManager", FIELD_MANAGER)]
        return self._call("PATCH", resource, name, "application/merge-patch+json", changes, query)

    def ask(self, service: str, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Sends a request to port 80 of a Kubernetes Service through the API; returns the status and the content.

        Args:
            service: string. The Service; with `https:` before it the API speaks TLS to it.
            method: string.
            path: string. Begins with a slash.
            body: JSON value; None sends none.

        Raises:
            ClusterError: if the API does not respond.
        """
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body is not None else {})
        try:
            response = self._api.call_api(
                f"{SERVICE.path(self.namespace, service)}:80/proxy{path}",
                method,
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=TIMEOUT_SECONDS,
            )
        except client.ApiException as error:
            return error.status, error.body or b""
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._is_away(error) from None
        return response.status, response.data

    def _is_away(self, error: Exception) -> ClusterError:
        return ClusterError(
            f"Expected the Kubernetes API at {self._api.configuration.host} to respond. Received: "
            f"{describe(error)}. Is the cluster up, and does the kubeconfig name it?"
        )

    def _call(
        self,
        method: str,
        resource: Resource,
        name: str,
        content_type: str | None = None,
        body: Document | None = None,
        query: list[tuple[str, str]] | None = None,
    ) -> Document:
        for attempt in range(NUM_TRIES - 1):
            try:
                return self._call_once(method, resource, name, content_type, body, query)
            except ClusterError as error:
                if error.status is not None and error.status not in _TRANSIENT:
                    raise
            time.sleep(self._retry_seconds * 2**attempt)
        return self._call_once(method, resource, name, content_type, body, query)

    def _call_once(
        self,
        method: str,
        resource: Resource,
        name: str,
        content_type: str | None,
        body: Document | None,
        query: list[tuple[str, str]] | None,
    ) -> Document:
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if content_type else {})
        try:
            path = resource.path(self.namespace, name)
            response = self._api.call_api(
                path.removesuffix(f"/{name}") if method == "POST" else path,
                method,
                query_params=query or [],
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=TIMEOUT_SECONDS,
            )
            document: Document = json.loads(response.data)
            self._set_clock(response.headers.get("Date"))
        except client.ApiException as error:
            if not error.status:  # What the client makes of an error of TLS.
                raise self._is_away(error) from None
            self._set_clock((error.headers or {}).get("Date"))
            raise ClusterError(
                self._rejection(error, method, resource, name), error.status, is_stale=_is_stale(error)
            ) from None
        except (urllib3.exceptions.HTTPError, OSError, json.JSONDecodeError) as error:
            raise self._is_away(error) from None
        return document

    def _set_clock(self, date: str | None) -> None:
        if date is not None:
            self._seconds_ahead = email.utils.parsedate_to_datetime(date).timestamp() - time.time()

    def _rejection(self, error: Any, method: str, resource: Resource, name: str) -> str:
        what = f"{f'{resource}/{name}'.rstrip('/')} in the namespace {self.namespace}"
        try:
            message = json.loads(error.body)["message"]
        except (TypeError, ValueError, KeyError):
            message = error.reason
        verb = {"GET": "get" if name else "list", "PATCH": "patch", "POST": "create", "DELETE": "delete"}[method]
        # Server-side apply of what is not there is a creation too.
        denied = re.search(r" cannot (\w+) ", str(message))
        needed = denied[1] if denied else verb
        fix = {
            401: " The credentials are missing or expired: log in to the cluster again.",
            403: f" Give the account the verb {needed} on {resource}: {_role(resource, needed)}.",
            404: f" Is {resource} installed, and does the namespace exist?",
            409: " It changed again and again while it was written: call again."
            if _is_stale(error)
            else " Someone else changed it: look at what changed, then call again with --force-conflicts to take over.",
        }.get(error.status, "")
        return f"Expected to {verb} {what}. Received: {error.status} {message}.{fix}".replace("..", ".")


def _role(resource: Resource, verb: str) -> str:
    if verb != "create" or resource == LEASE:
        return "manifests/components/pipeline-runner has such a role"
    if resource == INFERENCE_SERVICE:
        return "manifests/components/rollout-job has such a role; or let an administrator make the first deployment"
    return "none of the roles in manifests has it, for it is an administrator's"


def _is_stale(error: Any) -> bool:
    """Returns whether a conflict is one of versions of the object, and not one with another manager of its fields."""
    if error.status != 409:
        return False
    try:
        causes = json.loads(error.body).get("details", {}).get("causes", [])
    except (TypeError, ValueError, AttributeError):
        causes = []
    return not any(cause.get("reason") == "FieldManagerConflict" for cause in causes)
