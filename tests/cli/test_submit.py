import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp_samples import compiled_pipeline, platform_document
from kfp_server import KfpServer

from yachay.cli.main import run
from yachay.pipelines.kubeflow.client import follow

pytestmark = pytest.mark.integration

Write = Callable[..., str]
LABEL = ["-p", "label=Target"]


@pytest.fixture(autouse=True)
def _no_waiting_and_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(follow, "LOST_SECONDS", 0.1)
    for variable in [name for name in os.environ if name.startswith(("KF_PIPELINES_", "KFP_"))]:
        monkeypatch.delenv(variable)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*documents: Any, name: str = "pipeline.yaml") -> str:
        (tmp_path / name).write_text(yaml.safe_dump_all(documents or [compiled_pipeline()]))
        return str(tmp_path / name)

    return write


def submitted(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return json.loads(captured.out)


def test_a_first_submission_uploads_the_version_and_starts_a_run(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    with KfpServer() as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--json"]) == 0

        submission = submitted(capsys)
        (started,) = server.runs.values()
        assert submission["pipeline_id"] in server.pipelines
        assert started["pipeline_version_reference"]["pipeline_version_id"] == submission["version_id"]
        assert submission["run_id"] == started["run_id"]
        assert submission["state"] == "PENDING"
        assert submission["link"] == f"{server.url}/#/runs/details/{started['run_id']}"
        assert submission["error"] is None


def test_the_same_content_is_uploaded_once_however_it_is_laid_out(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = write(compiled_pipeline(), platform_document())
    (tmp_path / "other.yaml").write_text(
        "# A comment\n" + json.dumps(compiled_pipeline()) + "\n---\n" + json.dumps(platform_document(), indent=2)
    )
    with KfpServer() as server:
        assert run(["submit", pipeline, "--host", server.url, *LABEL]) == 0
        assert run(["submit", str(tmp_path / "other.yaml"), "--host", server.url, *LABEL]) == 0

        assert server.uploads == 1
        assert len(server.runs) == 2
        assert "is there already" in capsys.readouterr().err


def test_changed_content_is_a_new_version_of_the_same_pipeline(write: Write) -> None:
    changed = compiled_pipeline()
    changed["root"]["inputDefinitions"]["parameters"]["steps"]["defaultValue"] = 200
    with KfpServer() as server:
        assert run(["submit", write(), "--host", server.url, *LABEL]) == 0
        assert run(["submit", write(changed), "--host", server.url, *LABEL]) == 0

        assert len(server.pipelines) == 1
        assert len(server.versions) == 2


def test_a_version_with_other_content_is_never_overwritten(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with KfpServer() as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--version", "v1"]) == 0
        assert (
            run(
                [
                    "submit",
                    write(platform_document(), compiled_pipeline()),
                    "--host",
                    server.url,
                    *LABEL,
                    "--version",
                    "v1",
                ]
            )
            == 1
        )

        assert "Received: one with other content. Give another --version" in capsys.readouterr().err
        assert server.uploads == 1
        assert len(server.runs) == 1


def test_a_spec_that_the_server_rejects_leaves_nothing_behind(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    old = compiled_pipeline() | {"schemaVersion": "2.0.0"}
    with KfpServer() as server:
        assert run(["submit", write(old), "--host", server.url, *LABEL, "--json"]) == 1

        submission = submitted(capsys)
        assert "KFP only supports schema version 2.1.0" in submission["error"]
        assert "HTTP 400" in submission["error"]
        assert submission["pipeline_id"] is None
        assert server.pipelines == {}


def test_a_task_name_that_argo_rejects_is_reported(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = compiled_pipeline()
    tasks = pipeline["root"]["dag"]["tasks"]
    tasks["latest_blessed"] = tasks.pop("Trainer")
    with KfpServer() as server:
        assert run(["submit", write(pipeline), "--host", server.url, *LABEL]) == 1

        assert "'latest_blessed-driver' is invalid: name must consist of" in capsys.readouterr().err


@pytest.mark.parametrize("redirects_to_log_in", [False, True])
def test_a_rejected_token_is_reported_with_where_to_put_one(
    redirects_to_log_in: bool,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KFP_EXISTING_TOKEN", "expired")
    with KfpServer(token="valid", redirects_to_log_in=redirects_to_log_in) as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--json"]) == 1

    assert "Put a valid token in KFP_EXISTING_TOKEN" in submitted(capsys)["error"]


@pytest.mark.parametrize("kind", ["token", "file"])
def test_the_token_is_read_from_the_environment(
    kind: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "token":
        monkeypatch.setenv("KFP_EXISTING_TOKEN", "valid")
    else:
        (tmp_path / "token").write_text("valid\n")
        monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    with KfpServer(token="valid") as server:
        assert run(["submit", write(), "--host", server.url, *LABEL]) == 0


def test_a_server_that_is_gone_is_reported(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with KfpServer() as server:
        url = server.url

    assert run(["submit", write(), "--host", url, *LABEL, "--json"]) == 1

    captured = capsys.readouterr()
    assert f"Expected {url} to respond. Received: [Errno" in captured.err
    assert len(captured.err.splitlines()) == 1
    assert "Connection refused" in json.loads(captured.out)["error"]


def test_an_address_that_is_no_api_is_reported(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with KfpServer() as server:
        assert run(["submit", write(), "--host", f"{server.url}/pipeline", *LABEL]) == 1

    assert "Not Found" in capsys.readouterr().err


def test_a_run_is_followed_to_its_success(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with KfpServer() as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--wait", "--json"]) == 0

    captured = capsys.readouterr()
    lines = [line.split()[:2] for line in captured.err.splitlines()]
    assert ["ExampleGen", "done"] in lines
    assert lines.index(["ExampleGen", "done"]) < lines.index(["Trainer", "done"])
    assert json.loads(captured.out)["state"] == "SUCCEEDED"


OURS = """Traceback (most recent call last):
{"node": "Trainer", "state": "failed", "error": "Expected `label` in the data. Attempt ATTEMPT.", "seconds": 1.0}
F0821 10:00:00.000000       1 main.go:60] failed to execute component: exit status 1
"""


def test_a_failed_run_shows_the_reason_from_the_log_of_its_step(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    with KfpServer(failing_task="Trainer", log=OURS) as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--wait", "--json"]) == 1

        submission = submitted(capsys)
        assert submission["state"] == "FAILED"
        assert submission["error"] == (
            "Expected the run to succeed. Received: FAILED of Trainer.\n"
            "  Trainer: Expected `label` in the data. Attempt 0.\n"
            f"Its logs: {server.url}/#/runs/details/{submission['run_id']}"
        )


def test_of_a_step_that_is_tried_again_the_last_attempt_gives_the_reason(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    with KfpServer(failing_task="Trainer", log=OURS, attempts=3) as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--wait", "--json"]) == 1

    assert "Trainer: Expected `label` in the data. Attempt 2." in submitted(capsys)["error"]


def test_of_a_step_of_others_the_last_lines_of_its_log_are_shown(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    with KfpServer(failing_task="Trainer", log="one\ntwo\nthree\n\nKilled\n") as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--wait", "--json"]) == 1

    assert "Trainer: its log ends with\n    two\n    three\n    Killed\n" in submitted(capsys)["error"]


def test_a_server_that_keeps_no_logs_leaves_the_reason_open(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with KfpServer(failing_task="Trainer") as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--wait", "--json"]) == 1

    error = submitted(capsys)["error"]
    assert "Received: FAILED of Trainer." in error
    assert "Trainer: unknown, for its log cannot be read here" in error
    assert "artifact not found" in error


def test_a_task_that_could_not_be_started_is_named_with_its_driver(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    with KfpServer(failing_task="Trainer-driver") as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--wait", "--json"]) == 1

    assert "Received: FAILED of Trainer-driver." in submitted(capsys)["error"]


def test_a_wait_ends_with_its_timeout_and_the_run_goes_on(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with KfpServer(at_look=lambda look: time.sleep(0.6)) as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--wait", "--timeout", "1s", "--json"]) == 1

    error = submitted(capsys)["error"]
    assert error.startswith("Expected the run to end within the --timeout of 1 s. Received: RUNNING. The run goes on: ")


def test_a_run_has_the_name_and_the_service_account_that_are_ordered(write: Write) -> None:
    named = ["--run-name", "nightly 7", "--service-account", "team-a"]
    with KfpServer() as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, *named]) == 0
        assert run(["submit", write(), "--host", server.url, *LABEL, *named, "--schedule", "@daily"]) == 0

        for made in (*server.runs.values(), *server.recurring_runs.values()):
            assert (made["display_name"], made["service_account"]) == ("nightly 7", "team-a")


def test_a_server_that_goes_away_while_waiting_is_reported_with_the_link(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(look: int) -> None:
        threading.Thread(target=server.stop).start()

    server = KfpServer(at_look=stop)
    server._thread.start()
    assert run(["submit", write(), "--host", server.url, *LABEL, "--wait", "--json"]) == 1

    submission = submitted(capsys)
    assert "Connection refused" in submission["error"]
    assert f"The run may go on: {server.url}/#/runs/details/{submission['run_id']}" in submission["error"]


def test_an_interrupted_wait_leaves_the_run_alone(write: Write) -> None:
    def interrupt(look: int) -> None:
        waiting.send_signal(signal.SIGINT)

    with KfpServer(at_look=interrupt) as server:
        command = ["submit", write(), "--host", server.url, *LABEL, "--wait", "--json"]
        waiting = subprocess.Popen(
            [sys.executable, "-m", "yachay.cli.main", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        out, err = waiting.communicate(timeout=60)

        (started,) = server.runs.values()
        assert waiting.returncode == 130
        assert f"The run goes on: {server.url}/#/runs/details/{started['run_id']}" in err
        assert "Traceback" not in err
        assert json.loads(out)["error"].startswith("Interrupted. The run goes on")


def test_a_schedule_starts_a_recurring_run_with_seconds_first(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with KfpServer() as server:
        assert run(["submit", write(), "--host", server.url, *LABEL, "--schedule", "30 3 * * mon", "--json"]) == 0

        submission = submitted(capsys)
        (recurring,) = server.recurring_runs.values()
        assert recurring["trigger"]["cron_schedule"]["cron"] == "0 30 3 * * mon"
        assert submission["recurring_run_id"] == recurring["recurring_run_id"]
        assert submission["run_id"] is None
        assert submission["state"] == "ENABLED"
        assert submission["link"] == f"{server.url}/#/recurringrun/details/{recurring['recurring_run_id']}"


def test_the_same_schedule_is_made_once_and_another_one_is_reported(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    with KfpServer() as server:
        daily = ["submit", write(), "--host", server.url, *LABEL, "-p", "steps=50", "--schedule", "@daily"]
        assert run(daily) == 0
        assert run(daily) == 0
        assert len(server.recurring_runs) == 1
        assert "Schedule there already: @daily" in capsys.readouterr().err

        assert run([*daily[:-1], "@hourly"]) == 0
        (first, _) = server.recurring_runs
        assert f"Warning: another schedule of this pipeline goes on: {server.url}/#/recurringrun/details/{first}" in (
            capsys.readouterr().err
        )


def test_parameters_and_root_reach_the_run_typed(write: Write) -> None:
    parameters = ["label=7", "steps=50", "learning_rate=1e-3", "shuffle=False", 'columns=["a"]', 'layers={"a": 1}']
    arguments = [part for parameter in parameters for part in ("-p", parameter)]
    with KfpServer() as server:
        assert run(["submit", write(), "--host", server.url, *arguments, "--pipeline-root", "s3://bucket/runs"]) == 0

        (started,) = server.runs.values()
        assert started["runtime_config"] == {
            "parameters": {
                "label": "7",
                "steps": 50,
                "learning_rate": 0.001,
                "shuffle": False,
                "columns": ["a"],
                "layers": {"a": 1},
                "pipeline_root": "s3://bucket/runs",
            },
            "pipeline_root": "s3://bucket/runs",
        }


def test_the_experiment_is_the_named_one_or_the_environments(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    with KfpServer() as server:
        for arguments in ([], ["--experiment", "nightly"], ["--experiment", "nightly"]):
            assert run(["submit", write(), "--host", server.url, *LABEL, *arguments]) == 0
        monkeypatch.setenv("KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME", "team")
        assert run(["submit", write(), "--host", server.url, *LABEL]) == 0

        names = [experiment["display_name"] for experiment in server.experiments.values()]
        assert names == ["Default", "nightly", "team"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.yaml"], "Received: no such file. Make one with `yachay compile`."),
        (["pipeline.txt"], "a name that ends in none of .yaml, .yml, .json"),
        (["binary.yaml"], "a file that is no YAML"),
        (["list.yaml"], "a list where a mapping is due"),
        (["job.yaml"], "a PipelineJob, whose spec lies under `pipelineSpec`"),
        (["argo.yaml"], "an Argo Workflow, which is the format of KFP 1"),
        (
            ["unknown.yaml"],
            'one that is no PipelineSpec (Message type "ml_pipelines.PipelineSpec" has no field named "foo"',
        ),
        (["empty.yaml"], "0 PipelineSpecs and 0 platform documents"),
        (["pipeline.yaml"], "Received: none. Add -p label=..."),
        (["pipeline.yaml", "-p", "label"], "Expected -p name=value. Received: 'label'."),
        (["pipeline.yaml", "-p", "lable=x"], "Received: 'lable'. Did you mean 'label'?"),
        (["pipeline.yaml", *LABEL, *LABEL], "Expected -p label once."),
        (["pipeline.yaml", *LABEL, "-p", "steps=1.5"], "Expected steps to be a whole number. Received: '1.5'."),
        (["pipeline.yaml", *LABEL, "-p", "learning_rate=nan"], "Expected learning_rate to be a number."),
        (["pipeline.yaml", *LABEL, "-p", "shuffle=yes"], "Expected shuffle to be true or false."),
        (["pipeline.yaml", *LABEL, "-p", "columns={}"], "Expected columns to be a JSON list."),
        (["pipeline.yaml", *LABEL, "--schedule", "0 25 * * *"], "Expected the hours of a schedule"),
        (["pipeline.yaml", *LABEL, "--schedule", "sometimes"], "Expected a schedule of five fields"),
        (["pipeline.yaml", *LABEL, "--schedule", "@daily", "--wait"], "Expected --wait or --schedule. Received: both."),
        (["pipeline.yaml", *LABEL, "--host", "localhost:8888"], "Expected --host to be the URL of the API"),
        (["pipeline.yaml", *LABEL, "--host", "http://x:99999"], "Expected --host to be the URL of the API"),
        (
            ["pipeline.yaml", *LABEL, "--pipeline-root", "/data"],
            "Expected --pipeline-root to be gs://, s3:// or minio://",
        ),
        (
            ["pipeline.yaml", *LABEL, "--pipeline-root", "gs://a", "-p", "pipeline_root=gs://b"],
            "Expected --pipeline-root and -p pipeline_root to agree. Received: gs://a and gs://b.",
        ),
        (["pipeline.yaml", *LABEL, "--name", " "], "Expected --name to have 1 to 128 characters."),
        (["pipeline.yaml", *LABEL, "--run-name", "x" * 129], "Expected --run-name to have 1 to 128 characters."),
        (["pipeline.yaml", *LABEL, "--service-account", "My_Account"], "Expected --service-account to name a service"),
        (["pipeline.yaml", *LABEL, "--timeout", "2h"], "Expected --timeout with --wait."),
        (["pipeline.yaml", *LABEL, "--wait", "--timeout", "soon"], "Expected --timeout to be a duration above 0"),
        (["pipeline.yaml", *LABEL, "--schedule", "0 3 31 2 *"], "no such day in these months"),
        (["pipeline.yaml", *LABEL, "-p", "data_uri=data.csv"], "Received: 'data.csv'."),
    ],
)
def test_a_mistake_is_rejected_before_any_work(
    arguments: list[str],
    message: str,
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write()
    write([1, 2], name="list.yaml")
    write({"pipelineSpec": compiled_pipeline()}, name="job.yaml")
    write({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}, name="argo.yaml")
    write(compiled_pipeline() | {"foo": 1}, name="unknown.yaml")
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "pipeline.txt").touch()
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    with KfpServer() as server:
        host = [] if "--host" in arguments else ["--host", server.url]
        assert run(["submit", *arguments, *host, "--json"]) == 2

        captured = capsys.readouterr()
        assert message in captured.err
        assert "Traceback" not in captured.err
        assert message in json.loads(captured.out)["error"]
        assert server.pipelines == {}


def test_help_imports_no_client() -> None:
    probe = "import sys; from yachay.cli.main import run; run(['submit', '--help']); print('kfp' in sys.modules)"

    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert result.stdout.splitlines()[-1] == "False"


def test_a_pipeline_by_its_name_is_compiled_and_has_the_schedule_of_its_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = ["submit", "student_dropout", "--image", "image:1", "--profile", "mock"]
    named += ["--set", "schedules.training='@weekly'"]
    with KfpServer() as server:
        assert run([*named, "--host", server.url, "--json"]) == 0
        [schedule] = server.recurring_runs.values()
        assert schedule["trigger"]["cron_schedule"]["cron"] == "@weekly"
        assert submitted(capsys)["pipeline"] == "student-dropout--semester2--mock"

        assert run([*named, "--host", server.url, "--once", "--json"]) == 0
        assert submitted(capsys)["run_id"] in server.runs

        assert run([*named, "--host", server.url, "--wait"]) == 2
        assert "Expected --once beside --wait, for schedules.training" in capsys.readouterr().err


def test_what_is_compiled_already_takes_no_configuration(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["submit", write(), "--host", "http://localhost", "--set", "model.seed=1"]) == 2
    assert "Expected --set with a NAME. Received: the spec" in capsys.readouterr().err
