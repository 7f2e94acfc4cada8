import json
from pathlib import Path

import pytest
import yaml
from kfp_samples import compiled_pipeline

from yachay.errors import UsageError
from yachay.pipelines.kubeflow.spec.package import Package, read_package
from yachay.pipelines.kubeflow.spec.parameters import declare
from yachay.pipelines.node import PipelineParameter


def package_with_root(path: Path, default: str) -> Package:
    document = compiled_pipeline()
    document["root"]["inputDefinitions"]["parameters"]["pipeline_root"]["defaultValue"] = default
    path.write_text(yaml.safe_dump(document))
    return read_package(path)


def test_the_root_of_the_configuration_is_that_of_the_run(tmp_path: Path) -> None:
    package = package_with_root(tmp_path / "pipeline.yaml", "s3://models/kubeflow")
    arguments: dict[str, object] = {}

    assert package.choose_root(None, arguments) == "s3://models/kubeflow"
    assert arguments == {"pipeline_root": "s3://models/kubeflow"}


def test_the_option_goes_before_the_root_of_the_configuration(tmp_path: Path) -> None:
    package = package_with_root(tmp_path / "pipeline.yaml", "s3://models/kubeflow")

    assert package.choose_root("gs://other", {}) == "gs://other"


def test_without_any_root_the_server_has_its_own(tmp_path: Path) -> None:
    assert package_with_root(tmp_path / "pipeline.yaml", "").choose_root(None, {}) is None


def test_a_value_that_a_parameter_does_not_take_is_rejected(tmp_path: Path) -> None:
    document = compiled_pipeline()
    family = PipelineParameter("family", "STRING", "linear", "Model family.", ("linear", "keras"))
    document["root"]["inputDefinitions"]["parameters"]["family"] = declare(family)
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(document))
    package = read_package(path)

    assert package.arguments(["family=keras"]) == {"family": "keras"}
    with pytest.raises(UsageError, match=r"family to be one of linear, keras. Received: 'kears'. Did you mean 'keras'"):
        package.arguments(["family=kears"])


def package_of_profile(path: Path, mock: str | None) -> Package:
    document = compiled_pipeline()
    options = {"pipeline": "p", "raw_data": {"property": "input_pattern", "input": "raw_data", "mock": mock}}
    container = {"image": "x:1", "command": ["python"], "args": ["--options", json.dumps(options)]}
    document["deploymentSpec"]["executors"]["exec-ExampleGen"]["container"] = container
    parameters = document["root"]["inputDefinitions"]["parameters"]
    if mock is None:
        del parameters["data_uri"]["defaultValue"]
    del parameters["label"]
    path.write_text(yaml.safe_dump(document))
    return read_package(path)


def test_a_spec_for_records_asks_for_their_place(tmp_path: Path) -> None:
    package = package_of_profile(tmp_path / "pipeline.yaml", None)

    with pytest.raises(UsageError, match=r"data_uri, which has no default.*Add -p data_uri=.*with --profile mock"):
        package.require(package.arguments([]))
    with pytest.raises(UsageError, match=r"absolute path, or gs://.*Received: 'data.csv'"):
        package.arguments(["data_uri=data.csv"])
    package.require(package.arguments(["data_uri=s3://records/2026/*.csv"]))


def test_a_spec_that_writes_its_own_records_takes_no_others(tmp_path: Path) -> None:
    package = package_of_profile(tmp_path / "pipeline.yaml", "package.module.write")

    package.require(package.arguments([]))
    with pytest.raises(UsageError, match=r"Expected no data_uri.*compile without the profile"):
        package.arguments(["data_uri=s3://records/2026/*.csv"])
