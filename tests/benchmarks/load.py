"""Load from wrk, and server processes to put it on."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

START_SECONDS = 180
STOP_SECONDS = 30

# One object of JSON on the last line; latencies of wrk are in microseconds.
REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "worst_ms": %f, "num_errors": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclasses.dataclass(frozen=True)
class Load:
    """What a load of some seconds showed.

    Args:
        requests: int. Answers.
        seconds: float.
        p50_ms: float. Median latency.
        p99_ms: float. Latency that 99 of 100 answers kept.
        worst_ms: float.
        num_errors: int. Answers other than 200, and connections that broke.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    num_errors: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def find_wrk() -> str:
    """Returns the path of wrk; the benchmark ends where there is none."""
    path = shutil.which("wrk")
    if path is None:
        raise SystemExit("Expected wrk on the PATH. Received: none. Install it: apt-get install wrk, brew install wrk.")
    return path


def put_load(url: str, body: bytes, clients: int, seconds: float) -> Load:
    """Posts a body again and again, each client as soon as it has its answer.

    Args:
        url: string.
        body: bytes of JSON.
        clients: int. Connections.
        seconds: float.
    """
    script = f"wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = {_lua(body)}\n{REPORT}"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = [find_wrk(), "-t1", f"-c{clients}", f"-d{seconds:.0f}s", "--timeout", "30s", "-s", file.name, url]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Load(**json.loads(answer.splitlines()[-1]))


def post(url: str, body: bytes) -> dict[str, object]:
    """Returns the answer to one request."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        answer: dict[str, object] = json.load(response)
    return answer


@contextlib.contextmanager
def server(command: Sequence[str], ready_url: str, log: Path) -> Iterator[int]:
    """Runs a server until the block ends, and yields its process id; entered when `ready_url` answers 200.

    Args:
        command: sequence of strings.
        ready_url: string.
        log: path that takes what it prints.
    """
    # MLflow starts its server by the name of a program of its environment.
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
    try:
        _wait_until_ready(process, ready_url, log)
        yield process.pid
    finally:
        # Also the workers that a server may have.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"Expected a server that stays up. Received: status {process.returncode}.\n{_tail(log)}")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5) as response:
            if response.status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"Expected {url} to answer within {START_SECONDS} s. Received: nothing.\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _lua(text: bytes) -> str:
    """Returns a literal of Lua, any byte by its number."""
    return (
        "'" + "".join(chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\{byte:03d}" for byte in text) + "'"
    )
