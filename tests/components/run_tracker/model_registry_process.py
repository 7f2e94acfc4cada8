"""A real server of Kubeflow's Model Registry on PostgreSQL, in a process of its own.

Its program is what `YACHAY_MODEL_REGISTRY` names, else `model-registry` in the folder `yachay` of the user's cache. To
build it, in a checkout of github.com/kubeflow/model-registry (the tests ran bd07139a6): `CGO_ENABLED=0 go build`.
It needs PostgreSQL 16, which the wheel `pgserver` holds where Debian's is older: `YACHAY_POSTGRES=.../pginstall/bin`.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from postgres_process import postgres_server

from yachay.components.pusher.candidate_server import free_port

START_SECONDS = 60
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
        with (
            (folder / "model-registry.log").open("ab") as log,
            subprocess.Popen(command, stdout=log, stderr=log) as process,
        ):
            url = f"http://127.0.0.1:{own_port}"
            try:
                _wait(url, process, folder / "model-registry.log")
                yield url, process
            finally:
                process.kill()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/api/model_registry/v1alpha3/registered_models", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())
