from pathlib import Path

import yaml
from kfp_samples import compiled_pipeline

from yachay.pipelines.kubeflow.package import Package, read_package


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
