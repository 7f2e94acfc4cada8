"""A server in a process of its own."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 300


@contextmanager
def served(command: Sequence[str], url: str, log: Path, **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs a server, waits until it responds with 200 at a URL, and kills it at the end."""
    with (
        log.open("ab") as file,
        subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, **options) as process,
    ):
        try:
            _wait(url, process, log)
            yield process
        finally:
            stop(process)


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
            if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())
