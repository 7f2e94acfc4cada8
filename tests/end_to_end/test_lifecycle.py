"""The circle: run, serve, log, watch, train anew, the gate, the champion, serve."""

import csv
import itertools
import json
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
import mlflow
import pytest
from mlflow_process import mlflow_server

from yachay.components.features import to_identifier
from yachay.components.pusher.candidate_server import free_port
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.store import list_pushes

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "yachay.cli.main"]

PROGRAMMES = ("9500", "9085")
"""The programmes that open later: the first cohort has none of them."""

NAME, HOME = "student_dropout-semester2", "student-dropout--semester2"

SETTINGS = (
    *("--set", "model.hyperparameters.boosted_trees.max_iter=60", "--set", "evaluation.slices=[]"),
    # Those of the configuration are what the whole file gives.
    *("--set", "tasks.semester2.thresholds={accuracy: {lower: 0.7}}"),
    *("--set", "monitor.window=500", "--set", "retrain.min_rows=300", "--set", "retrain.cooldown=0m"),
    *("--set", "retrain.promote=auto", "--set", "retrain.champion.metric=accuracy"),
)

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
def served(workdir: Path, log: Path, port: int) -> Iterator[None]:
    command = [*COMMAND, "serve", "student_dropout", "--workdir", str(workdir), f"--port={port}", "--no-page"]
    command += [f"--grpc-port={free_port()}", f"--prediction_log={log}", "--prediction_log_rotate_seconds=1"]
    command += ["--poll_seconds=1", "--prediction_log_format=jsonl"]
    with (workdir / "server.log").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for(lambda: is_ready(port), (workdir / "server.log").read_text)
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


def decided(result: Any) -> dict[str, Any]:
    [line] = [line for line in result.stderr.splitlines() if line.startswith('{"time"')]
    return dict(json.loads(line))


def promote(yachay: Any, why: str, options: Sequence[Any]) -> None:
    done = yachay("models", "promote", "student_dropout", "--to", "production", "--why", why, *options)
    assert (done.status, done.output["state"]) == (0, "promoted"), done.stderr


def test_drift_trains_a_model_that_beats_the_champion_and_is_served_without_a_failed_request(
    yachay: Any, real_data: Path, tmp_path: Path
) -> None:
    cohorts = Cohorts(next((real_data / "student_dropout").glob("*.csv")))
    data, log, workdir = cohorts.write(tmp_path / "data.csv"), tmp_path / "log", tmp_path / "runs"
    before, after = cohorts.before[:500], cohorts.after[:600]
    # What the second model learns from, each row once.
    mixed = iter(random.Random(8).sample(both := [*cohorts.trained, *before, *after], len(both)))
    port = free_port()
    with mlflow_server(tmp_path) as (url, _):
        options = ["--workdir", workdir, *SETTINGS, "--set", f"tracking.uri={url}"]
        first = yachay("run", "student_dropout", "--data", data, *options)
        assert first.status == 0, first.stderr
        promote(yachay, "the first", options)
        with served(workdir, log, port):
            traffic = Traffic(port, tmp_path / "labels.csv")
            watch = ["student_dropout", "--log", log, "--labels", traffic.labels, "--retrain", "--data", data, *options]
            champion = version(port)

            traffic.send(before)
            wait_for(lambda: num_logged(log) >= traffic.sent)
            quiet = yachay("monitor", *watch)
            assert (quiet.status, quiet.output["verdict"]) == (0, "quiet"), quiet.stderr
            decision = decided(quiet)
            assert not decision["starts"]
            assert decision["reason"] == "Nothing calls for a training: the monitor's verdict is quiet."

            traffic.send(after)
            wait_for(lambda: num_logged(log) >= traffic.sent)
            with traffic.going_on(mixed):
                drifted = yachay("monitor", *watch)
                wait_for(lambda: version(port) != champion, (workdir / "server.log").read_text)
                sent = traffic.sent
                wait_for(lambda: traffic.sent >= sent + 20)
            assert drifted.status == 4, drifted.stderr
            assert {"Course", "Tuition_fees_up_to_date"} <= {reason["name"] for reason in drifted.output["reasons"]}
            assert decided(drifted)["starts"], drifted.stderr
            assert "drift of" in decided(drifted)["reason"]
            assert traffic.failures == []

            again = decided(yachay("monitor", *watch))
            assert not again["starts"], again

            traffic.send(list(itertools.islice(mixed, 500)))
            wait_for(lambda: num_logged(log) >= traffic.sent)
            calm = yachay("monitor", *watch)
            assert (calm.status, calm.output["verdict"]) == (0, "quiet"), calm.stderr
            assert not decided(calm)["starts"]
            assert traffic.failures == []
            candidate = version(port)
            assert calm.output["model"] == candidate

        client = mlflow.MlflowClient(url)
        experiment = client.get_experiment_by_name(HOME)
        second_run, first_run = client.search_runs([experiment.experiment_id])
        assert first_run.data.tags["run_id"] == first.output["run_id"]
        assert [run.data.tags["verdict"] for run in (first_run, second_run)] == ["blessed", "blessed"]
        assert second_run.data.metrics["newest/rows"] >= 50
        assert second_run.data.metrics["newest/accuracy"] > second_run.data.metrics["newest/champion/accuracy"]
        aliases = {name: client.get_model_version_by_alias(NAME, name) for name in ("champion", "challenger")}
        assert {name: one.version for name, one in aliases.items()} == {"champion": "1", "challenger": "2"}
        assert [one.run_id for one in aliases.values()] == [first_run.info.run_id, second_run.info.run_id]
        promote(yachay, "quiet since", options)
        assert client.get_model_version_by_alias(NAME, "champion").version == "2"
    pushes = list_pushes(FolderStore(workdir / HOME / "models"))
    assert [str(push.version) for push in pushes] == [champion, candidate]
