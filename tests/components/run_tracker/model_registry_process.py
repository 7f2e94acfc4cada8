"""A real server of Kubeflow's Model Registry on PostgreSQL, in a process of its own.

Its program is what `YACHAY_MODEL_REGISTRY` names, else `model-registry` in the folder `yachay` of the user's cache. To
build it, in a checkout of github.com/kubeflow/model-registry (the tests ran bd07139a6): `CGO_ENABLED=0 go build`.
It needs PostgreSQL 16, which the wheel `pgserver` holds where Debian's is older: `YACHAY_POSTGRES=.../pginstall/bin`.
"""

import http.client
import inspect
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mr_openapi.api.model_registry_service_api import ModelRegistryServiceApi
from postgres_process import postgres_server
from served_process import served

from yachay.components.pusher.candidate_server import free_port

SERVED = "v1alpha3"
"""The version of the API of the server at that commit."""
LEAST_POSTGRES = 16
"""Its migrations ask whether a text `IS JSON ARRAY`."""


@contextmanager
def model_registry(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Runs a server and gives its address; skips the test where there is no program or no PostgreSQL."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "yachay")
    program = Path(os.environ.get("YACHAY_MODEL_REGISTRY", cache / "model-registry"))
    if not program.is_file():
        pytest.skip("no server of the Model Registry: YACHAY_MODEL_REGISTRY names none, see model_registry_process.py")
    with postgres_server(LEAST_POSTGRES) as database:
        host, _, port_and_name = database.rpartition("@")[2].partition(":")
        port, _, name = port_and_name.partition("/")
        own_port = free_port()
        source = f"host={host} port={port} user=postgres dbname={name} sslmode=disable"
        command = [str(program), "proxy", "--hostname=127.0.0.1", f"--port={own_port}", "--datastore-type=embedmd"]
        command += ["--embedmd-database-type=postgres", f"--embedmd-database-dsn={source}", "--logtostderr"]
        url = f"http://127.0.0.1:{own_port}"
        models = f"{url}/api/model_registry/{SERVED}/registered_models"
        with served(command, models, folder / "model-registry.log") as process, _front(url) as address:
            yield address, process


@contextmanager
def _front(server: str) -> Iterator[str]:
    """Gives the address by which the installed client reaches the server: its own where both speak one version of the
    API, else that of a front that names the server's in the paths."""
    spoken = re.search(r"/api/model_registry/(\w+)/", inspect.getsource(ModelRegistryServiceApi))
    assert spoken is not None
    if spoken[1] == SERVED:
        yield server
        return

    class Handler(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection(urlsplit(server).netloc)
            try:
                path = self.path.replace(f"/{spoken[1]}/", f"/{SERVED}/", 1)
                connection.request(self.command, path, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                status, content = response.status, response.read()
            except OSError:
                self.close_connection = True  # As the server does.
                return
            finally:
                connection.close()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _forward  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
