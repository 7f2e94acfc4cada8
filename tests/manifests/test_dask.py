"""The Dask cluster of `yachay dask`."""

import json
import shutil
import subprocess

import pytest
import yaml

from yachay.cli.main import run
from yachay.manifests.dask import DaskCluster, render
from yachay.manifests.errors import ManifestError

IMAGE = f"registry.example/yachay@sha256:{'ab' * 32}"


def test_a_cluster_and_its_autoscaler_name_each_other(tmp_path, capsys):
    arguments = ["dask", "weather", str(tmp_path / "dask"), "--image", IMAGE, "--claim", "records", "--json"]
    assert run(arguments) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["scheduler"] == "tcp://weather-dask-scheduler.models:8786"
    cluster, autoscaler = yaml.safe_load_all((tmp_path / "dask" / "dask.yaml").read_text())
    assert (cluster["kind"], autoscaler["kind"]) == ("DaskCluster", "DaskAutoscaler")
    assert autoscaler["spec"] == {"cluster": cluster["metadata"]["name"], "minimum": 1, "maximum": 4}
    worker = cluster["spec"]["worker"]["spec"]
    assert worker["volumes"][0]["persistentVolumeClaim"]["claimName"] == "records"
    assert worker["containers"][0]["volumeMounts"][0]["name"] == worker["volumes"][0]["name"]
    scheduler = cluster["spec"]["scheduler"]
    ports = {port["name"] for port in scheduler["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in scheduler["service"]["ports"]} == ports
    assert scheduler["service"]["selector"]["dask.org/cluster-name"] == "weather-dask"
    if shutil.which("kubectl"):
        built = subprocess.run(
            ["kubectl", "kustomize", str(tmp_path / "dask")], capture_output=True, text=True, check=True
        ).stdout
        assert sorted(of["kind"] for of in yaml.safe_load_all(built)) == ["DaskAutoscaler", "DaskCluster"]


def test_a_fixed_number_of_workers_has_no_autoscaler():
    [cluster] = render(DaskCluster("weather-dask", IMAGE, min_workers=3, max_workers=3))
    assert cluster["spec"]["worker"]["replicas"] == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": "registry.example/yachay:1"}, "Expected an image by digest"),
        ({"name": "Weather"}, "Expected the name of a Dask cluster"),
        ({"name": "a" * 60}, "at most 53 characters"),
        ({"min_workers": 5}, "Expected 1 <= min_workers <= max_workers. Received: 5 and 4"),
    ],
)
def test_what_does_not_fit_is_an_error(changes, message):
    with pytest.raises(ManifestError, match=message):
        DaskCluster(**{"name": "weather-dask", "image": IMAGE, **changes})


def test_a_pipeline_without_prepare_needs_no_cluster(tmp_path, capsys):
    assert run(["dask", "student_dropout", str(tmp_path / "dask"), "--image", IMAGE]) == 2
    assert "which needs no Dask cluster" in capsys.readouterr().err
    assert not (tmp_path / "dask").exists()
