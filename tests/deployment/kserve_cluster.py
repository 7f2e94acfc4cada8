"""An HTTP server on loopback that behaves as the Kubernetes API does for InferenceServices, with a controller behind it
that makes of them what KServe makes: Knative services or Deployments, revisions, traffic, status.

Server-side apply keeps the owners of fields, rejects conflicts and unknown versions; CRD schemas and the webhook's
rules reject what the real ones reject, where they lie beside the checkout.
"""

import contextlib
import copy
import email.utils
import importlib.util
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Json = dict[str, Any]
Leaf = tuple[str, ...]

TOKEN = "a-token"
NAMESPACE = "ml"
VERSION = "yachay.dev/model-version"
NOT_COPIED = ("kubectl.kubernetes.io/last-applied-configuration", "serving.kserve.io/stop")


class KServeCluster:
    """The API, its objects and the controller.

    Args:
        start_seconds: float. How long a model's pods take to get ready.
        broken: set of model versions whose pods never do.
    """

    def __init__(self, start_seconds: float = 0.05, broken: frozenset[str] = frozenset()) -> None:
        self.start_seconds = start_seconds
        self.broken = set(broken)
        self.only: str | None = None
        self.objects: dict[tuple[str, str], Json] = {}
        self.forbidden: set[tuple[str, str]] = set()
        self.is_down = False
        self.hours_ahead = 0.0
        self.has_no_routes = False
        self.respond: Callable[[str, str, str, Any], tuple[int, Json]] | None = None
        self.has_tls = False
        self.has_no_gateway_api = False
        self.scaled_to = 0
        self.lost = 0
        self._routed: dict[str, int] = {}
        self.answers: list[int] = []
        self.history: list[dict[str, int]] = []
        self.requests: list[tuple[str, str]] = []
        self._owners: dict[tuple[str, str], dict[tuple[str, str], dict[Leaf, Any]]] = {}
        self._revisions: dict[str, list[Json]] = {}
        self._counter = 0
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._validator = _validator()

    @contextlib.contextmanager
    def running(self, port: int = 0) -> Iterator[str]:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one packet

            def do_GET(self) -> None:
                cluster.handle(self, "GET")

            def do_PATCH(self) -> None:
                cluster.handle(self, "PATCH")

            def do_POST(self) -> None:
                cluster.handle(self, "POST")

            def do_DELETE(self) -> None:
                cluster.handle(self, "DELETE")

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        threads = [threading.Thread(target=server.serve_forever, args=(0.02,)), threading.Thread(target=self._control)]
        self._stopped.clear()
        for thread in threads:
            thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self._stopped.set()
            server.shutdown()
            server.server_close()
            for thread in threads:
                thread.join()

    def kubeconfig(self, url: str, path: Path, token: str = TOKEN) -> Path:
        entry = {"name": "test"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [entry | {"cluster": {"server": url}}],
            "users": [entry | {"user": {"token": token}}],
            "contexts": [entry | {"context": {"cluster": "test", "user": "test", "namespace": NAMESPACE}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def breaks_others_than(self, version: str) -> None:
        """From now on only one version's pods get ready."""
        self.only = version

    def _is_broken(self, version: str) -> bool:
        return version in self.broken or self.only not in (None, version)

    def service(self, name: str) -> Json:
        with self._lock:
            return copy.deepcopy(self.objects["inferenceservices", name])

    def traffic(self, name: str) -> dict[str, int]:
        """Model version to the per cent of the requests that it has."""
        with self._lock:
            service = self.objects.get(("inferenceservices", name))
            return {} if service is None else dict(service.get("traffic_of_test", {}))

    def add_pod(self, name: str, version: int, status: Json) -> None:
        """A pod of a service, of a model version."""
        metadata = {"labels": {"serving.kserve.io/inferenceservice": name}, "annotations": {VERSION: str(version)}}
        with self._lock:
            self.objects["pods", f"{name}-{version}"] = {"metadata": metadata, "status": status}

    def edit(self, name: str, manager: str, changes: Json) -> None:
        """What another manager does with kubectl edit."""
        with self._lock:
            self._merge(("inferenceservices", name), changes, (manager, "Update"))

    # The API

    def handle(self, request: BaseHTTPRequestHandler, method: str) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        if self.is_down:
            request.close_connection = True
            request.connection.close()
            return
        url = urlsplit(request.path)
        with self._lock:
            self.requests.append((method, url.path))
            status, answer = self.answers.pop(0) if self.answers else 0, _failure("the server is busy")
            if not status:
                status, answer = self._answer(method, url.path, parse_qs(url.query), request.headers, body)
        text = json.dumps({key: value for key, value in answer.items() if key != "traffic_of_test"}).encode()
        request.send_response_only(status)
        request.send_header("Date", email.utils.formatdate(time.time() + self.hours_ahead * 3600, usegmt=True))
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def _answer(
        self, method: str, path: str, query: Mapping[str, list[str]], headers: Any, body: bytes
    ) -> tuple[int, Json]:
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, _failure("Unauthorized")
        if method == "POST" and "/proxy/" not in path:
            path = f"{path}/{json.loads(body)['metadata']['name']}"
        root, _, rest = path.partition("/namespaces/")
        group = root.split("/")[2] if root.startswith("/apis/") else ""
        namespace, plural, name = f"{rest}/".split("/")[:3]
        if namespace != NAMESPACE:
            return 403, _failure(f'cannot {method.lower()} resource "{plural}" in the namespace "{namespace}"')
        if (method, plural) in self.forbidden:
            verb = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}.get(method, "get" if name else "list")
            return 403, _failure(f'User "test" cannot {verb} resource "{plural}" in API group "{group}"')
        key = (plural, name)
        if "/proxy/" in path:
            service, path = rest.split("/", 2)[2].split(":80/proxy")
            if self.respond is None:
                return 403, _failure(f'User "test" cannot get resource "services/proxy" of "{service}"')
            if service.startswith("https:") != self.has_tls:
                return 502, _failure("the server speaks another protocol")
            service = service.removeprefix("https:")
            version = self._version_behind(service)
            return self.respond(version, method, path, json.loads(body) if body else None)
        if method == "GET" and not name:
            label, value = query["labelSelector"][0].split("=")
            every = [item for (kind, _), item in self.objects.items() if kind == plural]
            return 200, {"items": [item for item in every if item["metadata"]["labels"].get(label) == value]}
        if method == "GET":
            found = self.objects.get(key)
            return (200, found) if found else (404, _failure(f'{plural}.{group} "{name}" not found'))
        if method == "DELETE":
            found = self.objects.get(key)
            if found is None or json.loads(body)["preconditions"]["uid"] != found["metadata"]["uid"]:
                return 409, _failure("the UID in the precondition does not match")
            return 200, self.objects.pop(key)
        if method == "POST":
            if key in self.objects:
                return 409, _failure(f'{plural}.{group} "{name}" already exists')
            return self._apply(key, json.loads(body), query)
        if headers["Content-Type"] == "application/apply-patch+yaml":
            read = yaml.safe_load(body)["metadata"].get("resourceVersion")
            if read is not None and read != self.objects.get(key, {}).get("metadata", {}).get("resourceVersion"):
                return 409, _failure("the object has been modified; please apply your changes to the latest version")
            return self._apply(key, yaml.safe_load(body), query)
        if key not in self.objects:
            return 404, _failure(f'{plural}.{group} "{name}" not found')
        changes = json.loads(body)
        wanted = changes.get("metadata", {}).pop("resourceVersion", None)
        if wanted is not None and wanted != self.objects[key]["metadata"]["resourceVersion"]:
            return 409, _failure("the object has been modified; please apply your changes to the latest version")
        if not changes.get("metadata", True):
            del changes["metadata"]
        return self._merge(key, changes, (query["fieldManager"][0], "Update"))

    def _version_behind(self, service: str) -> str:
        """The model version whose pods are behind a Kubernetes Service."""
        for revisions in self._revisions.values():
            for revision in revisions:
                if f"{revision['name']}-private" == service:
                    return str(revision["template"]["metadata"]["annotations"][VERSION])
        return str(self.objects["deployments", service]["serving_of_test"])

    def _apply(self, key: tuple[str, str], document: Json, query: Mapping[str, list[str]]) -> tuple[int, Json]:
        manager = (query["fieldManager"][0], "Apply")
        owners = self._owners.setdefault(key, {})
        fields = _leaves(document)
        if query.get("force") != ["true"]:
            conflicts = sorted(
                f'conflict with "{other}" using {document["apiVersion"]}: .{".".join(leaf)}'
                for (other, operation), owned in owners.items()
                if (other, operation) != manager
                for leaf, value in owned.items()
                if leaf in fields and fields[leaf] != value
            )
            if conflicts:
                failure = _failure(f"Apply failed with {len(conflicts)} conflict: {conflicts[0]}")
                return 409, failure | {"details": {"causes": [{"reason": "FieldManagerConflict"}] * len(conflicts)}}
        if "dryRun" in query:
            return 200, document
        wanted = copy.deepcopy(self.objects.get(key, {}))
        elsewhere = {leaf for other, owned in owners.items() if other != manager for leaf in owned}
        for leaf in owners.get(manager, {}):
            if leaf not in fields and leaf not in elsewhere:
                _remove(wanted, leaf)
        for leaf, value in fields.items():
            _set(wanted, leaf, value)
        rejection = self._store(key, wanted)
        if rejection is not None:
            return rejection
        for other, owned in owners.items():
            if other != manager:
                for leaf in [leaf for leaf in owned if leaf in fields and owned[leaf] != fields[leaf]]:
                    del owned[leaf]
        owners[manager] = fields
        return 200, self.objects[key]

    def _merge(self, key: tuple[str, str], changes: Json, manager: tuple[str, str]) -> tuple[int, Json]:
        wanted = copy.deepcopy(self.objects[key])
        fields = _leaves(changes)
        for leaf, value in fields.items():
            if value is None:
                _remove(wanted, leaf)
            else:
                _set(wanted, leaf, value)
        rejection = self._store(key, wanted)
        if rejection is not None:
            return rejection
        owners = self._owners.setdefault(key, {})
        for owned in owners.values():
            for leaf in fields:
                owned.pop(leaf, None)
        owners.setdefault(manager, {}).update({leaf: value for leaf, value in fields.items() if value is not None})
        return 200, self.objects[key]

    def _store(self, key: tuple[str, str], wanted: Json) -> tuple[int, Json] | None:
        old = self.objects.get(key)
        if key[0] == "inferenceservices" and self._validator is not None:
            document = {part: wanted[part] for part in ("apiVersion", "kind", "spec")}
            document["metadata"] = {
                part: wanted["metadata"][part]
                for part in ("name", "labels", "annotations")
                if part in wanted["metadata"]
            }
            if errors := self._validator(document):
                return 422, _failure(f'InferenceService "{key[1]}" is invalid: {"; ".join(errors)}')
        self._counter += 1
        metadata = wanted["metadata"]
        metadata["resourceVersion"] = str(self._counter)
        metadata.setdefault("uid", f"uid-{self._counter}")
        is_same = old is not None and old["spec"] == wanted["spec"]
        generation = old["metadata"]["generation"] if old else 0
        metadata["generation"] = generation if is_same else generation + 1
        self.objects[key] = wanted
        return None

    # The controller

    def _control(self) -> None:
        while not self._stopped.wait(0.01):
            with self._lock:
                for (plural, name), service in list(self.objects.items()):
                    if plural == "inferenceservices":
                        mode = service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"]
                        is_stopped = service["metadata"]["annotations"].get("serving.kserve.io/stop") == "true"
                        traffic = (
                            {}
                            if is_stopped
                            else (self._standard if mode == "Standard" else self._knative)(name, service)
                        )
                        service["traffic_of_test"] = traffic
                        if not self.history or self.history[-1] != traffic:
                            self.history.append(traffic)

    def _knative(self, name: str, service: Json) -> dict[str, int]:
        predictor = service["spec"]["predictor"]
        revisions = self._revisions.setdefault(name, [])
        template = _template(service, predictor)
        if not revisions or revisions[-1]["template"] != template:
            number = len(revisions) + 1
            revisions.append({"name": f"{name}-predictor-{number:05}", "template": template, "made": time.monotonic()})
        latest = revisions[-1]
        version = template["metadata"]["annotations"].get(VERSION, "")
        has_failed = self._is_broken(version) and time.monotonic() - latest["made"] > self.start_seconds
        for revision in revisions:
            is_broken = self._is_broken(revision["template"]["metadata"]["annotations"].get(VERSION, ""))
            revision["ready"] = revision.get("ready") or (
                not is_broken and time.monotonic() - revision["made"] > self.start_seconds
            )
        ready = next((revision for revision in reversed(revisions) if revision["ready"]), None)
        status = service.setdefault("status", {})
        part = status.setdefault("components", {}).setdefault("predictor", {})
        rolled_out = part.get("latestRolledoutRevision", "")
        percent = predictor.get("canaryTrafficPercent")
        targets = [(ready["name"] if ready else "", 100 if percent is None or not rolled_out else percent)]
        if percent is not None and rolled_out and percent < 100:
            targets.append((rolled_out, 100 - percent))
        self._roll_out(part, ready, targets)
        by_name = {revision["name"]: revision["template"]["metadata"]["annotations"][VERSION] for revision in revisions}
        traffic: dict[str, int] = {}
        for revision_name, share in targets:
            if share and revision_name:
                traffic[by_name[revision_name]] = traffic.get(by_name[revision_name], 0) + share
        is_ready = bool(latest["ready"])
        conditions = [
            _condition("ConfigurationsReady", is_ready, has_failed, "RevisionFailed", "container exited with code 1"),
            _condition("Ready", is_ready, has_failed, "RevisionFailed", "container exited with code 1"),
        ]
        self.objects["services", f"{name}-predictor"] = {
            "metadata": {"name": f"{name}-predictor", "generation": len(revisions)},
            "spec": {"template": template},
            "status": {
                "observedGeneration": len(revisions),
                "latestCreatedRevisionName": latest["name"],
                "latestReadyRevisionName": ready["name"] if ready else None,
                "conditions": conditions,
            },
        }
        part |= {"latestCreatedRevision": latest["name"], "latestReadyRevision": ready["name"] if ready else ""}
        self._status(name, status, is_ready, has_failed)
        return traffic

    def _roll_out(self, part: Json, ready: Json | None, targets: list[tuple[str, int]]) -> None:
        """`PropagateStatus` of inference_service_status.go."""
        if ready is None:
            return
        latest, percent = targets[0]
        if part.get("latestRolledoutRevision") != latest:
            if percent == 100:
                part["previousRolledoutRevision"] = part.get("latestRolledoutRevision", "")
                part["latestRolledoutRevision"] = latest
        elif percent < 100 and all(name == latest for name, _ in targets) and part.get("previousRolledoutRevision"):
            part["latestRolledoutRevision"] = part["previousRolledoutRevision"]

    def _standard(self, name: str, service: Json) -> dict[str, int]:
        stable = service["spec"]["predictor"]
        canaries = service["spec"].get("canary", [])
        wanted = {_deployment_name(name, stable): (stable, 100 - sum(canary["trafficPercent"] for canary in canaries))}
        for canary in canaries:
            predictor = _merged(stable, canary["predictor"])
            wanted[_deployment_name(name, predictor)] = (predictor, canary["trafficPercent"])
        for key in [key for key in self.objects if key[0] == "deployments" and key[1] not in wanted]:
            del self.objects[key]
        # KServe removes a Deployment before the routes leave it, and leaves its autoscaler.
        self.lost += sum(share for old, share in self._routed.items() if ("deployments", old) not in self.objects)
        traffic: dict[str, int] = {}
        ready, failed = True, False
        for index, (deployment_name, (predictor, percent)) in enumerate(wanted.items()):
            deployment = self._deployment(deployment_name, service, predictor, 0 if index else self.scaled_to)
            is_available = deployment["status"]["availableReplicas"] > 0
            if index == 0:
                ready, failed = deployment["ready_of_test"], deployment["failed_of_test"]
            if is_available and percent:
                serving = deployment["serving_of_test"]
                traffic[serving] = traffic.get(serving, 0) + percent
            self._scaler(name, deployment_name, service)
        self._route(name, {one: percent for one, (_, percent) in wanted.items() if self._serves(one)})
        missing = 100 - sum(traffic.values())
        if traffic and missing:
            traffic[next(iter(traffic))] += missing
        status = service.setdefault("status", {})
        self._status(name, status, ready, failed)
        return traffic

    def _serves(self, deployment: str) -> bool:
        return bool(self.objects["deployments", deployment]["serving_of_test"])

    def _route(self, name: str, shares: dict[str, int]) -> None:
        self._routed = shares
        if self.has_no_gateway_api:
            self.objects.pop(("httproutes", name), None)
            return
        missing = 100 - sum(shares.values())
        refs = [
            {"name": one, "weight": share + (missing if index == 0 else 0)}
            for index, (one, share) in enumerate(shares.items())
        ]
        for route in (name, f"{name}-predictor"):
            self.objects["httproutes", route] = {
                "metadata": {"name": route, "generation": 1},
                "spec": {"rules": [{"backendRefs": refs}]},
                "status": {
                    "parents": [{"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 1}]}]
                },
            }

    def _scaler(self, name: str, deployment: str, service: Json) -> None:
        metadata = {
            "name": deployment,
            "uid": f"uid-of-{deployment}",
            "labels": {"serving.kserve.io/inferenceservice": name},
            "ownerReferences": [{"kind": "InferenceService", "uid": service["metadata"]["uid"]}],
        }
        self.objects.setdefault(
            ("horizontalpodautoscalers", deployment),
            {"metadata": metadata, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": deployment}}},
        )

    def _deployment(self, name: str, service: Json, predictor: Json, scaled_to: int) -> Json:
        template = _template(service, predictor)
        old = self.objects.get(("deployments", name))
        replicas = max(1, predictor.get("minReplicas", 1), scaled_to)
        if old is None or old["spec"]["template"] != template:
            old = self.objects["deployments", name] = {
                "metadata": {"name": name, "generation": old["metadata"]["generation"] + 1 if old else 1},
                "spec": {"template": template, "replicas": replicas},
                "status": {"availableReplicas": old["status"]["availableReplicas"] if old else 0},
                "made_of_test": time.monotonic(),
                "serving_of_test": old["serving_of_test"] if old else None,
            }
        old["spec"]["replicas"] = replicas
        version = template["metadata"]["annotations"][VERSION]
        is_over = time.monotonic() - old["made_of_test"] > self.start_seconds
        failed = old["failed_of_test"] = is_over and self._is_broken(version)
        ready = old["ready_of_test"] = is_over and not failed
        if ready:
            old["serving_of_test"] = version
        available = replicas if ready or old["serving_of_test"] else 0
        old["status"] = {
            "observedGeneration": old["metadata"]["generation"],
            "replicas": replicas if ready or not old["serving_of_test"] else replicas + 1,
            "updatedReplicas": replicas if ready else 1,
            "availableReplicas": available,
            "conditions": [
                _condition(
                    "Progressing", True, failed, "ProgressDeadlineExceeded", f"{name} has timed out progressing."
                )
            ],
        }
        return old

    def _status(self, name: str, status: Json, is_ready: bool, has_failed: bool) -> None:
        status["conditions"] = [
            _condition(kind, is_ready, has_failed, "ModelLoadFailed", "") for kind in ("PredictorReady", "Ready")
        ]
        if self.has_no_routes:
            status["conditions"][-1] |= {"status": "False"}
            status["conditions"].append(
                {"type": "IngressReady", "status": "False", "reason": "ParentStatusNotAvailable", "message": ""}
            )
        status["modelStatus"] = {"transitionStatus": "BlockedByFailedLoad" if has_failed else "UpToDate"}
        if has_failed:
            status["modelStatus"]["lastFailureInfo"] = {"reason": "ModelLoadFailed", "message": "no saved_model.pb"}
        if is_ready:
            status["url"] = f"http://{name}.{NAMESPACE}.example.com"


def _template(service: Json, predictor: Json) -> Json:
    """`buildObjectMeta` of predictor.go: the service's annotations reach the pods, those of the predictor win."""
    annotations = {k: v for k, v in service["metadata"]["annotations"].items() if k not in NOT_COPIED}
    pods = {
        key: value for key, value in predictor.items() if key not in ("canaryTrafficPercent", "annotations", "name")
    }
    return {
        "metadata": {"annotations": annotations | predictor.get("annotations", {})},
        "spec": copy.deepcopy(pods),
    }


def _deployment_name(name: str, predictor: Json) -> str:
    return f"{name}-{predictor['name']}-predictor" if predictor.get("name") else f"{name}-predictor"


def _merged(base: Json, over: Json) -> Json:
    merged = dict(base)
    for key, value in over.items():
        merged[key] = _merged(merged[key], value) if isinstance(value, dict) and key in merged else value
    return merged


def _condition(kind: str, is_true: bool, has_failed: bool, reason: str, message: str) -> Json:
    if has_failed:
        return {"type": kind, "status": "False", "reason": reason, "message": message}
    return {"type": kind, "status": "True" if is_true else "Unknown"}


def _failure(message: str) -> Json:
    return {"kind": "Status", "status": "Failure", "message": message}


def _leaves(document: Json, path: Leaf = ()) -> dict[Leaf, Any]:
    """Fields to values; lists are atomic, as `spec.canary` is."""
    found: dict[Leaf, Any] = {}
    for key, value in document.items():
        if path == ("metadata",) and key in ("name", "namespace", "resourceVersion", "generation"):
            found[(*path, key)] = value
        elif isinstance(value, dict) and value:
            found |= _leaves(value, (*path, key))
        else:
            found[(*path, key)] = value
    return found


def _set(document: Json, leaf: Leaf, value: Any) -> None:
    for key in leaf[:-1]:
        document = document.setdefault(key, {})
    document[leaf[-1]] = copy.deepcopy(value)


def _remove(document: Json, leaf: Leaf) -> None:
    parents = [document]
    for key in leaf[:-1]:
        document = document.get(key, {})
        parents.append(document)
    document.pop(leaf[-1], None)
    for parent, key in zip(reversed(parents[:-1]), reversed(leaf[:-1]), strict=True):
        if parent.get(key) == {}:
            del parent[key]


def _validator() -> Any:
    """The CRD schemas and the webhook's rules; None where they do not lie beside the checkout."""
    data = os.environ.get("YACHAY_DATA")
    path = Path(data).parent / "tools" / "validate_kserve.py" if data else None
    if path is None or not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("validate_kserve", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    validators = module.load(strict=True)

    def validate(document: Json) -> list[str]:
        return module.validate(document, validators) or module.webhook(document)

    return validate
