"""The stream consumer of `yachay manifests --stream`."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from yachay.manifests.errors import ManifestError
from yachay.manifests.stream import StreamDeployment, render, write_stream
from yachay.serving.streaming.settings import make_parser, read_settings

IMAGE = f"registry.example/yachay-serving@sha256:{'ab' * 32}"
KAFKA = {"source": "kafka://kafka.data:9092/events", "sink": "kafka://kafka.data:9092/predictions"}
KINESIS = {"source": "kinesis://events?region=eu-west-1", "sink": "kinesis://predictions?region=eu-west-1"}


def describe(**fields: object) -> StreamDeployment:
    common = {
        "name": "student-dropout-stream",
        "namespace": "models",
        "image": IMAGE,
        "model_name": "student-dropout",
        "store": "s3://bucket/models",
        "envelope": json.dumps({"features": "student_features", "key": "student_id"}),
    }
    return StreamDeployment(**{**common, **KAFKA, **fields})  # type: ignore[arg-type]


def test_its_pods_run_what_the_consumer_takes(tmp_path: Path) -> None:
    stream = describe(dead_letter="kafka://kafka.data:9092/dead", kafka_secret="kafka")

    write_stream(stream, tmp_path)

    documents = list(yaml.safe_load_all((tmp_path / "streams" / stream.name / "stream.yaml").read_text()))
    kinds = {document["kind"]: document for document in documents}
    assert sorted(kinds) == ["Deployment", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "ScaledObject"]
    pod = kinds["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    settings = read_settings(make_parser().parse_args(container["args"]))
    assert (settings.source.topic, settings.sink.topic, settings.envelope.key) == (
        "events",
        "predictions",
        "student_id",
    )
    assert str(settings.reader.kafka_settings) == "/etc/yachay-kafka/settings"
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted == {each["name"] for each in pod["spec"]["volumes"]} == {"scratch", "kafka"}
    assert {probe for probe in container if probe.endswith("Probe")} == {
        "startupProbe", "readinessProbe", "livenessProbe",
    }  # fmt: skip
    trigger = kinds["ScaledObject"]["spec"]["triggers"][0]
    assert trigger["type"] == "kafka"
    assert trigger["metadata"]["consumerGroup"] == settings.reader.group
    for kind in ("PodDisruptionBudget", "PodMonitor"):
        selected = kinds[kind]["spec"]["selector"]["matchLabels"]
        assert selected.items() <= pod["metadata"]["labels"].items()
    if shutil.which("kubectl"):
        folder = tmp_path / "streams" / stream.name
        built = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True).stdout
        assert len(list(yaml.safe_load_all(built))) == 5


def test_kinesis_is_scaled_by_its_shards_and_a_claim_is_mounted() -> None:
    deployment, _, scaler, *_ = render(describe(**KINESIS, store="pvc://claim/models", scaler_authentication="aws"))

    (trigger,) = scaler["spec"]["triggers"]
    assert trigger == {
        "type": "aws-kinesis-stream",
        "metadata": {"streamName": "events", "shardCount": "2", "awsRegion": "eu-west-1"},
        "authenticationRef": {"name": "aws"},
    }
    pod = deployment["spec"]["template"]["spec"]
    assert {"name": "store", "persistentVolumeClaim": {"claimName": "claim", "readOnly": True}} in pod["volumes"]
    assert "--model_dir=/mnt/store/models" in pod["containers"][0]["args"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"image": "yachay:latest"}, "an image by digest"),
        ({"source": "file:events.jsonl"}, r"stream\.source on Kubernetes to be kafka://\.\.\. or kinesis"),
        ({"source": "kinesis://events"}, r"with its region, which KEDA asks for"),
        ({"store": "/models"}, r"the store of pushes in gs://, s3:// or pvc://"),
        ({"min_replicas": 5}, "0 <= min_replicas <= max_replicas"),
        ({"name": "Student"}, "in lower case with digits and hyphens"),
    ],
)
def test_what_cannot_run_is_rejected(fields: dict[str, object], expected: str) -> None:
    with pytest.raises(ManifestError, match=expected):
        describe(**fields)
