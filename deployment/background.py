"""A deployment that a process of this machine carries out in the background."""

import os
import subprocess
import sys
import time
from pathlib import Path

from .job import ORDER_VARIABLE
from .order import Order

START_SECONDS = 20.0


def start_process(order: Order, log: Path, context: str | None, *, is_forced: bool = False) -> tuple[int, int | None]:
    """Starts a process that outlives the terminal and this one, and returns its id, and its exit status if it ended.

    Returns once the process has written a line that is no error, so that what is rejected at once is known.

    Args:
        order: `Order` with the model that is to serve.
        log: path of the file that gets its lines.
        context: string or None. Context of the kubeconfig.
        is_forced: bool. Whether to take over fields that another manager of the cluster set. Defaults to False.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "yachay.deployment"]
    command += ["--context", context] if context is not None else []
    command += ["--force-conflicts"] if is_forced else []
    with log.open("ab") as lines:
        before = lines.tell()
        process = subprocess.Popen(
            command,
            env={**os.environ, ORDER_VARIABLE: order.to_json()},
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
            # A session of its own: neither Ctrl-C nor the end of the terminal reaches it.
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and not _has_begun(log, before) and time.monotonic() < deadline:
        time.sleep(0.05)
    return process.pid, process.poll()


def _has_begun(log: Path, before: int) -> bool:
    lines = log.read_bytes()[before:].splitlines()
    return any(b" Error: " not in line for line in lines)
