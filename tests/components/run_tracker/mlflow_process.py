"""A real MLflow server in a process of its own."""

import atexit
import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from yachay.components.pusher.candidate_server import free_port

START_SECONDS = 300
# Seven processes would wait for jobs, each after seconds of imports.
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@contextmanager
def mlflow_server(
    folder: Path, database: str = "", artifacts: str = "", options: Sequence[str] = (), port: int | None = None
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Runs a server and gives its address; its database and artifacts lie in the folder where none are named."""
    port = port or free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", database or f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", artifacts or str(folder / "artifacts")),
        *options,
    ]
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    with (
        (folder / "server.log").open("ab") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(url, process, folder / "server.log")
            yield url, process
        finally:
            stop(process)


@functools.cache
def shared_server() -> str:
    """Returns the address of a server that all tests of a process share: it takes seconds to start."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    url, _ = stack.enter_context(mlflow_server(Path(folder)))
    return url


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Kills the server and its workers at once."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).read()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
