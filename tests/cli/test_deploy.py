import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kserve_cluster import KServeCluster

from yachay.cli import main
from yachay.model_store.golden import GoldenRequest, write_golden
from yachay.model_store.integrity import hash_content, hash_manifest
from yachay.model_store.layout import GOLDEN_FILE

pytestmark = pytest.mark.integration

IMAGE = "images.example.com/server@sha256:" + "0" * 64
FAST = ["--set", "deploy.canary.ready_minutes=0.05", "--set", "deploy.canary.poll_seconds=0.02"]


@pytest.fixture
def kserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KServeCluster]:
    cluster = KServeCluster()
    with cluster.running() as url:
        path = str(cluster.kubeconfig(url, tmp_path / "kubeconfig"))
        monkeypatch.setenv("KUBECONFIG", path)
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", path)
        yield cluster


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    path = tmp_path / "push.json"
    path.write_text(json.dumps({"blessing": {"model": "gs://artifacts/Trainer/model/3"}}))
    return path


def deploy(receipt: Path, *more: str, version: int = 7) -> list[str]:
    golden = receipt.parent / GOLDEN_FILE
    files = {f"{version}/saved_model.pb": "ab" * 32}
    if golden.is_file():
        files[GOLDEN_FILE] = hash_content(golden.read_bytes())
    about = {"version": version, "content_hash": hash_manifest(files), "files": files}
    receipt.write_text(json.dumps(json.loads(receipt.read_text()) | about))
    named = ["--model", f"s3://models/student/push-{version}", "--receipt", str(receipt), "--image", IMAGE]
    return ["deploy", "student_dropout", *named, *FAST, *more]


def test_dry_run_prints_what_would_be_applied(receipt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(deploy(receipt, "--dry-run", "--cloud", "gke", "--gpu", "l4")) == 0

    runtime, service = yaml.safe_load_all(capsys.readouterr().out)
    assert runtime["kind"] == "ServingRuntime"
    assert service["metadata"]["annotations"]["yachay.dev/model-uri"] == "gs://artifacts/Trainer/model/3"
    predictor = service["spec"]["predictor"]
    assert predictor["model"]["storageUri"] == "s3://models/student/push-7"
    assert predictor["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}


def test_output_writes_them_for_gitops(receipt: Path, tmp_path: Path) -> None:
    assert main.run(deploy(receipt, "--output", str(tmp_path / "manifests"))) == 0

    text = (tmp_path / "manifests" / "student-dropout--semester2.yaml").read_text()
    assert [document["kind"] for document in yaml.safe_load_all(text)] == ["ServingRuntime", "InferenceService"]


def test_a_model_is_deployed_and_its_status_is_reported(
    kserve: KServeCluster, receipt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(deploy(receipt, "--canary", "100", "--json")) == 0

    output = capsys.readouterr()
    answer = json.loads(output.out)
    assert (answer["state"], answer["version"], answer["namespace"]) == ("promoted", 7, "ml")
    assert "PROMOTED: student-dropout--semester2, version 7" in output.err

    assert main.run(["status", "student_dropout"]) == 0
    said = capsys.readouterr().out
    assert "student-dropout--semester2: ready" in said
    assert "serving    7" in said
    assert main.run(["status", "student_dropout", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model_uri"] == "gs://artifacts/Trainer/model/3"


def test_a_model_that_does_not_start_ends_with_its_own_exit_status(
    kserve: KServeCluster, receipt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main.run(deploy(receipt, "--canary", "100"))
    kserve.broken.add("8")

    assert main.run(deploy(receipt, "--canary", "100", "--json", version=8)) == 3

    output = capsys.readouterr()
    answer = json.loads(output.out)
    assert (answer["state"], answer["serving_version"]) == ("rolled_back", 7)
    assert "version 8 did not get ready: ProgressDeadlineExceeded" in answer["reason"]
    assert "ROLLED BACK" in output.err
    main.run(["status", "student_dropout"])
    assert re.search(r"rollout    rolled back: version 8 did not get ready", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--canary", "10,100"], "Expected --prometheus for the steps 10,100"),
        (["--mode", "knativ"], "Did you mean 'knative'?"),
        (["--image", "server:latest"], "Expected the image by digest"),
        (
            ["--gpu", "l4", "--cloud", "gcp"],
            "deploy.cloud: Input should be 'gke', 'eks', 'aks' or 'none'",
        ),
        (["--prometheus", "http://127.0.0.1:9", "--canary", "50,100"], "Expected Prometheus at http://127.0.0.1:9"),
        (["--model", "s3://models/student"], "Expected --model to name a push, STORE/push-VERSION"),
        (["--task", "semester3"], "Did you mean"),
    ],
)
def test_what_cannot_be_is_rejected(
    kserve: KServeCluster, receipt: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main.run(deploy(receipt, *arguments)) in (1, 2)

    assert message in capsys.readouterr().err
    assert not any(method == "PATCH" and "inferenceservices" in path for method, path in kserve.requests)


def test_an_account_without_rights_learns_which(
    kserve: KServeCluster, receipt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kserve.forbidden.add(("PATCH", "inferenceservices"))

    assert main.run(deploy(receipt, "--canary", "100")) == 1
    assert "Give the account the verb patch on inferenceservices.serving.kserve.io: manifests/components/pipeline" in (
        capsys.readouterr().err
    )


def test_without_a_cluster_the_fix_is_reported(
    receipt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "no-such-kubeconfig")
    )

    assert main.run(deploy(receipt)) == 2
    assert "Expected a kubeconfig that names a cluster" in capsys.readouterr().err


def test_nothing_to_roll_back_is_reported(kserve: KServeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["rollback", "student_dropout"]) == 2
    assert "Expected an InferenceService student-dropout--semester2" in capsys.readouterr().err
    assert main.run(["status", "student_dropout", "--json"]) == 2
    assert "Deploy it: yachay deploy student_dropout" in json.loads(capsys.readouterr().out)["error"]


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def test_a_deployment_goes_on_in_the_background(
    kserve: KServeCluster, receipt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(deploy(receipt, "--canary", "100", "--detach", "--json", "--workdir", str(tmp_path / "runs"))) == 0

    output = capsys.readouterr()
    answer = json.loads(output.out)
    log = tmp_path / "runs" / "student-dropout--semester2" / "rollouts" / "7.log"
    assert (answer["state"], answer["log"]) == ("started", str(log))
    assert f"tail -f {log}" in output.err
    assert os.getsid(answer["pid"]) == answer["pid"]
    until(lambda: "PROMOTED, version 7 serves" in log.read_text())
    os.waitpid(answer["pid"], 0)
    assert main.run(["status", "student_dropout", "--watch", "--version", "7"]) == 0


def test_what_the_background_rejects_at_once_is_reported(
    kserve: KServeCluster, receipt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kserve.forbidden.add(("PATCH", "servingruntimes"))

    assert main.run(deploy(receipt, "--canary", "100", "--detach", "--workdir", str(tmp_path / "runs"))) == 1
    assert "It has ended: " in (said := capsys.readouterr().err)
    assert "Error: Expected to patch servingruntimes.serving.kserve.io/yachay" in said


def test_a_job_of_the_cluster_carries_out_a_deployment(
    kserve: KServeCluster, receipt: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    started = deploy(receipt, "--canary", "100", "--in-cluster", "--job-image", IMAGE, "--json")
    assert main.run(started) == 0

    output = capsys.readouterr()
    name = json.loads(output.out)["job"]
    assert f"kubectl --namespace ml logs --follow job/{name}" in output.err
    assert not any("inferenceservices" in path for _, path in kserve.requests)
    pod = kserve.objects["jobs", name]["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["restartPolicy"]) == ("yachay-deployer", "Never")
    [container] = pod["containers"]
    environment = {each["name"]: each["value"] for each in container["env"] if "value" in each}

    def run_pod() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, *container["command"][1:]]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=120)

    first = run_pod()
    assert first.returncode == 0, first.stdout + first.stderr
    assert re.search(r"^\S+Z PROMOTED, version 7 serves$", first.stdout, re.MULTILINE)
    assert kserve.traffic("student-dropout--semester2") == {"7": 100}
    assert "UNCHANGED" in run_pod().stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--in-cluster"], "Expected --job-image"),
        (["--in-cluster", "--job-image", "yachay:1"], "Expected the image by digest"),
        (["--in-cluster", "--detach"], "Expected --detach or --in-cluster. Received: both."),
        (["--detach", "--canary", "10,100"], "Expected --prometheus for the steps 10,100"),
    ],
)
def test_what_cannot_be_deployed_elsewhere_is_rejected_before_it_starts(
    kserve: KServeCluster, receipt: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main.run(deploy(receipt, *(arguments if "--canary" in arguments else ["--canary", "100", *arguments]))) == 2

    assert message in capsys.readouterr().err
    assert not any(method != "GET" for method, _ in kserve.requests)


def test_status_watches_until_the_end_and_reports_a_rollout_that_nobody_moves_on(
    kserve: KServeCluster, receipt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("yachay.cli.status.POLL_SECONDS", 0.02)
    main.run(deploy(receipt, "--canary", "100"))
    service = kserve.service("student-dropout--semester2")
    record = json.loads(service["metadata"]["annotations"]["yachay.dev/rollout"])

    def write(**fields: Any) -> None:
        text = json.dumps(record | {"version": 8, "percent": 10} | fields)
        kserve.edit(service["metadata"]["name"], "yachay", {"metadata": {"annotations": {"yachay.dev/rollout": text}}})

    write(state="progressing")
    lease = kserve.objects["leases", "student-dropout--semester2-rollout"]["spec"]
    lease["holderIdentity"] = "another"
    capsys.readouterr()
    kserve.requests.clear()

    def end() -> None:
        until(lambda: [path for _, path in kserve.requests if "leases" in path][1:])
        write(state="rolled_back", reason="slow")

    threading.Thread(target=end).start()
    assert main.run(["status", "student_dropout", "--watch"]) == 3
    output = capsys.readouterr()
    assert "version 8: progressing" in output.err
    assert "rollout    rolled back: slow" in output.out

    monkeypatch.setattr("yachay.deployment.lease.HOLDER_SECONDS", 0.2)
    write(state="progressing")
    lease["holderIdentity"] = ""
    assert main.run(["status", "student_dropout", "--watch"]) == 1
    assert "nobody moves it on\nGo on: yachay deploy student_dropout" in capsys.readouterr().err
    assert main.run(["status", "student_dropout"]) == 0
    assert "rollout    progressing; nobody moves it on" in capsys.readouterr().out


def test_a_watch_goes_on_while_the_api_does_not_respond(
    kserve: KServeCluster, receipt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("yachay.cli.status.POLL_SECONDS", 0.02)
    monkeypatch.setattr("yachay.deployment.cluster.NUM_TRIES", 1)
    main.run(deploy(receipt, "--canary", "100"))
    name = "student-dropout--semester2"
    record = json.loads(kserve.service(name)["metadata"]["annotations"]["yachay.dev/rollout"])

    def write(**fields: Any) -> None:
        text = json.dumps(record | {"version": 8, "percent": 10} | fields)
        kserve.edit(name, "yachay", {"metadata": {"annotations": {"yachay.dev/rollout": text}}})

    write(state="progressing")
    kserve.objects["leases", f"{name}-rollout"]["spec"]["holderIdentity"] = "another"

    def go_away() -> None:
        kserve.requests.clear()
        until(lambda: len(kserve.requests) > 3)
        kserve.is_down = True
        time.sleep(0.2)
        write(state="promoted")
        kserve.is_down = False

    threading.Thread(target=go_away).start()
    assert main.run(["status", "student_dropout", "--watch"]) == 0
    said = capsys.readouterr().err
    assert "the Kubernetes API does not respond (" in said
    assert "): asked again for 10 minutes\nthe Kubernetes API responds again" in said

    write(state="progressing")
    monkeypatch.setattr("yachay.cli.status.AWAY_SECONDS", 0.1)
    threading.Thread(target=lambda: go_away_for_good(kserve)).start()
    assert main.run(["status", "student_dropout", "--watch"]) == 1
    kserve.is_down = False


def go_away_for_good(kserve: KServeCluster) -> None:
    kserve.requests.clear()
    until(lambda: len(kserve.requests) > 3)
    kserve.is_down = True


def test_a_rollback_to_a_model_that_does_not_start_any_more_has_failed(
    kserve: KServeCluster, receipt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in (7, 8):
        assert main.run(deploy(receipt, "--canary", "100", version=version)) == 0
    kserve.broken.add("7")

    assert main.run(["rollback", "student_dropout", *FAST]) == 1
    output = capsys.readouterr().err
    assert "FAILED: student-dropout--semester2, version 8" in output
    assert "  serving    8" in output
    assert kserve.traffic("student-dropout--semester2") == {"8": 100}


def test_what_serves_in_the_cluster_is_verified_and_a_candidate_that_predicts_otherwise_never_gets_requests(
    kserve: KServeCluster, receipt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = [GoldenRequest({"age": age}, age / 2) for age in range(3)]
    (receipt.parent / GOLDEN_FILE).write_bytes(write_golden(golden))
    off = {"7": 0.0, "8": 0.25}

    def respond(version: str, method: str, path: str, body: Any) -> tuple[int, Any]:
        return 200, {"predictions": [row["age"] / 2 + off[version] for row in body["instances"]]}

    kserve.respond = respond
    at_once = ["--canary", "100", "--json"]
    verify = ["verify", "student_dropout", "--receipt", str(receipt)]

    assert main.run(deploy(receipt, *at_once)) == 0
    capsys.readouterr()
    assert main.run([*verify, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["state"], answer["version"], answer["requests"]) == ("ok", 7, 3)
    assert main.run(deploy(receipt, *at_once, version=8)) == 3
    answer = json.loads(capsys.readouterr().out)
    assert (
        "golden requests before it gets any other: Expected the server to predict as the model did" in answer["reason"]
    )
    off["7"] = 0.5
    deploy(receipt)
    assert main.run(verify) == 1
    assert "MISMATCH: student-dropout--semester2, version 7" in capsys.readouterr().out
