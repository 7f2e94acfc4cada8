"""The predict API on a model that is not pushed yet, in a process of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
from absl import logging

from ...errors import ModelError
from ...fork_server import ADDRESS, ForkedProcess, ForkError, fork_process, working_folder
from ..child_process import ending_with_parent

NAME = "candidate"

_POLL_SECONDS = 0.1
# This process holds the GPU's memory.
_ENVIRONMENT = {"YACHAY_SERVING_TOKEN": None, "CUDA_VISIBLE_DEVICES": "-1"}


def server_command(model_dir: Path, port: int) -> list[str]:
    """Returns the command of the predict API, as its image starts it, without gRPC and the page."""
    return [
        *(sys.executable, "-m", "yachay.serving", f"--model_name={NAME}", f"--model_dir={model_dir}"),
        *("--host=127.0.0.1", f"--http_port={port}", "--enable_grpc=false", "--enable_page=false"),
        "--allow_unchecked=true",  # It has no receipt yet.
    ]


class CandidateServer:
    """A server that was started.

    Args:
        process: `Popen` or `ForkedProcess`.
        url: string. Its address.
        log: path of the file that takes what it prints.
    """

    def __init__(self, process: "subprocess.Popen[bytes] | ForkedProcess", url: str, log: Path) -> None:
        self.url = url
        self._process, self._log = process, log

    def wait_until_ready(self, ready_seconds: float) -> None:
        """Waits until the server is ready to predict.

        Args:
            ready_seconds: float. From now.

        Raises:
            ModelError: if it ends before, or is not ready in time.
        """
        end = time.monotonic() + ready_seconds
        with httpx.Client(timeout=5, trust_env=False) as client:
            while not self._is_ready(client):
                self.check_alive()
                if time.monotonic() > end:
                    raise ModelError(
                        f"Expected the server to be ready within {ready_seconds:g} s (push.ready_seconds). Received: "
                        f"not ready.{self._last_lines()}"
                    )
                time.sleep(_POLL_SECONDS)

    def check_alive(self) -> None:
        """Checks that the server has not ended.

        Raises:
            ModelError: if it has.
        """
        status = self._process.poll()
        if status is not None:
            how = f"exit status {status}" if status >= 0 else f"it was ended by {signal.Signals(-status).name}"
            raise ModelError(f"Expected the server to serve the model. Received: {how}.{self._last_lines()}")

    def _is_ready(self, client: httpx.Client) -> bool:
        try:
            return client.get(f"{self.url}/v2/models/{NAME}/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def _last_lines(self) -> str:
        lines = [line for line in self._log.read_text("utf-8", "replace").splitlines() if line.strip()]
        return "".join(f"\n  {line[:300]}" for line in lines[-5:])


@contextlib.contextmanager
def candidate_server(command: Sequence[str], port: int) -> Iterator[CandidateServer]:
    """Starts a server, and stops it with all that it started.

    It is forked where a fork server has its imports ready.

    Args:
        command: sequence of strings.
        port: int. Where it will listen, on loopback.
    """
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = _start(command, log.fileno())
        try:
            yield CandidateServer(process, f"http://127.0.0.1:{port}", Path(log.name))
        finally:
            _kill(process)


def free_port() -> int:
    """Returns a port of the loopback interface that nobody listens on, and that nobody else is given for a minute.

    A connection that was closed stays on it (TIME_WAIT), so that the system gives it to no process that asks for any
    port; a server that names it may listen there at once (SO_REUSEADDR).
    """
    with socket.socket() as listener, socket.socket() as client:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        accepted.close()  # Who closes first keeps the port.
        return int(listener.getsockname()[1])


def _start(command: Sequence[str], log: int) -> "subprocess.Popen[bytes] | ForkedProcess":
    address = os.environ.get(ADDRESS)
    if address and list(command[:2]) == [sys.executable, "-m"]:
        try:
            # Not this process's environment, to which imports have added.
            return fork_process(address, command[2:], _ENVIRONMENT, working_folder(), log, is_inherited=True)
        except ForkError as reason:
            logging.warning("The server is not forked: %s.", reason)
    environment = {**os.environ, **_ENVIRONMENT}
    return subprocess.Popen(
        [*ending_with_parent(), *command],
        env={name: value for name, value in environment.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _kill(process: "subprocess.Popen[bytes] | ForkedProcess") -> None:
    # Nobody else asks it anything: there is nothing to drain.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
