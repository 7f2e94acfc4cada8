"""Runs on a real MLflow server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlflow_process import mlflow_server
from report_samples import sample_report
from served_process import stop

from yachay.cli.main import run as run_command
from yachay.components.evaluation_report.report import TrialRow, Trials
from yachay.components.run_tracker import mlflow_runs, spool
from yachay.components.run_tracker.deliver import deliver, send
from yachay.components.run_tracker.describe import describe_unfinished
from yachay.components.run_tracker.mlflow_server import TrackingError
from yachay.components.run_tracker.record import PushedModel, RunRecord
from yachay.components.run_tracker.settings import TrackerConfig, public_address
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.ledger import RETIRED, record_event

from .conftest import MakeRecord, add_push, tracked_report
from .proxy import PASSWORD, USER, proxy

pytestmark = pytest.mark.integration


def runs(client: Any, config: TrackerConfig, query: str = "") -> list[Any]:
    experiment = client.get_experiment_by_name(config.experiment)
    return list(client.search_runs([experiment.experiment_id], query))


def test_a_run_has_its_parameters_metrics_with_intervals_slices_steps_data_and_files(
    make_record: MakeRecord, client: Any, config: TrackerConfig
) -> None:
    delivery = send(make_record())

    [run] = runs(client, config)
    assert delivery.state == "tracked"
    assert delivery.url.endswith(f"/runs/{run.info.run_id}")
    assert (run.info.status, run.info.run_name) == ("FINISHED", "run-1")
    assert run.data.params["family"] == "boosted_trees"
    assert run.data.params["nested.rate"] == "0.1"
    assert run.data.metrics["accuracy"] == 0.8
    assert (run.data.metrics["accuracy/lower"], run.data.metrics["accuracy/upper"]) == (0.78, 0.8200000000000001)
    assert run.data.metrics["slice/Gender: 0/accuracy"] == 0.75
    assert run.data.metrics["slice/Course: Diseño-Arte _ 2/accuracy"] == 0.5
    assert (run.data.metrics["seconds/Trainer"], run.data.metrics["memory_mib/Trainer"]) == (2.5, 300.0)
    assert run.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert {name: run.data.tags[name] for name in ("pipeline", "task", "run_id", "verdict")} == {
        "pipeline": "student_dropout",
        "task": "semester2",
        "run_id": "run-1",
        "verdict": "blessed",
    }
    [data] = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("student_dropout", "f" * 36)
    assert [file.path for file in client.list_artifacts(run.info.run_id, "report")] == ["report/report.html"]


def test_a_run_that_is_not_blessed_has_the_reason(make_record: MakeRecord, client: Any, config: TrackerConfig) -> None:
    send(make_record(report=tracked_report(is_blessed=False, metrics={"accuracy": 0.7})))

    [run] = runs(client, config)
    assert run.data.tags["verdict"] == "not blessed"
    assert run.data.tags["reason"] == "accuracy 0.7, expected at least 0.76 and at most 0.82"


def test_a_run_that_failed_has_the_error_and_what_it_measured_before(client: Any, config: TrackerConfig) -> None:
    record = describe_unfinished(
        config,
        "run-9",
        "Expected a column. Received: none.",
        seconds={"ExampleGen": 1.0},
        failed_node="Transform",
        data_fingerprint="abc",
    )
    send(record)

    [run] = runs(client, config)
    assert run.info.status == "FAILED"
    assert run.data.tags["failed_node"] == "Transform"
    assert run.data.tags["mlflow.note.content"] == "failed at Transform: Expected a column. Received: none."
    assert run.data.metrics == {"seconds/ExampleGen": 1.0}


def test_trials_are_nested_runs(make_record: MakeRecord, client: Any, config: TrackerConfig) -> None:
    rows = [
        TrialRow(
            number=number, source="random", family="linear", parameters={"l2": 0.1}, status=status, score=score,
            folds=(score,), seconds=1.0, message=message,
        )
        for number, status, score, message in ((1, "completed", 0.8, ""), (2, "failed", None, "no memory"))
    ]  # fmt: skip
    trials = Trials(
        objective="accuracy", higher_is_better=True, oracle="random", num_folds=1, num_records=10, seconds=2.0, best=1,
        taken=1, keep_level=0.05, trials=tuple(rows),
    )  # fmt: skip
    send(make_record(report=tracked_report(trials=trials)))

    [parent] = runs(client, config, "tags.run_id = 'run-1'")
    nested = runs(client, config, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert {run.info.run_name: run.info.status for run in nested} == {"trial 1": "FINISHED", "trial 2": "FAILED"}
    assert next(run for run in nested if run.info.run_name == "trial 1").data.metrics["accuracy"] == 0.8


def test_a_run_that_is_sent_twice_is_there_once(make_record: MakeRecord, client: Any, config: TrackerConfig) -> None:
    first, second = send(make_record()), send(make_record(start_ms=1, end_ms=2))
    again = send(make_record(start_ms=1, end_ms=2))

    assert first.url == second.url == again.url
    assert again.is_new is False
    assert len(runs(client, config)) == 1


def test_two_that_send_a_run_at_once_make_one(make_record: MakeRecord, client: Any, config: TrackerConfig) -> None:
    record = make_record()
    with ThreadPoolExecutor(4) as threads:
        urls = {delivery.url for delivery in threads.map(send, [record] * 4)}

    assert len(urls) == 1
    assert len(runs(client, config)) == 1


@pytest.mark.parametrize("order", [0, 1])
def test_machines_that_both_found_none_come_to_one_run(
    make_record: MakeRecord, client: Any, config: TrackerConfig, monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    """The second looked before the first had made its run, and made its own when that was half sent, or sent."""
    record, send_parts, find = make_record(), mlflow_runs._send, mlflow_runs.find_run
    urls = []

    def stalled(*arguments: Any) -> Any:
        monkeypatch.setattr(mlflow_runs, "find_run", find)
        return None

    def meanwhile() -> None:
        monkeypatch.setattr(mlflow_runs, "_send", send_parts)
        monkeypatch.setattr(mlflow_runs, "find_run", stalled)
        urls.append(send(record).url)

    def first(*arguments: Any) -> None:
        send_parts(*arguments)
        if order == 0:
            meanwhile()

    monkeypatch.setattr(mlflow_runs, "_send", first)
    urls.append(send(record).url)
    if order == 1:
        meanwhile()

    assert len({*urls}) == 1
    [run] = runs(client, config)
    assert (run.info.status, urls[0].endswith(run.info.run_id)) == ("FINISHED", True)


def test_two_runs_at_once_share_a_new_experiment(make_record: MakeRecord, client: Any, config: TrackerConfig) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, [make_record(f"run-{number}") for number in range(4)]))

    assert len(runs(client, config)) == 4


def test_what_an_interrupted_attempt_left_is_completed(
    make_record: MakeRecord, client: Any, config: TrackerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ConnectionError("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow_runs, "_dataset_input", fail)
        with pytest.raises(TrackingError, match="Received: ConnectionError: the server is gone"):
            send(make_record())
    [left] = runs(client, config)
    send(make_record())

    [run] = runs(client, config)
    assert (left.info.status, run.info.status) == ("RUNNING", "FINISHED")
    assert left.info.run_id == run.info.run_id
    assert len(client.get_metric_history(run.info.run_id, "accuracy")) <= 2


@pytest.mark.slow
def test_a_server_that_is_killed_in_the_middle_costs_nothing_and_the_spool_is_sent_later(
    make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = mlflow_runs._log
    (tmp_path / "server").mkdir()
    with mlflow_server(tmp_path / "server") as (url, process):
        record = make_record(uri=url)

        def kill_first(*arguments: Any) -> None:
            stop(process)
            log(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(mlflow_runs, "_log", kill_first)
            delivery = deliver(record, tmp_path / "run" / spool.SPOOL)
        assert delivery.state == "kept"
        assert "Check that it runs and can be reached from here." in delivery.reason
    with mlflow_server(tmp_path / "server", port=int(url.rpartition(":")[2])):
        kept = RunRecord.read(tmp_path / "run" / spool.SPOOL)
        first, second = send(kept), send(kept)

    assert (first.is_new, second.is_new, first.url) == (True, False, second.url)


def test_a_server_that_is_down_is_not_waited_for(tmp_path: Path, make_record: MakeRecord) -> None:
    delivery = deliver(make_record(uri="http://127.0.0.1:9"), tmp_path / "spool")

    assert delivery.state == "kept"
    assert "Expected the server http://127.0.0.1:9 to take the request." in delivery.reason
    assert spool.is_kept(tmp_path / "spool")


def test_a_spool_that_cannot_be_written_fails_no_run(tmp_path: Path, make_record: MakeRecord) -> None:
    (tmp_path / "full").write_text("a file stands where the folder is to be made")

    delivery = deliver(make_record(uri="http://127.0.0.1:9"), tmp_path / "full" / "spool")

    assert delivery.state == "lost"
    assert "Nor could it be kept in" in delivery.reason


@pytest.fixture(scope="module")
def guarded(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The server behind a proxy with users, a path prefix and a certificate of its own authority."""
    with proxy(server, tmp_path_factory.mktemp("proxy")) as place:
        yield place


def test_a_server_behind_a_proxy_with_a_prefix_users_and_its_own_authority(
    make_record: MakeRecord, guarded: tuple[str, Path], client: Any, config: TrackerConfig, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, store: FolderStore,
) -> None:  # fmt: skip
    url, authority = guarded
    pushed = PushedModel(name=config.model_name, store=store.uri, version=add_push(store).version)
    record = make_record(uri=url, push=pushed)

    unknown_authority = deliver(record, tmp_path / "spool")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority))
    no_user = deliver(record, tmp_path / "spool")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", f"not {PASSWORD}")
    wrong_password = deliver(record, tmp_path / "spool")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    sent = deliver(record, tmp_path / "spool")

    assert "Set MLFLOW_TRACKING_SERVER_CERT_PATH" in unknown_authority.reason
    assert "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in no_user.reason
    assert "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in wrong_password.reason
    assert PASSWORD not in wrong_password.reason
    assert (sent.state, sent.model) == ("tracked", f"models:/{config.model_name}/1")
    [run] = runs(client, config)
    assert sent.url == f"{url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def test_a_token_that_cannot_be_sent_is_not_shown(
    make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "geheim\n")

    delivery = deliver(make_record(), tmp_path / "spool")

    assert delivery.state == "kept"
    assert "(MLFLOW_TRACKING_TOKEN)" in delivery.reason
    assert not any(b"geheim" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "geheim" not in delivery.reason


def test_slices_that_differ_only_in_what_mlflow_does_not_take_keep_their_own_metrics(
    make_record: MakeRecord, client: Any, config: TrackerConfig
) -> None:
    slices = [({"income": f"{sign} 2"}, 4, {"accuracy": value}) for sign, value in (("≤", 0.25), (">", 0.75))]
    slices += [({"campus": f"{'x' * 300}{number}"}, 4, {"accuracy": number / 300}) for number in range(300)]
    lineage = tracked_report().lineage.model_copy(update={"parameters": {"odd name=ñ": "x" * 7000}})
    report = tracked_report().model_copy(update={"lineage": lineage})
    report = report.model_copy(update={"slices": sample_report(slices=slices).slices})

    assert send(make_record(report=report)).state == "tracked"

    [run] = runs(client, config)
    found = {name: value for name, value in run.data.metrics.items() if name.startswith("slice/income")}
    assert {0.25, 0.75} <= set(found.values())
    assert len([name for name in run.data.metrics if name.startswith("slice/campus") and "/accuracy" in name]) >= 300
    assert len(run.data.params["odd name_ñ"]) == 6000


def test_track_sends_a_spool_corrects_the_summary_and_names_files_that_are_gone(
    make_record: MakeRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "home/runs/run-1/tracking"
    spool.keep(make_record(), folder)
    (folder / "files/report/report.html").unlink()
    summary = folder.with_name("summary.json")
    summary.write_text('{"tracking": {"state": "kept"}, "metrics": {"log_loss": null}}')

    assert run_command(["track", str(folder), "--json"]) == 0

    printed = json.loads(capsys.readouterr().out)
    assert (printed["state"], printed["missing"]) == ("tracked", ["report/report.html"])
    noted = json.loads(summary.read_text())
    assert (noted["tracking"]["state"], noted["tracking"]["url"]) == ("tracked", printed["url"])
    assert noted["metrics"] == {"log_loss": None}
    assert sorted(path.name for path in folder.parent.iterdir()) == ["summary.json"]


def test_a_spool_whose_push_was_retired_is_sent_without_its_model(
    make_record: MakeRecord, store: FolderStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = add_push(store)
    add_push(store, b"better")
    folder = tmp_path / "home/runs/run-1/tracking"
    spool.keep(make_record(push=PushedModel(name="sample", store=store.uri, version=first.version)), folder)
    store.remove(first.version)

    assert run_command(["track", str(folder)]) == 1
    assert "and no word that it was retired" in capsys.readouterr().err
    assert spool.is_kept(folder)
    record_event(store, RETIRED, first, why="superseded")
    assert run_command(["track", str(folder)]) == 0

    assert "none: Its push" in capsys.readouterr().out
    assert not spool.is_kept(folder)


def test_a_record_of_a_spool_that_was_changed_is_rejected(tmp_path: Path, make_record: MakeRecord) -> None:
    spool.keep(make_record(), tmp_path / "spool")
    record = tmp_path / "spool" / "record.json"
    record.write_text(record.read_text().replace("files/report/report.html", "/etc/passwd"))

    with pytest.raises(ValueError, match=r"to lie beside it. Received: /etc/passwd"):
        RunRecord.read(tmp_path / "spool")


def test_nothing_of_mlflow_is_imported_where_nothing_is_tracked() -> None:
    code = (
        "import sys; from yachay.components.run_tracker import deliver, describe, registry, settings;"
        "sys.exit('mlflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "uri", ["HTTPS://me:geheim@h", "https://geheim@h", "postgresql://me:geheim@h/db", "https://h?token=geheim"]
)
def test_an_address_has_no_user_password_or_token(uri: str) -> None:
    with pytest.raises(ValueError, match="expected no user, password or query in the address") as caught:
        public_address(uri)
    assert "geheim" not in str(caught.value)
