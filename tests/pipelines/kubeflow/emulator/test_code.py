import json
from pathlib import Path

import pytest
import yaml
from kfp_samples import compiled_pipeline

from yachay.errors import UsageError
from yachay.pipelines.kubeflow.emulator.code import find_code
from yachay.pipelines.kubeflow.spec.package import Package, read_package


@pytest.fixture
def compiled(tmp_path: Path):
    def write(package: str) -> Package:
        spec = compiled_pipeline()
        arguments = ["--node", "x", "--options", json.dumps({"pipeline": "toy", "package": package})]
        spec["deploymentSpec"]["executors"]["exec-Trainer"]["container"]["args"] = arguments
        (tmp_path / "toy.yaml").write_text(yaml.safe_dump(spec))
        return read_package(tmp_path / "toy.yaml")

    return write


def test_a_pipeline_of_configuration_only_or_of_an_installed_package_needs_no_folder(compiled):
    assert find_code(compiled(""), []) == []
    assert find_code(compiled("yaml.nodes"), []) == []


def test_code_of_a_folder_beside_the_spec_is_imported_from_there(compiled, tmp_path):
    (tmp_path / "toy_forecast").mkdir()
    assert find_code(compiled("toy_forecast"), [Path("/nowhere"), tmp_path]) == [tmp_path]


def test_code_that_this_process_imports_from_a_folder_is_imported_from_there_by_the_steps(
    compiled, tmp_path, monkeypatch
):
    (tmp_path / "code/toy_import").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    assert find_code(compiled("toy_import.training"), []) == [tmp_path / "code"]


def test_code_that_is_nowhere_is_an_error_before_any_work(compiled, tmp_path):
    with pytest.raises(
        UsageError, match=r"Expected to import the package 'toy_gone'.*Install it, or run this command in"
    ):
        find_code(compiled("toy_gone"), [tmp_path])
