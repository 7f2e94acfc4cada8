"""What holds while several clients ask: the log of a killed server, TLS and tokens, and metrics that add up."""

import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from yachay.serving.tls import TlsFiles

from .conftest import ROW, Running, free_port
from .test_tls import Authority

Serve = Callable[..., AbstractContextManager[Running]]
INFER = "/inference.GRPCInferenceService/ModelInfer"
NUM_CLIENTS = 4


@contextlib.contextmanager
def process(model_dir: Path, *flags: str, limits: str = "") -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A server in a process of its own, under limits of the shell, and its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = [f"--model_dir={model_dir}", "--model_name=tiny", f"--http_port={port}", "--enable_grpc=false"]
    arguments += ["--host=127.0.0.1", "--allow_unchecked=true", *flags]
    command = ["bash", "-c", f'{limits} exec "$0" "$@"', sys.executable, "-m", "yachay.serving", *arguments]
    server = subprocess.Popen(command, start_new_session=True)
    try:
        end = time.monotonic() + 120
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/v2/health/ready").status_code == 200:
                    break
            assert server.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        yield server, url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.end_to_end
def test_a_killed_server_loses_at_most_what_its_log_had_not_written_yet(model_dir: Path, tmp_path: Path) -> None:
    answered: dict[str, float] = {}
    is_over = threading.Event()
    with process(
        model_dir,
        f"--prediction_log={tmp_path}",
        "--prediction_log_format=jsonl",
        "--prediction_log_rotate_seconds=1",
    ) as (server, url):

        def ask(client_number: int) -> None:
            with httpx.Client(timeout=60) as client, contextlib.suppress(httpx.HTTPError):
                while not is_over.is_set():
                    name = f"{client_number}-{len(answered)}-{time.monotonic_ns()}"
                    body = {"instances": [ROW]}
                    client.post(f"{url}/v1/models/tiny:predict", json=body, headers={"x-request-id": name})
                    answered[name] = time.monotonic()

        with ThreadPoolExecutor(NUM_CLIENTS) as pool:
            clients = [pool.submit(ask, number) for number in range(NUM_CLIENTS)]
            end = time.monotonic() + 60
            while len(list(tmp_path.glob("*.jsonl"))) < 3:
                assert time.monotonic() < end
                time.sleep(0.05)
            # The newest file was complete by now: all that was answered before the one in front of it stands there.
            finished = sorted(tmp_path.glob("*.jsonl"))[-2].stat().st_mtime
            server.kill()
            killed = time.time() - time.monotonic()
            is_over.set()
            for client in clients:
                client.result()

    # Each file that is there is whole.
    logged = [
        json.loads(line)["prediction_id"]
        for path in tmp_path.glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert len(logged) == len(set(logged))
    assert {name for name, at in answered.items() if at + killed < finished - 1} <= set(logged)


@pytest.mark.end_to_end
def test_a_log_that_cannot_be_written_leaves_the_server_serving(model_dir: Path, tmp_path: Path) -> None:
    # Files of more than 1 KiB fail, as on a full disk, but for the errno.
    flags = [
        f"--prediction_log={tmp_path}",
        "--prediction_log_rotate_seconds=0.2",
        "--prediction_log_rotate_mib=0.0001",
    ]
    with process(model_dir, *flags, limits="ulimit -f 1;") as (server, url):
        with httpx.Client(base_url=url, timeout=60) as client:
            end = time.monotonic() + 60
            while not (lost := total(client.get("/metrics").text, "yachay_prediction_log_dropped_total", "unwritable")):
                assert time.monotonic() < end
                assert client.post("/v1/models/tiny:predict", json={"instances": [ROW] * 10}).status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0

    assert lost >= 10
    assert list(tmp_path.glob("*.parquet")) == []


def test_tokens_and_tls_hold_under_load(serve: Serve, model_dir: Path, tmp_path: Path) -> None:
    authority = Authority("ours")
    certificate, key = authority.issue(tmp_path, "server")
    context = ssl.create_default_context(cadata=authority.pem.decode())
    with serve(model_dir, tls=TlsFiles(certificate, key), tokens=lambda: ["right"]) as server:

        def ask(token: str) -> Counter[int]:
            headers = {"authorization": f"Bearer {token}"}
            with httpx.Client(verify=context, headers=headers, timeout=60) as client:
                url = f"{server.url}/v1/models/tiny:predict"
                return Counter(client.post(url, json={"instances": [ROW]}).status_code for _ in range(30))

        def call(token: str) -> Counter[str]:
            credentials = grpc.ssl_channel_credentials(authority.pem)
            with grpc.secure_channel(server.grpc, credentials) as channel:
                return Counter(code_of(channel, message(ROW), token) for _ in range(30))

        with ThreadPoolExecutor(8) as pool:
            over_rest = list(pool.map(ask, ["right", "wrong"] * 2))
            over_grpc = list(pool.map(call, ["right", "wrong"] * 2))

    assert over_rest == [{200: 30}, {401: 30}] * 2
    assert over_grpc == [{"OK": 30}, {"UNAUTHENTICATED": 30}] * 2


def test_metrics_add_up_to_what_clients_count(served: Running) -> None:
    good, bad = {"instances": [ROW]}, {"instances": [{**ROW, "income": "x"}]}
    tensors = [
        {"name": name, "shape": [1], "datatype": datatype, "data": [ROW[name]]}
        for name, datatype in (("income", "FP32"), ("branch", "INT64"))
    ]
    asked = [("/v1/models/tiny:predict", good), ("/v1/models/tiny:predict", bad)]
    asked += [("/v2/models/tiny/infer", {"inputs": tensors}), ("/v2/models/tiny/infer", {"inputs": tensors[1:]})]
    asked += [("/v1/models/other:predict", good)]
    before = counted(served)

    def ask(number: int) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        with httpx.Client(base_url=served.url, timeout=60) as client, grpc.insecure_channel(served.grpc) as channel:
            for index in range(25):
                path, body = asked[(number + index) % len(asked)]
                found[path[1:3], str(client.post(path, json=body).status_code)] += 1
                row = ROW if index % 3 else {**ROW, "town": "x" * 100}
                found["grpc", code_of(channel, message(row))] += 1
        return found

    with ThreadPoolExecutor(NUM_CLIENTS) as pool:
        expected = sum(pool.map(ask, range(NUM_CLIENTS)), Counter())

    after = counted(served)
    assert after - before == expected
    assert expected["grpc", "INVALID_ARGUMENT"] == 9 * NUM_CLIENTS
    metrics = httpx.get(f"{served.url}/metrics").text
    assert total(metrics, "yachay_requests_in_flight", "") == 0
    seconds = {
        protocol: int(total(metrics, "yachay_request_seconds_count", f'model_name="tiny",protocol="{protocol}"'))
        for protocol in ("v1", "v2", "grpc")
    }
    assert seconds == {
        protocol: sum(count for (one, _), count in after.items() if one == protocol) for protocol in seconds
    }


def counted(server: Running) -> Counter[tuple[str, str]]:
    """Requests by protocol and status, as the server counts them."""
    pattern = r'^yachay_requests_total\{model_name="tiny",outcome="\w+",protocol="(\w+)",status="(\w+)"\} (\S+)$'
    found = re.findall(pattern, httpx.get(f"{server.url}/metrics").text, re.MULTILINE)
    return Counter({(protocol, status): int(float(count)) for protocol, status, count in found})


def total(metrics: str, name: str, label: str) -> float:
    lines = [line for line in metrics.splitlines() if line.startswith(f"{name}{{") and label in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def message(row: dict[str, Any]) -> bytes:
    request = pb.ModelInferRequest(model_name="tiny")
    request.inputs.add(name="income", shape=[1], datatype="FP32", contents={"fp32_contents": [row["income"]]})
    request.inputs.add(name="branch", shape=[1], datatype="INT64", contents={"int64_contents": [row["branch"]]})
    request.inputs.add(name="town", shape=[1], datatype="BYTES", contents={"bytes_contents": [row["town"].encode()]})
    return request.SerializeToString()


def code_of(channel: grpc.Channel, content: bytes, token: str = "") -> str:
    try:
        channel.unary_unary(INFER)(content, timeout=60, metadata=[("authorization", f"Bearer {token}")])
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"
