"""Our server under load for an hour, with a new version every minute: failures, memory and descriptors.

    .venv/bin/python tests/benchmarks/soak.py [--model FOLDER] [--minutes 60] [--rest 0] [--json FILE]

V1, V2, gRPC and hostile clients take turns; each round ends with a push of another version, every fifth a broken one.
The exit status is 1 where a request failed, or memory or descriptors grew: the median of the last quarter is more than
5 % above that of the second. Without `--model`, `student_dropout` is trained on synthetic records.
"""

import argparse
import gzip
import json
import re
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
from hot_swap import push
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from load import find_wrk, put_load, server
from serve import Subject, random_rows, read_dtypes, train

from yachay.components.pusher.candidate_server import free_port

CLIENTS = 8
LOAD_SECONDS = 10
NUM_KEPT = 3
GROWTH = 1.05
INFER = "/inference.GRPCInferenceService/ModelInfer"
CONTENTS = {"float32": "fp32_contents", "int64": "int64_contents", "string": "bytes_contents"}
DATATYPES = {"float32": "FP32", "int64": "INT64", "string": "BYTES"}


def main() -> None:
    """Measures, prints a line a round, and judges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a push: push-<version>/<version>")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rest", type=float, default=0, help="seconds without load at the end of each round")
    parser.add_argument("--json", type=Path, help="write every round to this file")
    options = parser.parse_args()
    find_wrk()
    with tempfile.TemporaryDirectory() as scratch:
        model = options.model or train(Path(scratch, "runs"))
        rounds = soak(model, Path(scratch), options.minutes, options.rest)
    if options.json:
        options.json.write_text(json.dumps(rounds, indent=1))
    sys.exit(judge(rounds))


def soak(model: Path, scratch: Path, minutes: float, rest: float) -> list[dict[str, Any]]:
    """Returns what each round showed."""
    store, http_port, grpc_port = scratch / "store", free_port(), free_port()
    push(model, store, 1)
    root = f"http://127.0.0.1:{http_port}"
    command = [sys.executable, "-m", "yachay.serving", "--host=127.0.0.1", "--model_name=ours", f"--model_dir={store}"]
    command += [f"--http_port={http_port}", f"--grpc_port={grpc_port}", f"--prediction_log={scratch / 'log'}"]
    rows, dtypes = random_rows(model, 1), read_dtypes(model)
    subjects = [
        Subject("V1", f"{root}/v1/models/ours:predict", "v1"),
        Subject("V2", f"{root}/v2/models/ours/infer", "v2"),
    ]
    rounds: list[dict[str, Any]] = []
    end = time.monotonic() + minutes * 60
    with server(command, f"{root}/v2/models/ours/ready", scratch / "server.log"):
        print("| round | version | requests | failures | worst ms | RSS MiB | descriptors |")
        print("|---|---|---|---|---|---|---|")
        while time.monotonic() < end:
            number = len(rounds) + 2
            pusher = threading.Timer(LOAD_SECONDS / 2, push, (model, store, number), {"is_broken": number % 5 == 0})
            pusher.start()
            loads = [put_load(each.url, each.body(rows, dtypes), CLIENTS, LOAD_SECONDS) for each in subjects]
            pusher.join()
            calls, failed = call_grpc(grpc_port, rows[0], dtypes, LOAD_SECONDS / 4)
            abuse(http_port)
            shutil.rmtree(store / f"push-{number - NUM_KEPT}", ignore_errors=True)
            shutil.rmtree(scratch / "log", ignore_errors=True)
            time.sleep(rest)
            rounds.append(
                {
                    "version": version(root),
                    "requests": sum(load.requests for load in loads) + calls,
                    "failures": sum(load.num_errors for load in loads) + failed,
                    "worst_ms": max(load.worst_ms for load in loads),
                    **process(root),
                }
            )
            print("|", " | ".join(map(str, [len(rounds), *rounds[-1].values()])), "|", flush=True)
    return rounds


def call_grpc(port: int, row: dict[str, Any], dtypes: dict[str, str], seconds: float) -> tuple[int, int]:
    """Returns how many calls were made, and how many failed."""
    request = pb.ModelInferRequest(model_name="ours")
    for name, dtype in dtypes.items():
        value = row[name].encode() if dtype == "string" else row[name]
        request.inputs.add(name=name, shape=[1], datatype=DATATYPES[dtype], contents={CONTENTS[dtype]: [value]})
    message, calls, failed = request.SerializeToString(), 0, 0
    end = time.monotonic() + seconds
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(INFER)
        while time.monotonic() < end:
            calls += 1
            try:
                call(message, timeout=30)
            except grpc.RpcError:
                failed += 1
    return calls, failed


def abuse(port: int) -> None:
    """Sends what must be rejected, and leaves connections half used."""
    url = f"http://127.0.0.1:{port}/v1/models/ours:predict"
    bomb = gzip.compress(b"[" * 2**26)
    for body, headers in (
        (b'{"instances":[[]' + b",[]" * 2**20 + b"]}", {}),
        (json.dumps({"instances": [{f"f{i}": 1 for i in range(5000)}]}).encode(), {}),
        (bomb, {"content-encoding": "gzip"}),
        (b"\xff" * 1000, {"x-request-id": "a" * 500}),
    ):
        try:
            urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60)
        except urllib.error.HTTPError as error:
            if error.status >= 500:
                raise SystemExit(f"Expected a rejection below 500. Received: {error.status}.") from None
    head = b"POST /v1/models/ours:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n"
    for content in (b"", head[:30], head, head + b" " * 80_000) * 5:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(content)


def version(root: str) -> str:
    """Returns the version in service."""
    with urllib.request.urlopen(f"{root}/v2/models/ours") as response:
        return str(json.load(response)["versions"][0])


def process(root: str) -> dict[str, float]:
    """Returns the memory and the descriptors of the server, by its own metrics."""
    with urllib.request.urlopen(f"{root}/metrics") as response:
        text = response.read().decode()
    names = {"rss_mib": ("process_resident_memory_bytes", 2**20), "descriptors": ("process_open_fds", 1)}
    return {
        key: round(float(re.findall(rf"^{name} (\S+)$", text, re.MULTILINE)[0]) / unit, 1)
        for key, (name, unit) in names.items()
    }


def judge(rounds: list[dict[str, Any]]) -> int:
    """Prints the verdict and returns the exit status."""
    quarter = max(1, len(rounds) // 4)
    failures = sum(each["failures"] for each in rounds)
    print(f"{sum(each['requests'] for each in rounds):,} requests, {len(rounds)} pushes, {failures} failures")
    is_flat = True
    for key in ("rss_mib", "descriptors"):
        before, after = (
            statistics.median(each[key] for each in part)
            for part in (rounds[quarter : 2 * quarter] or rounds, rounds[-quarter:])
        )
        is_flat &= after <= before * GROWTH
        print(f"{key}: {before:g} in the second quarter, {after:g} in the last ({after / before:.3f})")
    return 0 if is_flat and not failures else 1


if __name__ == "__main__":
    main()
