"""The port of a stream's probes and metrics: `/healthz`, `/readyz`, `/metrics`."""

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ...errors import UsageError

TEXT = "text/plain; charset=utf-8"


class Probes:
    """Serves probes and metrics in a thread.

    Args:
        host: string. The address to listen on.
        port: int.
        is_live: function that returns whether the loop goes round.
        is_ready: function that returns whether the model is in service and the source is read.

    Raises:
        UsageError: if the port is taken.
    """

    def __init__(self, host: str, port: int, is_live: Callable[[], bool], is_ready: Callable[[], bool]) -> None:
        checks = {"/healthz": is_live, "/readyz": is_ready}

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._respond(200, CONTENT_TYPE_LATEST, generate_latest())
                elif self.path in checks:
                    is_right = checks[self.path]()
                    self._respond(200 if is_right else 503, TEXT, b"ok\n" if is_right else b"not yet\n")
                else:
                    self._respond(404, TEXT, b"Expected /healthz, /readyz or /metrics.\n")

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing: probes come every few seconds."""

            def _respond(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

        try:
            self._server = Server((host, port), Handler)
        except (OSError, OverflowError) as error:
            received = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"Expected to listen on {host}:{port}. Received: {received}. Choose another "
                "--metrics_port, or 0 for none."
            ) from None
        threading.Thread(target=self._server.serve_forever, name="probes", daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
