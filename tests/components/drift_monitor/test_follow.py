"""The monitor that follows a log, and its metrics."""

import datetime
import http.server
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_logs import NOW, START, VERSION, Known, draw, log_table, small_reference, write_log

from yachay.components.drift_monitor.follow import Follower
from yachay.components.drift_monitor.metrics import push_metrics
from yachay.components.drift_monitor.monitor import monitor
from yachay.components.drift_monitor.result import MonitorResult
from yachay.components.drift_monitor.settings import MonitorSettings
from yachay.deployment.errors import MonitoringError
from yachay.errors import UsageError

KNOWN = Known({VERSION: small_reference()})
SETTINGS = MonitorSettings(window="1000", is_open_judged=False)


def judge(log: Path) -> MonitorResult:
    return monitor(str(log), KNOWN, SETTINGS, now=NOW)


def scraped(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        lines = [line for line in response.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_a_log_is_judged_again_when_it_grows_and_failures_are_counted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stop, found, seen = threading.Event(), [], []
    follower = Follower(lambda: judge(log), (str(log),), "student-dropout", "127.0.0.1", 0)

    class Looks(threading.Event):
        """After each look the log changes, as a server's does."""

        def wait(self, timeout: float | None = None) -> bool:
            seen.append(scraped(follower.port))
            if len(seen) == 1:
                write_log(log, log_table(draw(1000, seed=1)))
            elif len(seen) == 3:
                write_log(log, log_table(draw(1000, seed=1)), log_table(draw(1000, seed=2, shift=2.0)))
            return len(seen) == 4

    stop = Looks()
    follower.run(0.0, stop, found.append)

    assert [result.verdict for result in found] == ["quiet", "drift"]
    name = '{model_name="student-dropout"}'
    assert [one[f"yachay_monitor_failures_total{name}"] for one in seen] == [1, 1, 1, 1]
    assert [one.get(f"yachay_monitor_drift{name}") for one in seen] == [None, 0, 0, 1]
    assert seen[-1]['yachay_monitor_feature_drift{feature="grade",model_name="student-dropout"}'] == 1


def test_a_file_that_is_written_anew_with_the_same_size_is_read_again(tmp_path: Path) -> None:
    log, labels = write_log(tmp_path / "log", log_table(draw(1000, seed=1))), tmp_path / "labels.csv"
    labels.write_text("prediction_id,Target\nr1,yes\n")
    judged: list[str] = []

    def judge_both() -> MonitorResult:
        judged.append(labels.read_text())
        return monitor(log, KNOWN, SETTINGS, labels=str(labels), now=NOW)

    class Looks(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            labels.write_text("prediction_id,Target\nr2,yes\n")
            return len(judged) == 2

    Follower(judge_both, (log, str(labels)), "model", "127.0.0.1", 0).run(0.0, Looks(), lambda result: None)

    assert [text[-7:] for text in judged] == ["r1,yes\n", "r2,yes\n"]


def test_the_last_window_is_judged_when_it_ends_though_no_file_came(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", log_table(draw(1000, seed=1), seconds=1.0))
    settings = MonitorSettings(window="1h", is_open_judged=False)
    times = [START + datetime.timedelta(minutes=30), NOW]
    shown: list[MonitorResult] = []

    class Looks(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            return not times

    follower = Follower(lambda: monitor(log, KNOWN, settings, now=times.pop(0)), (log,), "model", "127.0.0.1", 0)
    follower.run(0.0, Looks(), shown.append)

    assert [(result.verdict, result.windows[0].is_complete) for result in shown] == [
        ("too_few", False),
        ("quiet", True),
    ]


def test_a_second_monitor_on_the_port_is_rejected(tmp_path: Path) -> None:
    first = Follower(lambda: judge(tmp_path), (str(tmp_path),), "model", "127.0.0.1", 0)

    with pytest.raises(UsageError, match="another monitor running"):
        Follower(lambda: judge(tmp_path), (str(tmp_path),), "model", "127.0.0.1", first.port)


@pytest.fixture
def gateway() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    taken: list[tuple[str, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", taken
    server.shutdown()


def test_a_step_sends_its_metrics_to_a_gateway(gateway: tuple[str, list[tuple[str, bytes]]], tmp_path: Path) -> None:
    address, taken = gateway
    push_metrics(judge(Path(write_log(tmp_path / "log", log_table(draw(1000, seed=1))))), address, "model")

    ((path, body),) = taken
    assert path == "/metrics/job/yachay_monitor/model_name/model"
    assert b'yachay_monitor_drift{model_name="model"} 0.0' in body


def test_a_gateway_that_is_away_is_an_error(tmp_path: Path) -> None:
    result = judge(Path(write_log(tmp_path / "log", log_table(draw(1000, seed=1)))))

    with pytest.raises(MonitoringError, match=r"monitor\.push_gateway"):
        push_metrics(result, "127.0.0.1:9", "model")
