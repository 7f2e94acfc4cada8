"""What the Dockerfiles do, without Docker: their install line and their entrypoint, in a clean environment."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILES = ("Dockerfile", "Dockerfile.gpu")
INSTALL = "docker/install.sh /opt/yachay"


@pytest.fixture(params=DOCKERFILES)
def dockerfile(request):
    return (ROOT / "docker" / request.param).read_text()


def test_the_compiler_stays_in_the_first_stage(dockerfile):
    build, final = re.split(r"^FROM .*$", dockerfile, flags=re.MULTILINE)[1:]
    assert "g++" in build
    assert INSTALL in build
    assert "g++" not in final


def test_the_image_runs_as_a_user_without_privileges_who_may_write_to_home(dockerfile):
    final = dockerfile.rpartition("FROM ")[2]
    assert "USER 10001" in final
    assert "ENV HOME=/home/yachay" in final
    assert "chmod 1777 /home/yachay" in final


def test_the_build_gets_what_it_installs_and_nothing_else():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    taken = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert "*" in ignored
    assert all((ROOT / path).exists() for path in taken)


def test_the_base_image_has_a_whole_version(dockerfile):
    base = re.search(r"^ARG \w+_IMAGE=.*:(.*)$", dockerfile, re.MULTILINE)[1]
    assert re.match(r"\d+\.\d+\.\d+-", base)


@pytest.mark.slow
def test_the_install_line_makes_an_environment_in_which_a_step_runs(tmp_path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    # Where this machine's C library is too old for TFX, the environment of the tests has an interpreter that is not.
    (environment / "bin/python").unlink()
    shutil.copy(Path(sys.executable).resolve() if not _serves_glibc() else sys.executable, environment / "bin/python")
    context = tmp_path / "context"
    _copy_context(context)
    command = INSTALL.replace("/opt/yachay", str(environment))
    subprocess.run(command.split(), cwd=context, check=True)
    assert not {"ruff", "pytest", "mypy"} & {path.name for path in (environment / "bin").iterdir()}
    report = _run_entrypoint(environment, tmp_path)
    assert report["state"] == "done"
    assert report["node"] == "CuratedSchema"


def _serves_glibc():
    return (Path(sys.prefix) / "glibc").is_dir()


def _copy_context(context):
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    for name in (line.removeprefix("!") for line in lines if line.startswith("!")):
        source, target = ROOT / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def _run_entrypoint(environment, folder):
    entrypoint = re.search(r"^ENTRYPOINT (.*)$", (ROOT / "docker/Dockerfile").read_text(), re.MULTILINE)
    uri = "minio://bucket/root/sample/run/CuratedSchema/uuid/schema"
    component = {
        "inputDefinitions": {"parameters": {"schema_text": {"parameterType": "STRING"}}},
        "outputDefinitions": {"artifacts": {"schema": {"artifactType": {"schemaTitle": "tfx.Schema"}}}},
    }
    executor_input = {
        "inputs": {"parameterValues": {"schema_text": 'feature { name: "x" }'}},
        "outputs": {
            "artifacts": {"schema": {"artifacts": [{"name": "schema", "uri": uri}]}},
            "outputFile": str(folder / "output_metadata.json"),
        },
    }
    home = folder / "home"
    home.mkdir()
    done = subprocess.run(
        [
            *json.loads(entrypoint[1]),
            *("--node", "CuratedSchema", "--executor", "yachay.components.curated_schema.executor.Executor"),
            *("--component", json.dumps(component), "--options", '{"pipeline": "sample"}'),
            *("--executor-input", json.dumps(executor_input)),
        ],
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": f"{environment / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "YACHAY_MOUNT_ROOT": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "minio/bucket/root/sample/run/CuratedSchema/uuid/schema/schema.pbtxt").exists()
    return json.loads(done.stdout.splitlines()[-1])
