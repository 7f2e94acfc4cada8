"""Students of the real file as traffic: two cohorts, their requests to a server, and labels that come later."""

import csv
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from yachay.components.features import to_identifier
from yachay.components.pusher.candidate_server import free_port

PROGRAMMES = ("9500", "9085")
"""The programmes that open later: the first cohort has none of them."""

SETTINGS = (
    *("--set", "model.hyperparameters.boosted_trees.max_iter=60", "--set", "evaluation.slices=[]"),
    # Those of the configuration are what the whole file gives.
    *("--set", "tasks.semester2.thresholds={accuracy: {lower: 0.7}}"),
    *("--set", "monitor.window=500", "--set", "retrain.min_rows=300", "--set", "retrain.cooldown=0m"),
    *("--set", "retrain.promote=auto", "--set", "retrain.champion.metric=accuracy"),
)
"""Of a configuration for these cohorts: a small model, and a retraining that waits for little."""

Row = dict[str, str]


class Cohorts:
    """Students of the real file: those before, and those of new programmes in which fees are paid later.

    Of the second, fees stand as unpaid whatever the outcome: what the first model has learnt of them misleads it.
    """

    def __init__(self, source: Path) -> None:
        with source.open(encoding="utf-8-sig", newline="") as stream:
            sample = stream.read(2000)
            stream.seek(0)
            rows = list(csv.DictReader(stream, delimiter=csv.Sniffer().sniff(sample, ";,\t").delimiter))
        names = {to_identifier(name): name for name in rows[0]}
        self.course, self.fees = names["Course"], names["Tuition_fees_up_to_date"]
        random.Random(7).shuffle(rows)
        before = [row for row in rows if row[self.course] not in PROGRAMMES]
        self.trained, self.before = before[:-700], before[-700:]
        self.after = [row | {self.fees: "0"} for row in rows if row[self.course] in PROGRAMMES]

    def write(self, path: Path) -> Path:
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(self.trained[0]))
            writer.writeheader()
            writer.writerows(self.trained)
        return path


class Traffic:
    """Requests of one student each, and the labels that come later."""

    def __init__(self, port: int, labels: Path) -> None:
        self.url = f"http://127.0.0.1:{port}/v1/models/student-dropout:predict"
        self.labels = labels
        self.failures: list[str] = []
        self.sent = 0
        self._client = httpx.Client(timeout=60)
        self._number = 0
        labels.write_text("prediction_id,Target\n")

    def send(self, rows: Sequence[Row]) -> None:
        with self.labels.open("a") as stream:
            for row in rows:
                self._number += 1
                identity = f"student-{self._number}"
                if self.ask(row, identity):
                    stream.write(f"{identity},{row['Target']}\n")

    def ask(self, row: Row, identity: str) -> bool:
        instance = {to_identifier(name): json.loads(value) for name, value in row.items() if name != "Target"}
        try:
            response = self._client.post(self.url, json={"instances": [instance]}, headers={"X-Request-Id": identity})
        except httpx.HTTPError as error:
            self.failures.append(repr(error))
            return False
        if response.status_code != 200:
            self.failures.append(f"{response.status_code}: {response.text}")
            return False
        self.sent += 1
        return True

    @contextmanager
    def going_on(self, rows: Iterable[Row]) -> Iterator[None]:
        """Sends a row after the other meanwhile; each must succeed."""
        ended = threading.Event()

        def run() -> None:
            for number, row in enumerate(rows):
                if ended.wait(0.2):
                    return
                self.ask(row, f"meanwhile-{number}")

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextmanager
def served(output: Path, log: Path, port: int, *options: str, **environment: str) -> Iterator[None]:
    """Serves student_dropout and logs its predictions; `output` takes what the server prints."""
    command = [sys.executable, "-m", "yachay.cli.main", "serve", "student_dropout", *options, f"--port={port}"]
    command += [f"--grpc-port={free_port()}", f"--prediction_log={log}", "--prediction_log_rotate_seconds=1"]
    command += ["--poll_seconds=1", "--prediction_log_format=jsonl", "--no-page"]
    with output.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, **environment})
    try:
        wait_for(lambda: is_ready(port), output.read_text)
        yield
    finally:
        process.terminate()
        process.wait(60)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v1/models/student-dropout").status_code == 200
    except httpx.HTTPError:
        return False


def version(port: int) -> str:
    found = httpx.get(f"http://127.0.0.1:{port}/v2/models/student-dropout", timeout=60).json()["versions"]
    return str(found[-1])


def wait_for(is_met: Any, explain: Any = lambda: "") -> None:
    end = time.monotonic() + 240
    while not is_met():
        assert time.monotonic() < end, explain()
        time.sleep(0.2)


def num_logged(log: Path) -> int:
    return sum(len(path.read_bytes().splitlines()) for path in log.glob("*.jsonl"))
