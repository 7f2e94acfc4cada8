"""A real MLflow server in a process of its own."""

import atexit
import contextlib
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from served_process import served

from yachay.components.pusher.candidate_server import free_port

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
    url = f"http://127.0.0.1:{port}"
    with served(command, f"{url}/health", folder / "server.log", env=environment) as process:
        yield url, process


@functools.cache
def shared_server() -> str:
    """Returns the address of a server that all tests of a process share: it takes seconds to start."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    url, _ = stack.enter_context(mlflow_server(Path(folder)))
    return url
