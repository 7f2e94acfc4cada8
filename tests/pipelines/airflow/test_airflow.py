"""The DAG in Airflow 3 itself, in an environment of its own, against a server with the API of Kubeflow Pipelines.

Where its constraints cannot be read from the network, `YACHAY_AIRFLOW` names an environment that has Airflow, its
standard provider and httpx.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kfp_server import KfpServer

from yachay.cli.main import run

pytestmark = pytest.mark.slow

VERSION = "3.1.8"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CONSTRAINTS = f"https://raw.githubusercontent.com/apache/airflow/constraints-{VERSION}/constraints-{PYTHON}.txt"
DAG = "student-dropout__semester2__mock"


@pytest.fixture(scope="module")
def airflow() -> Path:
    """The program of Airflow, of an environment that is made once (`YACHAY_AIRFLOW` names its folder)."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("uv is not installed: it makes Airflow's environment")
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "yachay")
    folder = Path(os.environ.get("YACHAY_AIRFLOW", home / f"airflow-{VERSION}-{PYTHON}"))
    program = folder / "bin/airflow"
    if not program.exists():
        packages = [f"apache-airflow=={VERSION}", "apache-airflow-providers-standard", "httpx"]
        install = [uv, "pip", "install", "-q", "--python", str(folder / "bin/python"), *packages]
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
        made = subprocess.run([*install, "--constraint", CONSTRAINTS], capture_output=True, text=True, timeout=900)
        if made.returncode != 0:
            shutil.rmtree(folder)
            pytest.skip(f"Airflow {VERSION} cannot be installed under its constraints: {made.stderr[-300:]}")
    return program


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
    }


def call(airflow: Path, environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([airflow, *arguments], env=environment, capture_output=True, text=True, timeout=400)


def test_airflow_runs_the_dag_and_trains_on_new_records_alone(
    airflow: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    records = tmp_path / "records"
    records.mkdir()
    (records / "data.csv").write_text("a;b\n1;2\n")
    named = ["student_dropout", "--profile", "mock", "--set", f"kubeflow.data_uri={records}"]
    assert run(["airflow", *named, "-o", str(tmp_path / "dags")]) == 0
    with KfpServer() as server:
        environment["AIRFLOW_CONN_YACHAY_KUBEFLOW"] = json.dumps(
            {"conn_type": "http", "host": server.url, "extra": {"poll_seconds": 0.2}}
        )
        missing = call(airflow, environment, "db", "migrate")
        assert missing.returncode == 0, missing.stderr[-2000:]
        listed = call(airflow, environment, "dags", "list-import-errors")
        assert "No data found" in listed.stdout, listed.stdout

        assert run(["submit", *named, "--image", "image:1", "--host", server.url, "-p", "data_uri="]) == 0
        server.runs.clear()
        # A look at it moves the run on by a task.
        first = call(airflow, environment, "dags", "test", DAG, "2026-11-20")
        assert "state=success" in first.stdout + first.stderr, first.stdout[-3000:] + first.stderr[-3000:]
        assert [one["state"] for one in server.runs.values()] == ["SUCCEEDED"]

        second = call(airflow, environment, "dags", "test", DAG, "2026-11-21")
        assert "state=success" in second.stdout + second.stderr, second.stdout[-3000:]
        assert len(server.runs) == 1

        (records / "more.csv").write_text("a;b\n3;4\n")
        third = call(airflow, environment, "dags", "test", DAG, "2026-11-22")
        assert "state=success" in third.stdout + third.stderr, third.stdout[-3000:]
        assert len(server.runs) == 2


def test_a_run_that_fails_fails_the_task(airflow: Path, environment: dict[str, str], tmp_path: Path) -> None:
    records = tmp_path / "data.csv"
    records.write_text("a;b\n1;2\n")
    named = ["student_dropout", "--profile", "mock", "--set", f"kubeflow.data_uri={records}"]
    assert run(["airflow", *named, "-o", str(tmp_path / "dags")]) == 0
    with KfpServer(failing_task="Trainer") as server:
        environment["AIRFLOW_CONN_YACHAY_KUBEFLOW"] = json.dumps(
            {"conn_type": "http", "host": server.url, "extra": {"poll_seconds": 0.2}}
        )
        assert call(airflow, environment, "db", "migrate").returncode == 0
        assert run(["submit", *named, "--image", "image:1", "--host", server.url, "-p", "data_uri="]) == 0
        server.runs.clear()

        ended = call(airflow, environment, "dags", "test", DAG, "2026-11-20")

        text = ended.stdout + ended.stderr
        assert "to succeed. Received: FAILED" in text, text[-3000:]
        assert "state=failed" in text
