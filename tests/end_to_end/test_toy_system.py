"""A system outside the package, from raw file to predict API: sequences in, quantiles of the next 24 hours out."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferInput, InferRequest

pytestmark = pytest.mark.end_to_end

SYSTEM = Path(__file__).parents[1] / "systems" / "toy_forecast"
PACKAGE = Path(__file__).parents[2]
PACKAGES = ("cli", "components", "deployment", "manifests", "model_store", "pipelines", "schemas", "serving")
GAP = [20.0, None, *[19.5] * 46]
NAME = "toy-forecast"


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def pushed(yachay: Any, workdir: Path) -> Any:
    return yachay("run", SYSTEM, "--workdir", workdir)


@pytest.fixture(scope="module")
def server(pushed: Any, workdir: Path) -> Iterator[tuple[str, str]]:
    """`yachay serve` of what was pushed: the addresses of REST and gRPC."""
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    command = [sys.executable, "-m", "yachay.cli.main", "serve", str(SYSTEM), "--workdir", str(workdir)]
    with subprocess.Popen([*command, "--port", str(ports[0]), f"--grpc_port={ports[1]}"]) as process:
        try:
            url = f"http://127.0.0.1:{ports[0]}"
            while not _is_ready(url):
                assert process.poll() is None
                time.sleep(0.2)
            yield url, f"127.0.0.1:{ports[1]}"
        finally:
            process.terminate()
    assert process.returncode == 0


def test_no_file_of_the_package_knows_of_the_system() -> None:
    words = ("toy_forecast", "evening_error", "FittedRecurrent", "toy-forecast")
    texts = {path: path.read_text() for package in PACKAGES for path in (PACKAGE / package).rglob("*.py")}
    assert texts
    assert [str(path) for path, text in texts.items() if any(word in text for word in words)] == []


def test_it_runs_and_its_own_metric_is_judged(pushed: Any) -> None:
    assert pushed.status == 0, pushed.stderr
    assert pushed.output["verdict"] == "blessed"
    assert pushed.output["bounds"]["evening_error"] == {"upper": 2.0}
    # The wave has an amplitude of 5, and the noise a mean absolute value of .56.
    assert 0.4 < pushed.output["metrics"]["evening_error"] < 1.5
    assert 0.6 < pushed.output["metrics"]["interval_coverage"] <= 1
    assert {"pinball", "rmse", "mae"} <= pushed.output["metrics"].keys()
    assert {line["slice"]["station"] for line in pushed.output["slices"]} == {"A", "B", "C"}


def test_its_section_stands_on_the_page_and_in_report_json(pushed: Any) -> None:
    page = Path(pushed.output["report_uri"])
    (section,) = json.loads((page.parent / "report.json").read_text())["sections"]
    assert (section["name"], len(section["data"]), section["problem"]) == ("hours", 24, "")
    assert "Toy: errors by hour" in page.read_text()


def test_v1_v2_and_grpc_predict_the_same_from_a_sequence_with_a_gap(server: tuple[str, str]) -> None:
    url, grpc = server
    v1 = httpx.post(f"{url}/v1/models/{NAME}:predict", json={"instances": [{"past": GAP}]}, timeout=60)
    assert v1.status_code == 200, v1.text
    (forecast,) = v1.json()["predictions"]
    assert {name: np.shape(values) for name, values in forecast.items()} == {
        "outputs": (24,), "lower": (24,), "upper": (24,), "quantiles": (24, 3),
    }  # fmt: skip
    assert (np.array(forecast["lower"]) <= forecast["outputs"]).all()
    tensor = {"name": "past", "shape": [1, 48], "datatype": "FP32", "data": GAP}
    v2 = httpx.post(f"{url}/v2/models/{NAME}/infer", json={"inputs": [tensor]}, timeout=60)
    assert v2.status_code == 200, v2.text
    outputs = {output["name"]: output["data"] for output in v2.json()["outputs"]}
    np.testing.assert_allclose(outputs["outputs"], forecast["outputs"], rtol=1e-5)

    async def ask() -> Any:
        one = InferInput("past", [1, 48], "FP32")
        one.set_data_from_numpy(np.array([[np.nan if value is None else value for value in GAP]], np.float32))
        async with InferenceGRPCClient(grpc) as client:
            return await client.infer(InferRequest(NAME, [one], parameters={"nan_is_missing": True}))

    answer = {output.name: output.as_numpy() for output in asyncio.run(ask()).outputs}
    np.testing.assert_allclose(answer["outputs"][0], forecast["outputs"], rtol=1e-5)


@pytest.mark.slow
def test_it_is_cross_validated(yachay: Any, workdir: Path) -> None:
    result = yachay("evaluate", SYSTEM, "--workdir", workdir, "--folds", 2)
    assert result.status == 0, result.stderr
    assert "evening_error" in json.dumps(result.output)


@pytest.mark.slow
def test_it_is_compiled_and_its_spec_runs(yachay: Any, tmp_path: Path) -> None:
    spec = tmp_path / "toy.yaml"
    image = ("--image", "registry.example/toy:1")
    compiled = subprocess.run(
        [sys.executable, "-m", "yachay.cli.main", "compile", str(SYSTEM), "-o", str(spec), "--profile", "mock", *image],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert compiled.returncode == 0, compiled.stderr
    result = yachay("run-spec", spec, "--workdir", tmp_path / "runs", cwd=SYSTEM.parent)
    assert result.status == 0, result.stderr
    assert result.output["verdict"] == "blessed"
    assert result.output["metrics"]["evening_error"] < 1.5
    assert set(result.states.values()) == {"done"}


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/models/{NAME}/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
