"""An API server of Kubeflow Pipelines for tests: speaks v2beta1 over HTTP and rejects what the real one rejects.

Written after kubeflow/pipelines at 7b70c7b95f (`backend/src/apiserver`): routes, field names, filters, error bodies and
status codes are those of its gateway. In place of Argo, a run's tasks succeed one after another, one at each look at
the run, up to `failing_task`.
"""

import base64
import datetime
import email.policy
import graphlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import kfp_server_api
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from kfp_rejections import (
    ALREADY_EXISTS,
    HTTP_STATUS,
    INTERNAL,
    INVALID_ARGUMENT,
    NOT_FOUND,
    UNAUTHENTICATED,
    UNKNOWN,
    Json,
    RejectedError,
    check_cron,
    check_inputs,
    check_workflow,
    filtered,
    read_template,
    strict,
)

from yachay.pipelines.kubeflow.client.failure import node_id


class KfpServer:
    """The server, from `with` to its end; `url` is its address.

    Args:
        token: string. Bearer token that each request must carry. Defaults to None, none is asked for.
        redirects_to_log_in: bool. Answer a missing token as a log-in proxy does. Defaults to False.
        failing_task: string. Name of the task, or of its driver, at which runs fail. Defaults to None.
        log: string or None. What the failing task's pod printed; None where Argo archives no logs. Defaults to None.
        attempts: int. How often the failing task is tried. Defaults to 1, without a retry policy.
        at_look: function called with the number of looks at a run before it is answered. Defaults to None.
    """

    def __init__(
        self,
        token: str | None = None,
        redirects_to_log_in: bool = False,
        failing_task: str | None = None,
        log: str | None = None,
        attempts: int = 1,
        at_look: Callable[[int], None] | None = None,
    ) -> None:
        self.token = token
        self.redirects_to_log_in = redirects_to_log_in
        self.failing_task = failing_task
        self.log = log
        self.attempts = attempts
        self.at_look = at_look
        self.pipelines: dict[str, Json] = {}
        self.versions: dict[str, Json] = {}
        self.experiments: dict[str, Json] = {}
        self.runs: dict[str, Json] = {}
        self.recurring_runs: dict[str, Json] = {}
        self.uploads = 0
        self.logs: dict[str, str] = {}
        self._looks: dict[str, int] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server, as a crash would: its port rejects connections from then on."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Json:
        for route_method, pattern, act in ROUTES:
            match = re.fullmatch(f"/apis/v2beta1/{pattern}", path)
            if match and method == route_method:
                return act(self, *map(unquote, match.groups()), query=query, body=body)
        raise RejectedError(NOT_FOUND, "Not Found")

    def health(self, query: Mapping[str, str], body: Any) -> Json:
        return {"commit_sha": "unknown", "tag_name": "2.16.1", "multi_user": False}

    def list_pipelines(self, query: Mapping[str, str], body: Any) -> Json:
        return _page("pipelines", filtered(self.pipelines.values(), query))

    def create_pipeline(self, query: Mapping[str, str], body: Any) -> Json:
        fields = strict(body, kfp_server_api.V2beta1Pipeline)
        name = fields.get("name") or fields.get("display_name")
        if not name:
            raise RejectedError(INVALID_ARGUMENT, "name is required")
        if any(pipeline["name"] == name for pipeline in self.pipelines.values()):
            raise RejectedError(
                ALREADY_EXISTS,
                f"Failed to create a new pipeline. The name {name} already exist. Please specify a new name",
            )
        return self._keep(self.pipelines, "pipeline_id", name=name, display_name=fields.get("display_name", name))

    def delete_pipeline(self, pipeline_id: str, query: Mapping[str, str], body: Any) -> Json:
        _get(self.pipelines, pipeline_id, "Pipeline")
        if any(version["pipeline_id"] == pipeline_id for version in self.versions.values()):
            raise RejectedError(
                INVALID_ARGUMENT, f"Failed to delete pipeline {pipeline_id} as it has existing versions"
            )
        del self.pipelines[pipeline_id]
        return {}

    def list_versions(self, pipeline_id: str, query: Mapping[str, str], body: Any) -> Json:
        _get(self.pipelines, pipeline_id, "Pipeline")
        versions = [version for version in self.versions.values() if version["pipeline_id"] == pipeline_id]
        return _page("pipeline_versions", filtered(versions, query))

    def upload_version(self, query: Mapping[str, str], body: Any) -> Json:
        filename, content = body
        if not filename.endswith((".yaml", ".yml", ".json")):
            raise RejectedError(INVALID_ARGUMENT, "Failed to create a pipeline version")
        pipeline_id = query.get("pipelineid", "")
        if pipeline_id not in self.pipelines:
            raise RejectedError(INVALID_ARGUMENT, "Failed to create a pipeline version")
        name = query.get("name") or filename
        if len(name) > 127:
            raise RejectedError(INVALID_ARGUMENT, "PipelineVersion.Name length cannot exceed 127")
        spec = read_template(content)
        if any((v["pipeline_id"], v["name"]) == (pipeline_id, name) for v in self.versions.values()):
            raise RejectedError(ALREADY_EXISTS, "Failed to create a pipeline version")
        self.uploads += 1
        return self._keep(
            self.versions,
            "pipeline_version_id",
            pipeline_id=pipeline_id,
            name=name,
            display_name=name,
            pipeline_spec=spec,
        )

    def list_experiments(self, query: Mapping[str, str], body: Any) -> Json:
        return _page("experiments", filtered(self.experiments.values(), query))

    def create_experiment(self, query: Mapping[str, str], body: Any) -> Json:
        fields = strict(body, kfp_server_api.V2beta1Experiment)
        name = fields.get("display_name")
        if not name:
            raise RejectedError(INVALID_ARGUMENT, "Experiment has an empty name")
        return self._keep(self.experiments, "experiment_id", display_name=name, storage_state="AVAILABLE")

    def create_run(self, query: Mapping[str, str], body: Any) -> Json:
        fields = strict(body, kfp_server_api.V2beta1Run)
        self._check_start(fields, "Failed to create a new run")
        return self._keep(self.runs, "run_id", **fields, state="PENDING", storage_state="AVAILABLE")

    def list_runs(self, query: Mapping[str, str], body: Any) -> Json:
        named = [{**run, "name": run["display_name"]} for run in self.runs.values()]
        found = filtered(named, query)
        return _page("runs", [self.runs[run["run_id"]] for run in found])

    def get_run(self, run_id: str, query: Mapping[str, str], body: Any) -> Json:
        run = _get(self.runs, run_id, "Run")
        self._looks[run_id] = look = self._looks.get(run_id, 0) + 1
        if self.at_look:
            self.at_look(look)
        self._go_on(run, look)
        return run

    def list_recurring_runs(self, query: Mapping[str, str], body: Any) -> Json:
        experiment_id = query.get("experiment_id")
        found = [r for r in self.recurring_runs.values() if experiment_id in (None, "", r["experiment_id"])]
        return _page("recurringRuns", filtered(found, query))

    def create_recurring_run(self, query: Mapping[str, str], body: Any) -> Json:
        fields = strict(body, kfp_server_api.V2beta1RecurringRun)
        if not 1 <= int(fields.get("max_concurrency", 0)) <= 10:
            raise RejectedError(
                INVALID_ARGUMENT, "Max concurrency of a recurring run must be at least 1 and at most 10."
            )
        if schedule := fields.get("trigger", {}).get("cron_schedule"):
            check_cron(schedule["cron"])
        self._check_start(fields, "Failed to create a recurring run")
        mode = fields.pop("mode", None)
        status = {"ENABLE": "ENABLED", "DISABLE": "DISABLED"}.get(mode, "STATUS_UNSPECIFIED")
        return self._keep(self.recurring_runs, "recurring_run_id", **fields, status=status)

    def _keep(self, store: dict[str, Json], key: str, **fields: Any) -> Json:
        identity = str(uuid.uuid4())
        store[identity] = {key: identity, **fields, "created_at": _time(datetime.datetime.now(datetime.UTC))}
        return store[identity]

    def _check_start(self, fields: Json, wrap: str) -> None:
        if not fields.get("display_name"):
            raise RejectedError(INTERNAL, f"{wrap}: InternalServerError: Run name cannot be empty")
        _get(self.experiments, fields.get("experiment_id", ""), "Experiment")
        reference = fields.get("pipeline_version_reference", {})
        version = _get(self.versions, reference.get("pipeline_version_id", ""), "PipelineVersion")
        if version["pipeline_id"] != reference.get("pipeline_id"):
            raise RejectedError(INVALID_ARGUMENT, "Pipeline version belongs to another pipeline")
        document = version["pipeline_spec"]
        spec = json_format.ParseDict(document.get("pipeline_spec", document), pipeline_spec_pb2.PipelineSpec())
        check_inputs(spec, fields.get("runtime_config", {}).get("parameters", {}))
        check_workflow(spec, wrap)

    def _go_on(self, run: Json, look: int) -> None:
        version = self.versions[run["pipeline_version_reference"]["pipeline_version_id"]]
        document = version["pipeline_spec"]
        declared = document.get("pipeline_spec", document)["root"]["dag"]["tasks"]
        order = graphlib.TopologicalSorter({name: task.get("dependentTasks", ()) for name, task in declared.items()})
        tasks = list(order.static_order())
        now = datetime.datetime.now(datetime.UTC)
        workflow = f"{run['pipeline_version_reference']['pipeline_version_id'][:8]}-x7k2p"
        root = _detail("root", "RUNNING", now, [node_id(workflow, f"{workflow}.root.{task}-driver") for task in tasks])
        details = [root, _detail("root-driver", "SUCCEEDED", now)]
        run["state"] = "RUNNING"
        for task in tasks[: look - 1]:
            is_driver = self.failing_task == f"{task}-driver"
            details.append(_detail(f"{task}-driver", "FAILED" if is_driver else "SUCCEEDED", now))
            if is_driver:
                details.append(_detail(task, "RUNTIME_STATE_UNSPECIFIED", now))  # Argo says Omitted.
            else:
                details += self._executed(workflow, task, now)
            if self.failing_task in (task, f"{task}-driver"):
                run["state"] = root["state"] = "FAILED"
                break
        else:
            if look > len(tasks):
                run["state"] = root["state"] = "SUCCEEDED"
            else:
                details.append(_detail(tasks[look - 1], "RUNNING", now))
        # No `error`, in no place: `toApiRun` and `toApiPipelineTaskDetail` copy states only.
        history = run.setdefault("state_history", [])
        if not history or history[-1]["state"] != run["state"]:
            history.append({"update_time": _time(now), "state": run["state"]})
        run["run_details"] = {"task_details": details}

    def _executed(self, workflow: str, task: str, now: datetime.datetime) -> list[Json]:
        """The nodes of a task: its DAG, the pod `executor`, and with a retry policy one pod an attempt below that."""
        is_failing = task == self.failing_task
        state = "FAILED" if is_failing else "SUCCEEDED"
        name = f"{workflow}.root.{task}.executor"
        pods = [f"{name}({attempt})" for attempt in range(self.attempts)] if is_failing and self.attempts > 1 else []
        if is_failing and self.log is not None:
            for attempt, pod in enumerate(pods or [name]):
                self.logs[node_id(workflow, pod)] = self.log.replace("ATTEMPT", str(attempt))
        return [
            _detail(task, state, now, [node_id(workflow, name)]),
            _detail("executor", state, now, [node_id(workflow, pod) for pod in pods]),
            *(_detail(f"executor({attempt})", state, now) for attempt in range(len(pods))),
        ]

    def read_artifact(self, run_id: str, node: str, artifact: str, query: Mapping[str, str], body: Any) -> Json:
        _get(self.runs, run_id, "Run")
        if artifact != "main-logs" or node not in self.logs:
            raise RejectedError(NOT_FOUND, "artifact not found")
        return {"data": base64.b64encode(self.logs[node].encode()).decode()}


ROUTES: tuple[tuple[str, str, Callable[..., Json]], ...] = (
    ("GET", "healthz", KfpServer.health),
    ("GET", "pipelines", KfpServer.list_pipelines),
    ("POST", "pipelines", KfpServer.create_pipeline),
    ("POST", "pipelines/upload_version", KfpServer.upload_version),
    ("DELETE", "pipelines/([^/]+)", KfpServer.delete_pipeline),
    ("GET", "pipelines/([^/]+)/versions", KfpServer.list_versions),
    ("GET", "experiments", KfpServer.list_experiments),
    ("POST", "experiments", KfpServer.create_experiment),
    ("GET", "runs", KfpServer.list_runs),
    ("POST", "runs", KfpServer.create_run),
    ("GET", "runs/([^/]+)", KfpServer.get_run),
    ("GET", "runs/([^/]+)/nodes/([^/]+)/artifacts/([^/]+):read", KfpServer.read_artifact),
    ("GET", "recurringruns", KfpServer.list_recurring_runs),
    ("POST", "recurringruns", KfpServer.create_recurring_run),
)


def _get(store: dict[str, Json], identity: str, what: str) -> Json:
    if identity not in store:
        raise RejectedError(NOT_FOUND, f"{what} {identity} not found")
    return store[identity]


def _page(key: str, entries: list[Json]) -> Json:
    """The gateway leaves empty fields out."""
    return {key: entries, "total_size": len(entries)} if entries else {}


def _time(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _detail(name: str, state: str, now: datetime.datetime, children: Sequence[str] = ()) -> Json:
    start = now - datetime.timedelta(seconds=3)
    end = datetime.datetime.fromtimestamp(0, datetime.UTC) if state == "RUNNING" else now
    return {
        "display_name": name,
        **({"child_tasks": [{"pod_name": child} for child in children]} if children else {}),
        "state_history": [{"update_time": _time(now), "state": state}],
        "state": state,
        "start_time": _time(start),
        "end_time": _time(end),
        "task_id": str(uuid.uuid4()),
    }


def _handler(server: KfpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._handle()

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def _handle(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            is_upload = url.path.endswith("/upload_version")
            if server.token and self.headers.get("authorization") != f"Bearer {server.token}":
                if server.redirects_to_log_in:
                    self._send(302, {}, location="/dex/auth?client_id=kubeflow")
                    return
                self._reject(
                    RejectedError(UNAUTHENTICATED, "Failed to check authorization. User identity is empty"), False
                )
                return
            try:
                body = self._upload(content) if is_upload else json.loads(content or b"{}")
                self._send(200, server.answer(self.command, url.path, query, body))
            except RejectedError as rejected:
                self._reject(rejected, is_upload)

        def _upload(self, content: bytes) -> tuple[str, bytes]:
            head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
            message = BytesParser(policy=email.policy.HTTP).parsebytes(head + content)
            for part in message.iter_parts():  # type: ignore[attr-defined]
                if part.get_param("name", header="content-disposition") == "uploadfile":
                    return str(part.get_filename()), part.get_payload(decode=True)
            raise RejectedError(INVALID_ARGUMENT, "Failed to read pipeline from file")

        def _reject(self, rejected: RejectedError, is_upload: bool) -> None:
            message = str(rejected)
            if is_upload:
                body = {"error_message": message, "error_details": message}
            else:
                told = "Internal Server Error" if rejected.code == INTERNAL else message.rpartition(": ")[2]
                detail = {"@type": "type.googleapis.com/google.rpc.Status", "code": rejected.code, "message": told}
                body = {"code": rejected.code, "message": message}
                if rejected.code != UNKNOWN:
                    body["details"] = [detail]
            self._send(HTTP_STATUS[rejected.code], body)

        def _send(self, status: int, body: Json, **headers: str) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    return Handler
