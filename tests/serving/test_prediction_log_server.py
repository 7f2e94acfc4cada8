import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pyarrow.parquet
import pytest

from yachay.components.example_gen.ingest import ingest
from yachay.components.example_gen.inputs import resolve_input
from yachay.components.example_gen.settings import Column, ColumnType, IngestSpec
from yachay.schemas.prediction_log import record_schema
from yachay.serving.prediction_log import PredictionLog, PredictionLogOptions

NUM_CLIENTS = 4


def read_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def test_what_a_server_predicts_over_each_protocol_is_logged_as_it_was_asked(
    model_dir: Path, tmp_path: Path, serve: Callable[..., Any], row: dict[str, Any]
) -> None:
    log = PredictionLog(PredictionLogOptions(tmp_path, "jsonl"))
    with serve(model_dir, [log]) as server:
        rows = [row, {**row, "rating": None, "visits": None, "town": None}]
        headers = {"x-request-id": "first"}
        answer = server.post("/v1/models/tiny:predict", json={"instances": rows}, headers=headers).json()
        inputs = [
            {"name": name, "shape": [1], "datatype": datatype, "data": [row[name]]}
            for name, datatype in [("income", "FP32"), ("branch", "INT64")]
        ]
        server.post("/v2/models/tiny/infer", json={"id": "second", "inputs": inputs}).raise_for_status()
        assert server.predict({"instances": [{}]}).status_code == 400

    first, second, third = read_lines(tmp_path)
    for record in (first, second, third):
        jsonschema.validate(record, record_schema())
    features = ("income", "rating", "visits", "branch", "town")
    assert {name: first[name] for name in features} == row
    assert {name: second[name] for name in features} == {**row, "rating": None, "visits": None, "town": None}
    assert {name: third[name] for name in features} == {
        **dict.fromkeys(features),
        "income": row["income"],
        "branch": row["branch"],
    }
    for record, prediction in zip((first, second), answer["predictions"], strict=True):
        assert record["prediction_classes"] == prediction["classes"]
        assert record["prediction_scores"] == pytest.approx(prediction["scores"], abs=1e-7)
    assert [record["prediction_id"] for record in (first, second, third)] == ["first", "first", "second"]
    assert [record["prediction_row"] for record in (first, second, third)] == [0, 1, 0]
    assert [record["prediction_protocol"] for record in (first, second, third)] == ["v1", "v1", "v2"]
    assert {record["prediction_version"] for record in (first, second, third)} == {"5"}


def test_a_log_reads_back_as_data(
    model_dir: Path, tmp_path: Path, serve: Callable[..., Any], row: dict[str, Any]
) -> None:
    log = PredictionLog(PredictionLogOptions(tmp_path / "log"))
    with serve(model_dir, [log]) as server:
        rows = [
            {**row, "visits": number if number % 2 else None, "income": 10.0 * (-1) ** number} for number in range(40)
        ]
        server.predict({"instances": rows}).raise_for_status()
    (tmp_path / "log" / ".staging-predictions-unfinished.parquet").write_bytes(b"PAR1")
    columns = {
        "income": Column(type=ColumnType.FLOAT32),
        "visits": Column(type=ColumnType.INT64, required=False),
        "town": Column(type=ColumnType.STRING),
        "prediction_classes": Column(type=ColumnType.STRING),
    }
    spec = IngestSpec(columns=columns, label={"name": "prediction_classes", "values": ("no", "yes")})

    summary = ingest(resolve_input(str(tmp_path / "log")), spec, tmp_path / "examples", tmp_path / "quarantine")

    assert (summary.rows_kept, summary.rows_quarantined) == (40, 0)
    assert summary.label_counts == {"no": 20, "yes": 20}


@pytest.mark.end_to_end
@pytest.mark.parametrize("log_format", ["parquet", "jsonl"])
def test_every_prediction_returned_until_sigterm_is_in_the_log(
    model_dir: Path, tmp_path: Path, row: dict[str, Any], log_format: str, free_ports: Callable[[int], list[int]]
) -> None:
    http_port, grpc_port = free_ports(2)
    flags = [f"--prediction_log={tmp_path / 'log'}", f"--prediction_log_format={log_format}"]
    ports = [f"--http_port={http_port}", f"--grpc_port={grpc_port}", "--host=127.0.0.1", "--allow_unchecked=true"]
    command = [sys.executable, "-m", "yachay.serving", "--model_name=tiny", f"--model_dir={model_dir}", *ports, *flags]
    url = f"http://127.0.0.1:{http_port}"
    answered: list[str] = []

    def ask(client: int) -> None:
        with httpx.Client(base_url=url, timeout=30) as session:
            for number in range(1_000_000):
                name = f"{client}-{number}"
                try:
                    body = {"instances": [row, row]}
                    answer = session.post("/v1/models/tiny:predict", json=body, headers={"x-request-id": name})
                except httpx.TransportError:
                    return
                assert answer.status_code == 200
                answered.append(name)

    log = tmp_path / "server.log"
    with log.open("wb") as output:
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        wait_until_ready(url, process, log)
        clients = [threading.Thread(target=ask, args=(client,)) for client in range(NUM_CLIENTS)]
        for client in clients:
            client.start()
        while len(answered) < 200:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(60)
        assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()

    paths = sorted((tmp_path / "log").iterdir())
    assert {path.suffix for path in paths} == {f".{log_format}"}
    if log_format == "parquet":
        records = [record for path in paths for record in pyarrow.parquet.read_table(path).to_pylist()]
    else:
        records = read_lines(tmp_path / "log")
    assert len(records) == 2 * len(answered)
    assert sorted(record["prediction_id"] for record in records[::2]) == sorted(answered)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/v2/models/tiny/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
