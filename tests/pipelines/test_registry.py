import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from yachay.cli.main import run
from yachay.errors import ConfigurationError, UsageError
from yachay.pipelines import registry
from yachay.pipelines.kinds import KINDS
from yachay.pipelines.registry import find_pipeline, find_pipelines

CONFIG = """
name: toy
data: {schema: schema.pbtxt, reader: .source.read}
label: {name: y, values: [a, b]}
features: {numeric: [x]}
model: {run_fn: .model.run_fn}
tasks: {all: {}}
default_task: all
profiles: {mock: {data: {mock: .source.write}}}
"""
SCHEMA = """
feature { name: "x" type: FLOAT }
feature { name: "y" type: BYTES }
"""


@pytest.fixture(autouse=True)
def _search_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    kept = list(sys.path)
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    yield
    sys.path[:] = kept
    registry._imported.clear()


def write(folder: Path, **modules: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "schema.pbtxt").write_text(SCHEMA)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_a_folder_brings_its_code_under_its_own_name(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "toy_system",
        source="def read(path): ...",
        model="FAMILIES = []",
        pipeline="def create_pipeline(): ...",
    )

    found = find_pipeline(str(folder))
    config = found.load(profile="mock")
    defaults = dict.fromkeys(KINDS, "default")

    assert found.package == "toy_system"
    assert config.data.reader == "toy_system.source.read"
    assert config.data.mock == "toy_system.source.write"
    assert config.model.run_fn == "toy_system.model.run_fn"
    assert config.extensions == ["toy_system.model"]
    assert config.pipelines == defaults | {"training": "toy_system.pipeline.create_pipeline"}
    before = config.prediction_task("all").code
    (folder / "model.py").write_text("FAMILIES = []  # Trains longer.")
    assert len(before) == 64
    assert find_pipeline(str(folder)).load(profile="mock").prediction_task("all").code != before


def test_the_code_of_a_folder_is_importable_in_a_subprocess(tmp_path: Path) -> None:
    find_pipeline(str(write(tmp_path / "toy_sub", source="ANSWER = 42")))

    told = subprocess.run(
        [sys.executable, "-c", "import toy_sub.source; print(toy_sub.source.ANSWER)"], capture_output=True, text=True
    )

    assert told.stdout == "42\n", told.stderr


def test_a_folder_without_a_pipeline_of_its_own_has_the_default_one(tmp_path: Path) -> None:
    folder = write(tmp_path / "toy_plain", pipeline="def create_monitor(config, context): ...")

    assert find_pipeline(str(folder)).load().pipelines == dict.fromkeys(KINDS, "default")


def test_of_two_folders_with_one_name_the_one_that_was_named_last_is_imported(tmp_path: Path) -> None:
    for name in ("one", "two"):
        find_pipeline(str(write(tmp_path / name / "toy_twice", source=f"NAME = {name!r}")))
        import toy_twice.source

        assert name == toy_twice.source.NAME
        assert Path(toy_twice.source.__file__).parent == tmp_path / name / "toy_twice"
        del toy_twice


def test_a_folder_whose_name_another_package_has_is_rejected(tmp_path: Path) -> None:
    folder = write(tmp_path / "json", source="")

    with pytest.raises(UsageError, match=r"to have a name that no other package has.*'json', which is .* Rename"):
        find_pipeline(str(folder))


def test_a_relative_path_in_a_folder_that_is_no_package_is_rejected(tmp_path: Path) -> None:
    folder = write(tmp_path / "toy-system", source="")

    with pytest.raises(ConfigurationError, match=r"Received: '\.source\.read', though the folder .* Rename the folder"):
        find_pipeline(str(folder)).load()


def test_one_broken_installed_pipeline_does_not_stop_the_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken_system").mkdir()
    (tmp_path / "broken_system/__init__.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(tmp_path)
    entry_point = EntryPoint("broken", "broken_system", "yachay.pipelines")
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [entry_point] if group == "yachay.pipelines" else []
    )

    status = run(["list"])

    printed = capsys.readouterr().out
    assert status == 0
    assert "student_dropout: Who is at risk" in printed
    assert "broken: cannot be used" in printed
    assert "Received: ModuleNotFoundError: No module named 'no_such_module'. Correct the package" in printed
    with pytest.raises(ConfigurationError, match="Expected the package 'broken_system'"):
        find_pipelines()["broken"].load()


def test_a_shipped_configuration_is_loaded_without_what_takes_seconds_to_import() -> None:
    program = (
        "import sys; from yachay.pipelines.registry import find_pipeline\n"
        "for name in ('education_access', 'student_dropout', 'student_performance', 'weather'):\n"
        "    find_pipeline(name).load()\n"
        "print([name for name in ('tfx', 'tensorflow', 'sklearn', 'scipy') if name in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.split("\n")[-2] == "[]"
