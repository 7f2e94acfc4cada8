"""The monitor of `yachay manifests --monitor`."""

import shutil
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from yachay.cli.main import run
from yachay.cli.monitor import command as monitor_command
from yachay.manifests.errors import ManifestError
from yachay.manifests.monitor import MonitorDeployment, command, render
from yachay.pipelines.registry import find_pipeline

IMAGE = f"registry.example/yachay@sha256:{'ab' * 32}"
SETTINGS = (
    "--set",
    "push.store=s3://models",
    "--set",
    "monitor.log=/var/log/yachay/dropout",
    "--set",
    "monitor.window=1d",
)


def describe(**fields: object) -> MonitorDeployment:
    common = {
        "name": "student-dropout-monitor",
        "namespace": "models",
        "image": IMAGE,
        "pipeline": "student_dropout",
        "task": "semester2",
        "files": {"config.yaml": "name: student_dropout\n"},
        "store": "s3://models",
        "log": "s3://logs/dropout",
    }
    return MonitorDeployment(**{**common, **fields})  # type: ignore[arg-type]


def test_its_pod_runs_what_the_command_takes_on_the_configuration_of_the_map(tmp_path: Path) -> None:
    written = ["student_dropout", str(tmp_path), "--monitor", "--image", IMAGE, *SETTINGS]
    assert run(["manifests", *written]) == 0

    folder = tmp_path / "monitors/student-dropout--semester2-monitor"
    documents = list(yaml.safe_load_all((folder / "monitor.yaml").read_text()))
    kinds = {document["kind"]: document for document in documents}
    assert sorted(kinds) == ["ConfigMap", "Deployment", "NetworkPolicy", "PodMonitor"]
    pod = kinds["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    with click.Context(monitor_command) as context:
        parameters, *_ = monitor_command.make_parser(context).parse_args(container["command"][2:])
    assert parameters["pipeline"] == "student_dropout"
    assert int(parameters["port"]) == container["ports"][0]["containerPort"]
    assert parameters["is_following"]
    (tmp_path / "config.yaml").write_text(kinds["ConfigMap"]["data"]["config.yaml"])
    config = find_pipeline("student_dropout", tmp_path / "config.yaml").load()
    assert (config.monitor.log, config.monitor.window) == ("/var/log/yachay/dropout", "1d")
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounted.keys() == {each["name"] for each in pod["spec"]["volumes"]}
    assert mounted["yachay"] == "/var/log/yachay"
    selected = kinds["PodMonitor"]["spec"]["selector"]["matchLabels"]
    assert selected.items() <= pod["metadata"]["labels"].items()
    if shutil.which("kubectl"):
        built = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True).stdout
        assert len(list(yaml.safe_load_all(built))) == 4


def test_a_changed_configuration_makes_a_new_pod() -> None:
    pods = [
        render(describe(files={"config.yaml": text}))[1]["spec"]["template"]["metadata"]["annotations"]
        for text in ("name: a\n", "name: b\n")
    ]

    assert pods[0] != pods[1]


def test_a_folder_that_is_not_installed_is_its_configuration_alone() -> None:
    assert command(describe(pipeline=""))[:3] == ["yachay", "monitor", "/etc/yachay"]


def test_a_claim_is_mounted_where_the_store_is_looked_for() -> None:
    deployment = render(describe(store="pvc://claim/models"))[1]["spec"]["template"]["spec"]

    assert {"name": "store", "persistentVolumeClaim": {"claimName": "claim", "readOnly": True}} in deployment["volumes"]
    assert "push.mount=/mnt/store" in deployment["containers"][0]["command"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"image": "yachay:latest"}, "an image by digest"),
        ({"store": "/models"}, r"Expected push\.store in gs://, s3:// or pvc://"),
        ({"log": "/home/logs"}, r"Expected monitor\.log in gs://, s3://, minio://, or below /var/log/yachay"),
        ({"labels": "labels.csv"}, r"Expected monitor\.labels in gs://"),
    ],
)
def test_what_cannot_run_is_rejected(fields: dict[str, object], expected: str) -> None:
    with pytest.raises(ManifestError, match=expected):
        describe(**fields)
