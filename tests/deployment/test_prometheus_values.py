"""Values that a Prometheus seldom has."""

import http.server
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator

import pytest

from yachay.deployment.canary import CanarySettings
from yachay.deployment.errors import MonitoringError
from yachay.deployment.judge import judge
from yachay.deployment.prometheus import Prometheus

Values = dict[str, list[tuple[dict[str, str], str]]]


@pytest.fixture
def serve() -> Iterator[Callable[[Values], Prometheus]]:
    """Serves values by the metric that a query names."""
    servers = []

    def started(values: Values) -> Prometheus:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                found = next((of for name, of in values.items() if name in form["query"][0]), [])
                result = [{"metric": labels, "value": [0, value]} for labels, value in found]
                content = json.dumps({"status": "success", "data": {"result": result}}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return Prometheus(f"http://127.0.0.1:{server.server_port}")

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("value", ["NaN", "+Inf"])
def test_what_is_no_number_is_not_known(serve: Callable[[Values], Prometheus], value: str) -> None:
    prometheus = serve({"yachay_requests_total": [({"outcome": "ok", "status": "200"}, value)]})

    with pytest.raises(MonitoringError, match=r"to have numbers\. Received: (nan|inf) for"):
        prometheus.traffic("dropout", "1", 60.0)


def test_no_more_requests_are_slow_than_there_are(serve: Callable[[Values], Prometheus]) -> None:
    traffic = serve(
        {
            "yachay_requests_total": [({"outcome": "ok", "status": "200"}, "500")],
            # Scraped once more before it was queried.
            "yachay_request_seconds_bucket": [({"le": "0.1"}, "0"), ({"le": "+Inf"}, "503")],
        }
    ).traffic("dropout", "1", 60.0)

    assert traffic.slower == {0.1: 500.0}
    assert judge(traffic, traffic, CanarySettings()).state == "as_good"
