"""Runs of Kubeflow Pipelines as tasks of Airflow 3, and a look for new data.

`yachay airflow` copies this file beside the DAGs that it writes. It needs Airflow alone: no library of Yachay, no SDK
of Kubeflow. The connection's host is the URL of Kubeflow Pipelines' API, its password a token where one is needed, and
its extras may hold `namespace`, `experiment`, `service_account` and `poll_seconds`.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx
from airflow.exceptions import AirflowException, AirflowFailException
from airflow.sdk import BaseOperator, ObjectStoragePath, Variable
from airflow.sdk.bases.hook import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

CONNECTION = "yachay_kubeflow"

_API = "/apis/v2beta1"
_SUCCEEDED, _ENDED = "SUCCEEDED", ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
_SECONDS = httpx.Timeout(60, connect=10)
_LOST_SECONDS = 900.0


class KubeflowRunOperator(BaseOperator):
    """Runs a pipeline that was uploaded, and waits for its end without a worker.

    The run's name holds the DAG run's: a task that is tried again finds the run that it started, and starts no other.

    Args:
        pipeline: string. Name of the pipeline on the server; its newest version runs.
        arguments: mapping of the run's parameters.
        connection: string. Id of the connection.
        poll_seconds: float. How long the trigger waits between two looks.
    """

    template_fields: Sequence[str] = ("arguments",)

    def __init__(
        self,
        *,
        pipeline: str,
        arguments: Mapping[str, Any] | None = None,
        connection: str = CONNECTION,
        poll_seconds: float = 30.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.pipeline = pipeline
        self.arguments = dict(arguments or {})
        self.connection = connection
        self.poll_seconds = poll_seconds

    def execute(self, context: Any) -> str:
        """Starts the run, or finds it, and defers."""
        with _client(self.connection) as client:
            name = f"{self.pipeline} {context['dag_run'].run_id}"[:128]
            run = _find_run(client, name) or self._start(client, name)
        self.log.info("Run %s of %s: %s", run["run_id"], self.pipeline, run.get("state"))
        seconds = float(_extras(self.connection).get("poll_seconds", self.poll_seconds))
        self.defer(trigger=KubeflowRunTrigger(run["run_id"], self.connection, seconds), method_name="complete")
        raise AssertionError  # `defer` raises.

    def complete(self, context: Any, event: Mapping[str, Any]) -> str:
        """Ends the task as the run ended, and returns the run's id.

        Raises:
            AirflowFailException: if the run did not succeed: another try would find the same run.
            AirflowException: if the server was gone for too long.
        """
        if event["state"] == "LOST":
            raise AirflowException(f"Expected the server to respond. Received: {event['reason']}. The run may go on.")
        if event["state"] != _SUCCEEDED:
            raise AirflowFailException(f"Expected run {event['run_id']} to succeed. Received: {event['state']}.")
        return str(event["run_id"])

    def _start(self, client: httpx.Client, name: str) -> Mapping[str, Any]:
        options = _extras(self.connection)
        pipeline_id = _only(
            _get(client, "/pipelines", filter=_named(self.pipeline), **_namespace(options)), "pipelines"
        )
        if not pipeline_id:
            raise AirflowFailException(
                f"Expected the pipeline {self.pipeline!r} on the server. Received: none. Upload it with yachay submit."
            )
        identity = pipeline_id["pipeline_id"]
        listing = _get(client, f"/pipelines/{identity}/versions", sort_by="created_at desc", page_size=1)
        version = _only(listing, "pipeline_versions")
        account = {"service_account": options["service_account"]} if options.get("service_account") else {}
        run = {
            "display_name": name,
            "experiment_id": _experiment(client, options),
            "pipeline_version_reference": {
                "pipeline_id": identity,
                "pipeline_version_id": version["pipeline_version_id"],
            },
            "runtime_config": {"parameters": self.arguments},
            **account,
        }
        return _checked(client.post(f"{_API}/runs", json=run))


class KubeflowRunTrigger(BaseTrigger):
    """Waits for the end of a run.

    Args:
        run_id: string.
        connection: string. Id of the connection.
        poll_seconds: float.
    """

    def __init__(self, run_id: str, connection: str, poll_seconds: float) -> None:
        super().__init__()
        self.run_id, self.connection, self.poll_seconds = run_id, connection, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Returns the class and its arguments, for the process that runs triggers."""
        given = {"run_id": self.run_id, "connection": self.connection, "poll_seconds": self.poll_seconds}
        return f"{type(self).__module__}.{type(self).__qualname__}", given

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yields one event, when the run has ended; a server that is gone for a while is asked again."""
        host, headers = await sync_to_async(_host)(self.connection)
        lost = 0.0
        async with httpx.AsyncClient(base_url=host, headers=headers, timeout=_SECONDS) as client:
            while True:
                try:
                    response = await client.get(f"{_API}/runs/{self.run_id}")
                    response.raise_for_status()
                    state = response.json().get("state", "")
                except (httpx.HTTPError, ValueError) as error:
                    lost += self.poll_seconds
                    if lost > _LOST_SECONDS:
                        yield TriggerEvent({"run_id": self.run_id, "state": "LOST", "reason": str(error)})
                        return
                else:
                    lost = 0.0
                    if state in _ENDED:
                        yield TriggerEvent({"run_id": self.run_id, "state": state})
                        return
                await asyncio.sleep(self.poll_seconds)


def fingerprint(uri: str) -> str:
    """Returns the SHA-256 of the names, sizes and times of the files at a place: a file or a folder, or a bucket."""
    root = ObjectStoragePath(uri)
    if not root.exists():
        raise AirflowException(
            f"Expected records at {uri}. Received: none. Correct kubeflow.data_uri, or the credentials."
        )
    files = [root] if root.is_file() else [path for path in root.rglob("*") if path.is_file()]
    if not files:
        raise AirflowException(f"Expected records at {uri}. Received: an empty folder.")
    facts = []
    for path in files:
        name, info = path.path.removeprefix(root.path), path.fs.info(path.path)
        if not any(part.startswith(("_", ".")) for part in name.split("/")):
            changed = info.get("ETag") or info.get("mtime") or info.get("LastModified")
            facts.append((name, info.get("size"), str(changed)))
    return hashlib.sha256(json.dumps(sorted(facts)).encode()).hexdigest()


def new_fingerprint(uri: str, variable: str) -> str:
    """Returns the fingerprint of the files at a place, nothing where a variable of Airflow holds the same."""
    found = fingerprint(uri)
    return "" if found == Variable.get(variable, default="") else found


def _host(connection: str) -> tuple[str, dict[str, str]]:
    found = BaseHook.get_connection(connection)
    scheme = found.conn_type if found.conn_type in ("http", "https") else "http"
    host = found.host or ""
    if "://" not in host:
        host = f"{found.schema or scheme}://{host}{f':{found.port}' if found.port else ''}"
    return host.rstrip("/"), {"Authorization": f"Bearer {found.password}"} if found.password else {}


def _extras(connection: str) -> Mapping[str, Any]:
    extras: Mapping[str, Any] = BaseHook.get_connection(connection).extra_dejson
    return extras


def _client(connection: str) -> httpx.Client:
    host, headers = _host(connection)
    return httpx.Client(base_url=host, headers=headers, timeout=_SECONDS)


def _get(client: httpx.Client, path: str, **query: Any) -> Mapping[str, Any]:
    return _checked(client.get(f"{_API}{path}", params=query))


def _checked(response: httpx.Response) -> Mapping[str, Any]:
    if response.is_client_error:
        raise AirflowFailException(f"{response.url} rejects this: {response.text[:300]} (HTTP {response.status_code})")
    response.raise_for_status()
    found: Mapping[str, Any] = response.json()
    return found


def _find_run(client: httpx.Client, name: str) -> Mapping[str, Any] | None:
    return _only(_get(client, "/runs", filter=_named(name)), "runs") or None


def _experiment(client: httpx.Client, options: Mapping[str, Any]) -> str:
    name = options.get("experiment", "Default")
    found = _only(_get(client, "/experiments", filter=_named(name), **_namespace(options)), "experiments")
    if not found:
        found = _checked(client.post(f"{_API}/experiments", json={"display_name": name, **_namespace(options)}))
    return str(found["experiment_id"])


def _namespace(options: Mapping[str, Any]) -> dict[str, str]:
    return {"namespace": options["namespace"]} if options.get("namespace") else {}


def _only(listing: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return next(iter(listing.get(key) or ()), {})


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "name", "string_value": name}]})
