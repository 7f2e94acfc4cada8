"""The circle through Kubeflow Pipelines.

Its pipelines are uploaded, scheduled and started on the tests' server; what that would run is run here, step by step,
with one folder for all buckets.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp_server import KfpServer

from yachay.components.pusher.candidate_server import free_port

from .cohorts import SETTINGS, Cohorts, Traffic, num_logged, served, version, wait_for

pytestmark = pytest.mark.slow

RECORDS, LABELLED = "minio://records/dropout", "minio://records/dropout/labelled"
PLACES = (
    *("--set", "push.store=minio://models", "--set", f"kubeflow.data_uri={RECORDS}"),
    *("--set", f"retrain.labelled={LABELLED}", "--set", "monitor.log=minio://logs/dropout"),
    *("--set", "monitor.labels=minio://labels/labels.csv", "--set", "schedules.monitor=0 3 * * 1"),
)


class Cluster:
    """What stands for a cluster: the server of the API, and this machine, which runs what it was asked to."""

    def __init__(self, yachay: Any, server: KfpServer, folder: Path) -> None:
        self._yachay, self._server, self._folder = yachay, server, folder
        self.buckets = folder / "buckets"

    def submit(self, *options: str) -> dict[str, Any]:
        command = ["submit", "student_dropout", "--image", "image:1", "--host", self._server.url, *SETTINGS, *PLACES]
        done = self._yachay(*command, *options)
        assert done.status == 0, done.stderr
        return dict(done.output)

    def run(self, started: dict[str, Any]) -> Any:
        """Runs what a run or a schedule of the server names, and lets the server see it succeed."""
        reference = started["pipeline_version_reference"]["pipeline_version_id"]
        document = self._server.versions[reference]["pipeline_spec"]
        spec = self._folder / f"{reference}.yaml"
        spec.write_text(yaml.safe_dump_all([document.get("pipeline_spec", document)]))
        parameters = started["runtime_config"]["parameters"].items()
        assignments = [word for name, value in parameters for word in ("-p", f"{name}={value}")]
        command = ["run-spec", spec, *assignments, "--workdir", self._folder / "runs", "--store", self.buckets]
        done = self._yachay(*command)
        while "run_id" in started and started["state"] != "SUCCEEDED":
            self._server.get_run(started["run_id"], query={}, body=None)
        return done

    def kept(self, folder: str) -> list[dict[str, Any]]:
        """Returns the lines of the retraining's state, the oldest first."""
        files = sorted((self.buckets / "minio/records/dropout/labelled" / folder).glob("*.json"))
        return [json.loads(file.read_text()) for file in files]


def test_the_scheduled_monitor_starts_a_training_on_kubeflow_that_is_served_without_a_failed_request(
    yachay: Any, real_data: Path, tmp_path: Path
) -> None:
    cohorts = Cohorts(next((real_data / "student_dropout").glob("*.csv")))
    before, after = cohorts.before[:500], cohorts.after[:600]
    mixed = iter(random.Random(8).sample(both := [*cohorts.trained, *before, *after], len(both)))
    port, log = free_port(), tmp_path / "buckets/minio/logs/dropout"
    for bucket in ("minio/records/dropout", "minio/labels"):
        (tmp_path / "buckets" / bucket).mkdir(parents=True)
    cohorts.write(tmp_path / "buckets/minio/records/dropout/data.csv")
    with KfpServer() as server:
        cluster = Cluster(yachay, server, tmp_path)
        cluster.submit()
        [first] = server.runs.values()
        trained = cluster.run(first)
        assert (trained.status, trained.output["verdict"]) == (0, "blessed"), trained.stderr
        cluster.submit("--pipeline", "monitor", "-p", f"kubeflow_url={server.url}")
        [schedule] = server.recurring_runs.values()
        assert schedule["trigger"]["cron_schedule"]["cron"] == "0 0 3 * * 1"
        server.runs.clear()

        serving = ("--set", "push.store=minio://models")
        output = tmp_path / "server.log"
        with served(output, log, port, *serving, YACHAY_OBJECT_STORE=str(cluster.buckets)):
            traffic = Traffic(port, cluster.buckets / "minio/labels/labels.csv")
            champion = version(port)

            traffic.send(before)
            wait_for(lambda: num_logged(log) >= traffic.sent)
            quiet = cluster.run(schedule)
            assert quiet.output["monitoring"]["verdict"] == "quiet", quiet.stderr
            assert not quiet.output["retraining"]["starts"]
            assert server.runs == {}

            traffic.send(after)
            wait_for(lambda: num_logged(log) >= traffic.sent)
            drifted = cluster.run(schedule)
            assert drifted.output["monitoring"]["verdict"] == "drift", drifted.stderr
            assert {"Course", "Tuition_fees_up_to_date"} <= {*drifted.output["monitoring"]["drifted"].split(",")}
            [started] = server.runs.values()
            assert drifted.output["retraining"]["run_id"] == started["run_id"]

            again = cluster.run(schedule)
            assert not again.output["retraining"]["starts"]
            assert len(server.runs) == 1

            with traffic.going_on(mixed):
                candidate = cluster.run(started)
                assert (candidate.status, candidate.output["verdict"]) == (0, "blessed"), candidate.stderr
                wait_for(lambda: version(port) != champion, output.read_text)
                sent = traffic.sent
                wait_for(lambda: traffic.sent >= sent + 20)
            assert candidate.states["ChampionGate"] == "done"

            traffic.send([next(mixed) for _ in range(500)])
            wait_for(lambda: num_logged(log) >= traffic.sent)
            calm = cluster.run(schedule)
            assert (calm.output["monitoring"]["verdict"], calm.output["monitoring"]["model"]) == (
                "quiet",
                version(port),
            ), calm.stderr
            assert not calm.output["retraining"]["starts"]
            assert len(server.runs) == 1
            assert traffic.failures == []
    assert [line["starts"] for line in cluster.kept("_decisions")] == [False, True, False, False]
    assert len(cluster.kept("_ends")) == 4
