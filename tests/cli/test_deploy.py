import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kserve_cluster import KServeCluster

from yachay.cli import main
from yachay.model_store.integrity import hash_manifest

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
    files = {f"{version}/saved_model.pb": "ab" * 32}
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
    assert "version 8 did not get ready: RevisionFailed" in answer["reason"]
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
    assert (
        "Give the account the verb patch (and create) on inferenceservices.serving.kserve.io" in capsys.readouterr().err
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
