"""Against a real Prometheus, which scrapes servers that count as the predict API does."""

import math
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import prometheus_client
import pytest
import yaml
from kserve_cluster import KServeCluster
from rollouts import CANARY, service

from yachay.deployment.cluster import Cluster
from yachay.deployment.errors import MonitoringError
from yachay.deployment.prometheus import Prometheus, Traffic
from yachay.deployment.rollout import deploy
from yachay.serving.accounting import outcome

pytestmark = pytest.mark.end_to_end


class Pod:
    """A server of one model version, as far as Prometheus sees it."""

    def __init__(self, version: str, names_outcome: bool = True) -> None:
        self._names_outcome = names_outcome
        self.registry = prometheus_client.CollectorRegistry()
        names = {"registry": self.registry}
        self._requests = prometheus_client.Counter(
            "yachay_requests_total", "", ["model_name", "protocol", "status", "outcome"], **names
        )
        self._seconds = prometheus_client.Histogram("yachay_request_seconds", "", ["model_name", "protocol"], **names)
        self._classes = prometheus_client.Counter(
            "yachay_predicted_classes_total", "", ["model_name", "label"], **names
        )
        self._values = prometheus_client.Counter("yachay_predicted_values_total", "", ["model_name", "upper"], **names)
        # As the gateway's Envoy counts; it is a target of its own.
        istio = ["reporter", "destination_service_namespace", "destination_service_name"]
        self.gateway = prometheus_client.Counter(
            "istio_requests_total", "", [*istio, "response_code", "response_flags"], **names
        )
        info = prometheus_client.Gauge("yachay_model", "", ["model_name", "version"], **names)
        info.labels("dropout", version).set(1)
        self.server, self.thread = prometheus_client.start_http_server(0, "127.0.0.1", self.registry)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.answer(0, "200", 0.01, "Graduate")

    def answer(self, count: int, status: str, seconds: float, label: str) -> None:
        # Prometheus knows an empty label from none as little as it shows that of a server of an earlier image.
        self._requests.labels("dropout", "v1", status, outcome(status) if self._names_outcome else "").inc(count)
        self._classes.labels("dropout", label).inc(count)
        for _ in range(count):
            self._seconds.labels("dropout", "v1").observe(seconds)

    def predict(self, counts: dict[str, int]) -> None:
        for upper, count in counts.items():
            self._values.labels("dropout", upper).inc(count)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def pods() -> Iterator[dict[str, Pod]]:
    pods = {"1": Pod("1"), "2": Pod("2"), "0": Pod("0", names_outcome=False)}
    yield pods
    for pod in pods.values():
        pod.stop()


@pytest.fixture
def prometheus(pods: dict[str, Pod], tmp_path: Path) -> Iterator[str]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus: install the system's package of that name")
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "scrape_configs": [
            {"job_name": "pods", "static_configs": [{"targets": [pod.address for pod in pods.values()]}]}
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            program,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address={address}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until(lambda: httpx.get(f"http://{address}/-/ready").status_code == 200)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(30)


def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def test_each_version_s_requests_errors_latency_and_classes_are_found(prometheus: str, pods: dict[str, Pod]) -> None:
    monitor = Prometheus(prometheus)
    _until(lambda: bool(httpx.get(f"{prometheus}/api/v1/query?query=yachay_model").json()["data"]["result"][1:]))
    time.sleep(1)
    pods["1"].answer(300, "200", 0.02, "Graduate")
    pods["2"].answer(80, "200", 0.02, "Graduate")
    pods["2"].answer(20, "500", 2.0, "Dropout")
    pods["2"].answer(7, "INVALID_ARGUMENT", 0.02, "Dropout")

    _until(
        lambda: (
            monitor.traffic("dropout", "2", 60).rejected == 7 and monitor.traffic("dropout", "1", 60).requests == 300
        )
    )
    old, new = monitor.traffic("dropout", "1", 60), monitor.traffic("dropout", "2", 60)

    assert (old.failed, old.rejected) == (0, 0)
    assert (new.failed, new.rejected, new.requests) == (20, 7, 107)
    assert (old.slower[0.01], old.slower[0.025], new.slower[0.025], new.slower[2.5]) == (300, 0, 20, 0)
    assert new.classes == {"Dropout": 27, "Graduate": 80}
    assert old.classes == {"Graduate": 300}


def test_the_requests_of_servers_of_an_earlier_image_are_told_apart_by_their_status(
    prometheus: str, pods: dict[str, Pod]
) -> None:
    monitor = Prometheus(prometheus)
    _until(lambda: bool(httpx.get(f"{prometheus}/api/v1/query?query=yachay_model").json()["data"]["result"][2:]))
    for count, status in ((5, "200"), (3, "500"), (2, "400")):
        pods["0"].answer(count, status, 0.02, "Graduate")

    _until(lambda: monitor.traffic("dropout", "0", 60).requests == 10)
    traffic = monitor.traffic("dropout", "0", 60)

    assert (traffic.requests, traffic.failed, traffic.rejected) == (10, 3, 2)


def test_predicted_numbers_are_found_as_the_rows_above_each_bound(prometheus: str, pods: dict[str, Pod]) -> None:
    monitor = Prometheus(prometheus)
    pods["1"].predict({"-0.5": 3, "0.0": 0, "12.25": 5, "+Inf": 2})

    _until(lambda: bool(monitor.traffic("dropout", "1", 60).above))

    assert monitor.traffic("dropout", "1", 60).above == {-math.inf: 10, -0.5: 7, 0.0: 7, 12.25: 2}


def test_requests_that_a_gateway_failed_by_itself_are_found(prometheus: str, pods: dict[str, Pod]) -> None:
    monitor = Prometheus(prometheus)
    for backend, code, flags, count in (
        ("dropout-v2-predictor", "503", "UH", 4),
        ("dropout-v2-predictor", "200", "UF,URX", 3),
        ("dropout-v2-predictor", "500", "-", 50),
        ("dropout-v2-predictor", "200", "DC", 50),
        ("dropout-predictor", "503", "UC", 1),
    ):
        pods["1"].gateway.labels("source", "ml", backend, code, flags).inc(count)

    _until(lambda: monitor.unreached("ml", "dropout-v2-predictor", 60) > 0)

    assert monitor.unreached("ml", "dropout-v2-predictor", 60) == 7
    assert monitor.unreached("ml", "dropout-predictor", 60) == 1
    assert monitor.unreached("other", "dropout-predictor", 60) == 0


def test_what_is_counted_begins_with_a_scrape(prometheus: str, pods: dict[str, Pod]) -> None:
    monitor = Prometheus(prometheus)
    pods["2"].answer(50, "500", 0.01, "Graduate")
    _until(lambda: monitor.traffic("dropout", "2", 60).failed == 50)
    start = time.monotonic()

    _until(lambda: (monitor.scraped("dropout", "2") or 60.0) < time.monotonic() - start)
    counted_from = time.monotonic()
    pods["2"].answer(7, "200", 0.01, "Graduate")
    found = []

    def is_counted() -> bool:
        found.append(monitor.traffic("dropout", "2", time.monotonic() - counted_from))
        return found[-1].requests > 0

    _until(is_counted)

    assert (found[-1].requests, found[-1].failed) == (7, 0)
    assert monitor.scraped("dropout", "9") is None


def test_a_version_without_a_server_has_no_requests(prometheus: str) -> None:
    traffic = Prometheus(prometheus).traffic("dropout", "9", 60)

    assert traffic == Traffic(0)


def test_a_rejected_query_and_a_server_that_is_gone_are_reported(prometheus: str) -> None:
    with pytest.raises(MonitoringError, match=r"Expected Prometheus at .* to respond to a query. Received: 400"):
        Prometheus(prometheus)._query("sum(")
    with pytest.raises(MonitoringError, match=r"Expected Prometheus at http://127.0.0.1:9 to respond"):
        Prometheus("http://127.0.0.1:9").check()


@pytest.mark.parametrize(("status", "state"), [("200", "promoted"), ("500", "rolled_back")])
def test_a_rollout_is_judged_by_what_prometheus_says(
    prometheus: str, pods: dict[str, Pod], cluster: Cluster, kserve: KServeCluster, status: str, state: str
) -> None:
    canary = CANARY.model_copy(
        update={"bake_minutes": 3 / 60, "patience_minutes": 10 / 60, "max_minutes": 1, "poll_seconds": 0.2}
    )
    stopped = threading.Event()

    def clients() -> None:
        while not stopped.wait(0.05):
            for version, percent in kserve.traffic("dropout").items():
                pods[version].answer(percent // 5, status if version == "2" else "200", 0.01, "Graduate")

    load = threading.Thread(target=clients)
    load.start()
    try:
        deploy(cluster, service(1), canary, Prometheus(prometheus), print)
        outcome = deploy(cluster, service(2), canary, Prometheus(prometheus), print)
    finally:
        stopped.set()
        load.join()

    assert outcome.state == state
    assert status == "200" or "requests failed" in outcome.reason
