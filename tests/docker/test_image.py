"""What the Dockerfiles do, without Docker: their install line and their entrypoint, in a clean environment."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from yachay.components.pusher.candidate_server import candidate_server, free_port
from yachay.deployment.golden_check import check_predictions

ROOT = Path(__file__).parents[2]
PIPELINE = ("Dockerfile", "Dockerfile.gpu")
SERVING = ("Dockerfile.serving", "Dockerfile.serving.gpu")
DEVELOPMENT = {"pytest", "ruff", "mypy", "uv", "moto", "flask", "playwright", "schemathesis", "import-linter"}
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(.*?)\\?$", re.MULTILINE)


@pytest.fixture(params=PIPELINE + SERVING)
def dockerfile(request):
    return (ROOT / "docker" / request.param).read_text()


def requirements(path):
    """Returns the pins of a list: name, version and marker, to their hashes."""
    blocks = re.split(r"\n(?=[a-z])", (ROOT / path).read_text())
    return {
        PIN.match(block).group(1, 2, 3): frozenset(re.findall(r"--hash=(\S+)", block))
        for block in blocks
        if PIN.match(block)
    }


def test_the_compiler_stays_in_the_first_stage(dockerfile):
    build, final = re.split(r"^FROM .*$", dockerfile, flags=re.MULTILINE)[1:]
    assert "docker/install.sh /opt/yachay" in build
    assert "g++" not in final


@pytest.mark.parametrize("name", SERVING)
def test_the_image_of_the_server_knows_no_compiler_at_all(name):
    assert "g++" not in (ROOT / "docker" / name).read_text()


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
    for name in SERVING:
        for path in copied(name):
            assert any(path == one or one.startswith(f"{path}/") or path.startswith(f"{one}/") for one in taken), path


def test_the_base_image_has_a_whole_version(dockerfile):
    base = re.search(r"^ARG \w+_IMAGE=.*:(.*)$", dockerfile, re.MULTILINE)[1]
    assert re.match(r"\d+\.\d+\.\d+-", base)


@pytest.mark.parametrize(("kind", "least"), [("pipeline", 50), ("serving", 50), ("lambda", 10)])
def test_an_image_gets_the_versions_that_are_tested_and_no_tools(kind, least):
    tested = {(name, version): hashes for (name, version, _), hashes in requirements("constraints.txt").items()}
    pinned = requirements(f"docker/requirements-{kind}.txt")
    assert len(pinned) > least
    for (name, version, _), hashes in pinned.items():
        assert tested.get((name, version)) == hashes, f"{name}=={version}: run `make lock`"
    assert not DEVELOPMENT & {name for name, _, _ in pinned}


def test_the_image_of_the_server_holds_no_tfx():
    names = {name for name, _, _ in requirements("docker/requirements-serving.txt")}
    assert "tensorflow" in names
    assert not {"tensorflow", "kserve"} & {name for name, _, _ in requirements("docker/requirements-lambda.txt")}
    assert not {"tfx", "apache-beam", "tensorflow-transform", "tensorflow-model-analysis", "kfp"} & names


def test_the_extra_serving_names_what_the_server_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    extras = project["dependencies"] + optional["serving"] + optional["streams"]
    listed = {re.match(r"[a-z0-9-]+", one)[0].replace("-", "_") for one in extras} | {"yaml"}
    distributions = {
        "grpc": "grpcio",
        "grpc_health": "grpcio_health_checking",
        "grpc_reflection": "grpcio_reflection",
        "google": "protobuf",
        "botocore": "boto3",
    }
    imported = set()
    for room in ("serving", "model_store"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.Import):
                    imported |= {name.name.split(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    imported.add(node.module.split(".")[0])
    needed = imported - sys.stdlib_module_names - {"opentelemetry", "yachay"}
    assert {distributions.get(name, name) for name in needed} <= listed
    assert "opentelemetry_sdk" in listed


def test_the_authorities_of_a_proxy_serve_the_build_and_are_in_the_image(dockerfile):
    build, final = re.split(r"^FROM .*$", dockerfile, flags=re.MULTILINE)[1:]
    assert re.search(r"^RUN --mount=type=secret,id=ca_bundle docker/install.sh", build, re.MULTILINE)
    assert re.search(
        r"^RUN --mount=type=secret,id=ca_bundle,target=\S+\.crt update-ca-certificates$", final, re.MULTILINE
    )
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert f"{variable}=/etc/ssl/certs/ca-certificates.crt" in final
    command = subprocess.run(
        ["make", "--dry-run", "image", "CA_BUNDLE=/x/proxy.pem"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "docker build --secret id=ca_bundle,src=/x/proxy.pem --file docker/Dockerfile " in command


@pytest.mark.parametrize("is_there", [True, False])
def test_pip_trusts_the_authorities_of_a_proxy_where_they_are_given(tmp_path, is_there):
    (tmp_path / "bin").mkdir()
    python, proxy, seen = tmp_path / "bin/python", tmp_path / "proxy.pem", tmp_path / "seen"
    python.write_text(f'#!/bin/sh\n{{ [ -z "$PIP_CERT" ] || cat "$PIP_CERT"; }} > {seen}\n')
    python.chmod(0o755)
    proxy.write_text("OURS\n" if is_there else "")
    environment = {"PATH": os.environ["PATH"], "CA_BUNDLE": str(proxy)}
    subprocess.run(["docker/install.sh", str(tmp_path), "serving"], cwd=ROOT, env=environment, check=True)
    assert ("OURS" in seen.read_text()) == is_there


@pytest.mark.slow
def test_the_install_line_makes_an_environment_in_which_a_step_runs(tmp_path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    # Where this machine's C library is too old for TFX, the environment of the tests has an interpreter that is not.
    (environment / "bin/python").unlink()
    shutil.copy(Path(sys.executable).resolve() if not _serves_glibc() else sys.executable, environment / "bin/python")
    context = tmp_path / "context"
    _copy_context(context, _ignored_but_for())
    _install("Dockerfile", environment, context)
    assert not {"ruff", "pytest", "mypy", "moto_server"} & {path.name for path in (environment / "bin").iterdir()}
    report = _run_entrypoint(environment, tmp_path)
    assert report["state"] == "done"
    assert report["node"] == "CuratedSchema"


@pytest.mark.slow
def test_the_install_line_makes_an_environment_in_which_the_server_predicts(tmp_path):
    from small_model import EXAMPLES, save_small_model

    from yachay.components.pusher.golden_rows import golden_records, make_golden
    from yachay.model_store.folder_store import FolderStore
    from yachay.model_store.store import push

    environment = tmp_path / "environment"
    interpreter = Path(sys.base_prefix) / "bin/python3"
    subprocess.run([interpreter, "-m", "venv", str(environment)], check=True)
    context = tmp_path / "context"
    _copy_context(context, copied("Dockerfile.serving"))
    # Whatever wants a compiler fails.
    _install("Dockerfile.serving", environment, context, CC="/bin/false", CXX="/bin/false")
    python = environment / "bin/python"
    for absent in ("tfx", "apache_beam", "tensorflow_transform", "pytest", "yachay.components"):
        assert subprocess.run([python, "-c", f"import {absent}"], capture_output=True, check=False).returncode == 1

    model = save_small_model(tmp_path / "trained")
    pushed = push(model, FolderStore(tmp_path / "store"), trained_hash="", golden=b"")
    port = free_port()
    program, *words = _instruction("Dockerfile.serving", "ENTRYPOINT")
    flags = [word.replace("/mnt/models", pushed.uri) for word in _instruction("Dockerfile.serving", "CMD")]
    command = [str(environment / "bin" / program), *words, *flags, f"--http_port={port}", "--enable_grpc=false"]
    golden = make_golden(model, golden_records(model, EXAMPLES))
    with candidate_server(command, port) as server:
        _wait(server, port)
        check_predictions(server.url, "model", golden)


def copied(name):
    """Returns what the build of an image takes from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.*)$", (ROOT / "docker" / name).read_text(), re.MULTILINE)
    return [path for line in lines for path in line.split()[:-1]]


def _wait(server, port):
    import urllib.error
    import urllib.request

    while True:
        server.check_alive()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/model/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.1)


def _install(name, environment, context, **variables):
    text = (ROOT / "docker" / name).read_text()
    command = re.search(r"^RUN (?:--mount=\S+ )?(docker/install.sh .*)$", text, re.MULTILINE)[1]
    command = command.replace("/opt/yachay", str(environment))
    subprocess.run(command.split(), cwd=context, env={**os.environ, **variables}, check=True)


def _instruction(name, word):
    text = (ROOT / "docker" / name).read_text()
    return json.loads(re.search(rf"^{word} (.*)$", text, re.MULTILINE)[1])


def _serves_glibc():
    return (Path(sys.prefix) / "glibc").is_dir()


def _ignored_but_for():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def _copy_context(context, paths):
    for name in paths:
        source, target = ROOT / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def _run_entrypoint(environment, folder):
    uri = "minio://bucket/root/sample/run/CuratedSchema/uuid/schema"
    component = {
        "inputDefinitions": {"parameters": {"schema_text": {"parameterType": "STRING"}}},
        "outputDefinitions": {"artifacts": {"schema": {"artifactType": {"schemaTitle": "tfx.Schema"}}}},
    }
    executor_input = {
        "inputs": {"parameterValues": {"schema_text": 'feature { name: "x" type: FLOAT }'}},
        "outputs": {
            "artifacts": {"schema": {"artifacts": [{"name": "schema", "uri": uri}]}},
            "outputFile": str(folder / "output_metadata.json"),
        },
    }
    home = folder / "home"
    home.mkdir()
    done = subprocess.run(
        [
            *_instruction("Dockerfile", "ENTRYPOINT"),
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
