import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pyarrow.parquet
import pytest
from s3_server import s3_server

from yachay.components.pusher.candidate_server import free_port
from yachay.model_store.location import open_store
from yachay.model_store.store import push

from .conftest import ROW, push_model, write_model, write_receipt

pytestmark = pytest.mark.end_to_end

Start = Callable[..., tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers in processes of their own and waits until they are ready."""
    processes = []

    def run(command: list[str], port_flag: str, grpc_flag: str) -> tuple["subprocess.Popen[str]", int]:
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", *command, f"{port_flag}={port}", f"{grpc_flag}={free_port()}"],
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        end = time.monotonic() + 120
        while not is_ready(port):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.1)
        return process, port

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v2/health/ready").status_code == 200
    except httpx.HTTPError:
        return False


def test_sigterm_completes_what_is_under_way_and_logs_it(start: Start, tmp_path: Path) -> None:
    push_model(tmp_path / "models", 1)
    process, port = start(
        ["yachay.serving", f"--model_dir={tmp_path / 'models'}", f"--prediction_log={tmp_path / 'log'}"],
        "--http_port",
        "--grpc_port",
    )
    body = json.dumps({"instances": [ROW]}).encode()
    header = f"POST /v1/models/model:predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()

    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(header + body[:10])
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/v2/health/live")
        connection.sendall(body[10:])
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert process.wait(30) == 0
    (table,) = [pyarrow.parquet.read_table(path) for path in (tmp_path / "log").glob("*.parquet")]
    assert table.num_rows == 1


def test_yachay_serve_serves_a_store_and_says_where(start: Start, tmp_path: Path) -> None:
    push_model(tmp_path / "models", 7)

    process, port = start(["yachay.cli.main", "serve", str(tmp_path / "models"), "--no-page"], "--port", "--grpc-port")
    response = httpx.post(f"http://127.0.0.1:{port}/v1/models/model:predict", json={"instances": [ROW]})
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"hello\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert "Invalid HTTP request" not in said
    assert response.json()["predictions"][0]["classes"] == "yes"
    assert f"model, version 7, family tiny: http://127.0.0.1:{port}/v1/models/model:predict" in said
    assert process.returncode == 0


def test_yachay_serve_follows_a_store_in_a_bucket(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with s3_server() as server:
        server.reset()
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        store = open_store("s3://models/tiny")
        first = push(write_model(tmp_path / "5"), store, trained_hash="a", golden=b"")
        command = ["yachay.cli.main", "serve", "s3://models/tiny", "--no-page", "--poll_seconds=1"]
        _, port = start(command, "--port", "--grpc-port")

        def version() -> str:
            (found,) = httpx.get(f"http://127.0.0.1:{port}/v2/models/model").json()["versions"]
            return str(found)

        assert version() == str(first.version)
        second = push(write_model(tmp_path / "6", shift=2.0), store, trained_hash="b", golden=b"")
        end = time.monotonic() + 60
        while version() != str(second.version):
            assert time.monotonic() < end
            time.sleep(0.2)


@pytest.mark.parametrize(
    ("store", "status", "message"),
    [
        ("empty", 2, "Received: a folder without any."),
        ("broken", 1, "Expected a SavedModel with the signature serving_default"),
        ("edited", 1, "push-1 as they were pushed. Received: another 1/saved_model.pb."),
    ],
)
def test_a_server_that_cannot_start_says_why(store: str, status: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    broken, edited = (push_model(tmp_path / name, 1) for name in ("broken", "edited"))
    for push_folder in (broken, edited):
        (push_folder / "1" / "saved_model.pb").write_bytes(b"no graph")
    write_receipt(broken, 1)

    result = subprocess.run(
        [sys.executable, "-m", "yachay.cli.main", "serve", str(tmp_path / store), f"--port={free_port()}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, message in result.stderr) == (status, True), result.stderr


def test_a_taken_port_is_found_before_tensorflow_is_imported(tmp_path: Path) -> None:
    push_model(tmp_path, 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        script = (
            "import sys; from yachay.serving.__main__ import main; "
            "print(main(sys.argv[1:]), 'tensorflow' in sys.modules)"
        )
        arguments = [f"--model_dir={tmp_path}", "--host=127.0.0.1", f"--http_port={taken.getsockname()[1]}"]
        result = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)

    assert result.stdout == "2 False\n", result.stderr
    assert "Received: Address already in use. Name another port." in result.stderr
