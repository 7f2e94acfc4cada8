"""The stock client of Kubeflow Pipelines, fit for a command: bounded in time, quiet, with errors one can act on."""

import base64
import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kfp
import urllib3
from kfp import client as kfp_client
from kfp_server_api import ApiException, rest

from ....errors import UsageError, YachayError

CONNECT_SECONDS = 10
READ_SECONDS = 60
TOKEN_VARIABLE = "KFP_EXISTING_TOKEN"
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
UI_VARIABLE = "KF_PIPELINES_UI_ENDPOINT"

_CREDENTIALS_HELP = (
    f"Put a valid token in {TOKEN_VARIABLE}, or its file's path in {kfp_client.KF_PIPELINES_SA_TOKEN_ENV}."
)


class KubeflowError(YachayError):
    """Kubeflow Pipelines rejects something, or a run on it did not succeed.

    Args:
        message: string. What was expected, what was received, and the fix.
        status: int. HTTP status of the response; 0 where there was none. Defaults to 0.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later: no response came, or the server is at fault."""
        return self.status in (0, 429) or self.status >= 500


class Client(kfp.Client):
    """The stock client whose every request ends within a minute.

    The stock one waits without bound, follows a log-in redirect to a page that it then takes for a response, and asks
    five times for the server's health, with a traceback each.

    Args:
        host: string. URL of the server.
        namespace: string. The user's namespace, on a server for many users; None for what the stock client's context
            file says. Defaults to None.
        existing_token: string. Bearer token. Defaults to None.
        credentials: `kfp.client.TokenCredentialsBase`, asked before each request. Defaults to None.
        ssl_ca_cert: string. Path of a bundle of certificate authorities. Defaults to None.
    """

    def __init__(self, host: str, namespace: str | None = None, **options: Any) -> None:
        super().__init__(host, **options, **({"namespace": namespace} if namespace else {}))
        self._bound()

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """Returns the response of the server's health endpoint, asked once."""
        self._bound()
        return self._healthz_api.healthz_service_get_healthz()

    def read_node_log(self, run_id: str, node_id: str) -> str:
        """Returns the log of a pod that has ended.

        Args:
            run_id: string.
            node_id: string. Id of the pod's node in the Argo workflow.

        Raises:
            KubeflowError: if the server keeps no such log, or does not let the user read it.
        """
        # The stock client has no method for it: the server serves this path beside its generated API.
        response = self._run_api.api_client.call_api(
            "/apis/v2beta1/runs/{run_id}/nodes/{node_id}/artifacts/main-logs:read",
            "GET",
            path_params={"run_id": run_id, "node_id": node_id},
            response_type="object",
            auth_settings=["Bearer"],
            _return_http_data_only=True,
        )
        return base64.b64decode(response.get("data", "")).decode(errors="replace")

    def _bound(self) -> None:
        api_client = self._healthz_api.api_client
        api_client.rest_client = _BoundedRest(api_client.configuration)


class _BoundedRest(rest.RESTClientObject):
    """The stock client's transport with time-outs, few retries, no redirects, and `KubeflowError` for every failure."""

    def __init__(self, configuration: Any) -> None:
        self._host = configuration.host
        configuration.retries = urllib3.Retry(total=2, backoff_factor=0.2, redirect=0, raise_on_redirect=False)
        super().__init__(configuration)

    def request(self, method: str, url: str, **options: Any) -> Any:
        options["_request_timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        try:
            response = super().request(method, url, **options)
        except ApiException as error:
            raise _rejection(self._host, error) from None
        except urllib3.exceptions.HTTPError as error:
            raise _unreachable(self._host, error) from None
        if _json_object(response.data) is None:
            raise KubeflowError(
                f"Expected {self._host} to be the API of Kubeflow Pipelines. Received: a response that is no JSON "
                "object. Its URL is the part before `/apis/v2beta1`, often ending in /pipeline.",
                response.status,
            )
        return response


def connect(host: str, namespace: str | None = None) -> Client:
    """Returns a client of a server, with the token and the certificate authorities that the environment names.

    Args:
        host: string. URL of the server.
        namespace: string. The user's namespace, on a server for many users. Defaults to None.

    Raises:
        UsageError: if the environment names a file that is not there.
        KubeflowError: if the server cannot be reached or rejects the token.
    """
    options: dict[str, Any] = {"ssl_ca_cert": _ca_bundle()}
    if token := os.environ.get(TOKEN_VARIABLE):
        options["existing_token"] = token
    elif token_path := _token_path():
        options["credentials"] = kfp.client.ServiceAccountTokenVolumeCredentials(str(token_path))
    try:
        return Client(host, namespace, **options)
    except YachayError:
        raise
    except Exception as error:
        # The stock client's own log-in (IAP, Google) and context file fail in ways of many kinds.
        raise KubeflowError(f"Expected the environment to let the KFP client log in. Received: {error!r}.") from error


def check_host(host: str) -> str:
    """Returns the URL of a server without a trailing slash.

    Raises:
        UsageError: if it is no URL of a server.
    """
    try:
        parts = urlsplit(host)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_url = False
    if not is_url or parts.query or parts.fragment or any(character.isspace() for character in host):
        raise UsageError(
            f"Expected --host to be the URL of the API, such as https://kubeflow.example/pipeline. Received: {host!r}."
        )
    return host.rstrip("/")


def ui_link(host: str, page: str) -> str:
    """Returns the address of a page of the web interface, whose host `KF_PIPELINES_UI_ENDPOINT` may name."""
    base = os.environ.get(UI_VARIABLE) or host
    return f"{base if '://' in base else f'http://{base}'}".rstrip("/") + f"/#/{page}"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps what the stock client prints, logs and warns of from the terminal; standard error stays ours."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _ca_bundle() -> str | None:
    for variable in CA_VARIABLES:
        if path := os.environ.get(variable):
            _require_file(variable, Path(path))
            return path
    return None


def _token_path() -> Path | None:
    if path := os.environ.get(kfp_client.KF_PIPELINES_SA_TOKEN_ENV):
        _require_file(kfp_client.KF_PIPELINES_SA_TOKEN_ENV, Path(path))
        return Path(path)
    default = Path(kfp_client.KF_PIPELINES_SA_TOKEN_PATH)
    return default if default.is_file() else None


def _require_file(variable: str, path: Path) -> None:
    if not path.is_file() or not os.access(path, os.R_OK):
        raise UsageError(f"Expected {variable} to name a file that can be read. Received: {path}.")


def _rejection(host: str, error: ApiException) -> KubeflowError:
    if error.status == 401 or (error.status in (301, 302, 303, 307) and _is_log_in(error)):
        received = "none, or one that it rejects"
        return KubeflowError(f"Expected a token that {host} accepts. Received: {received}. {_CREDENTIALS_HELP}", 401)
    reason = _reason(error)
    if error.status == 403:
        return KubeflowError(f"{host} does not allow this to the token's user: {reason}", 403)
    if error.status in (301, 302, 303, 307, 308):
        location = error.headers.get("location", "elsewhere")
        return KubeflowError(
            f"Expected {host} to respond. Received: a redirect to {location}. Name that host.", error.status
        )
    return KubeflowError(f"{host} rejects this: {reason}", error.status)


def _is_log_in(error: ApiException) -> bool:
    location = error.headers.get("location", "")
    return any(word in location for word in ("auth", "login", "signin", "dex"))


def _reason(error: ApiException) -> str:
    """Returns why a server rejected a request: the gateway's details where they are more than the error's class."""
    text = (error.body or b"").decode(errors="replace").strip()
    body = _json_object(text) or {}
    details = [detail.get("message", "") for detail in body.get("details") or () if isinstance(detail, dict)]
    reasons = [message for message in details if message and message != "Internal Server Error"]
    reasons += [body.get("message", ""), body.get("error_message", ""), text[:300], str(error.reason)]
    return f"{next(filter(None, reasons))} (HTTP {error.status})"


def _json_object(text: str | bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _unreachable(host: str, error: urllib3.exceptions.HTTPError) -> KubeflowError:
    cause = getattr(error, "reason", None) or error
    fix = "Is the URL right, and the server up?"
    if isinstance(cause, urllib3.exceptions.SSLError):
        fix = f"Name the bundle of its certificate authority in {CA_VARIABLES[0]}."
    reason = str(cause).rpartition(": ")[2] if isinstance(cause, urllib3.exceptions.NewConnectionError) else str(cause)
    return KubeflowError(f"Expected {host} to respond. Received: {reason}. {fix}")
