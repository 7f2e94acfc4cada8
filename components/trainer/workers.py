"""Workers of a training on one machine: processes that train the same settings on the same rows.

    run_workers(2, arguments)  # `model.strategy: multi_worker` with `model.workers: 2`

Each is `python -m yachay.components.trainer.worker FILE` with `TF_CONFIG`, what a pod of a TFJob would run too.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from ...errors import ModelError
from ...files import scratch_folder
from .distribution import TF_CONFIG

_WORKER = __name__.removesuffix("s")
_POLL_SECONDS = 0.2
_MAX_MESSAGE = 2000


def run_workers(num_workers: int, arguments: Mapping[str, Any]) -> None:
    """Trains with so many processes on this machine, of which the first one writes the model.

    Args:
        num_workers: int.
        arguments: mapping. Those of `run_fn`, as JSON has them.

    Raises:
        ModelError: if one of them fails; the others are then ended.
    """
    with scratch_folder() as folder:
        file = folder / "arguments.json"
        file.write_text(json.dumps(arguments), "utf-8")
        command = [sys.executable, "-m", _WORKER, str(file)]
        addresses = [f"127.0.0.1:{port}" for port in _free_ports(num_workers)]
        logs = [(folder / f"{place}.log").open("w+") for place in range(num_workers)]
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for place, log in enumerate(logs):
                config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": place}}
                environment = {**os.environ, TF_CONFIG: json.dumps(config)}
                processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment))
            _wait(processes, logs)
        finally:
            for process in processes:
                process.kill()
                process.wait()
            for log in logs:
                log.close()


def _wait(processes: Sequence[subprocess.Popen[bytes]], logs: Sequence[IO[str]]) -> None:
    while None in (statuses := [process.poll() for process in processes]) or any(statuses):
        for place, status in enumerate(statuses):
            if status:
                logs[place].seek(0)
                raise ModelError(
                    f"Expected {len(processes)} workers to train. Received: worker {place} ended with the status "
                    f"{status}:\n{logs[place].read()[-_MAX_MESSAGE:]}"
                )
        time.sleep(_POLL_SECONDS)


def _free_ports(count: int) -> list[int]:
    """Returns ports that no one listens on; one may be taken before a worker does, which is then an error."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
