"""The consumer in processes of its own, which are killed."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from yachay.serving.streaming.envelope import Envelope


class Consumer:
    """`python -m yachay.serving.streaming`, started anew whenever it was killed.

    Args:
        store: path.
        envelope: dict.
        log: path of the file of its standard error.
        flags: sequence of strings.
        environment: dict of variables to add.
    """

    def __init__(
        self, store: Path, envelope: dict[str, str], log: Path, flags: Sequence[str], environment: dict[str, str]
    ) -> None:
        self._command = [
            sys.executable, "-m", "yachay.serving.streaming", f"--model_dir={store}", "--model_name=student-dropout",
            f"--envelope={Envelope(**envelope).to_json()}", "--metrics_port=0", *flags,
        ]  # fmt: skip
        self._log = log
        self._environment = {**os.environ, **environment, "TF_CPP_MIN_LOG_LEVEL": "2"}
        self._process: subprocess.Popen[bytes] | None = None
        self.num_kills = 0

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stderr=log, env=self._environment)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def memory_mib(self) -> float:
        assert self._process is not None
        return float(psutil.Process(self._process.pid).memory_info().rss) / 2**20

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(120)

    def end(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(60)

    def _restart(self) -> None:
        """Starts it anew where it ended because a broker was away for long, as a Deployment would."""
        assert self._process is not None
        status = self._process.poll()
        if status is not None:
            assert status == 1, self._log.read_text()[-3000:]
            time.sleep(1)
            self.start()

    def kill_until(self, count: Callable[[], int], wanted: int, seconds: tuple[float, float]) -> None:
        """Kills it every few seconds of work, until that many outputs are there."""
        generator = random.Random(7)
        deadline = time.monotonic() + 900
        if self._process is None:
            self.start()
        while True:
            before = count()
            # Only one that works is worth killing.
            while count() == before < wanted:
                self._restart()
                assert time.monotonic() < deadline, self._log.read_text()[-3000:]
                time.sleep(0.05)
            end = time.monotonic() + generator.uniform(*seconds)
            while time.monotonic() < end and count() < wanted:
                time.sleep(0.05)
                self._restart()
            if count() >= wanted:
                return
            self.kill()
            self.num_kills += 1
            self.start()


class LineCounter:
    """Counts the lines of a file that grows, and reads each once.

    Args:
        path: path. It may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._identifiers: list[str] = []

    def count(self) -> int:
        return len(self.identifiers())

    def identifiers(self) -> list[str]:
        """Returns the event ids, in the order of the lines."""
        if not self._path.exists():
            return self._identifiers
        with self._path.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        content = content[: content.rfind(b"\n") + 1]
        self._offset += len(content)
        self._identifiers += [json.loads(line)["event_id"] for line in content.splitlines()]
        return self._identifiers
