"""Requests a second over gRPC (V2) of our server beside a plain `kserve.Model` over the same SavedModel.

    .venv/bin/python tests/benchmarks/serve_grpc.py [--model FOLDER] [--seconds 2] [--repeats 3]

As serve.py; the clients are coroutines of this process that send ready-made messages, so that what a client costs is in
every figure and lowers the ratio. The processor's time is that of the server alone.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from load import server
from serve import CELLS, HERE, WARM_UP_SECONDS, random_rows, read_dtypes, train

from yachay.components.pusher.candidate_server import free_port

METHOD = "/inference.GRPCInferenceService/ModelInfer"
CONTENTS = {
    "float32": ("FP32", "fp32_contents"),
    "int64": ("INT64", "int64_contents"),
    "string": ("BYTES", "bytes_contents"),
}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a push: push-<version>/<version>")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        model = options.model or train(Path(scratch))
        rows, dtypes = random_rows(model, max(CELLS)[0]), read_dtypes(model)
        servers = {}
        for name in ("ours", "plain"):
            http, port = free_port(), free_port()
            command = [sys.executable, "-m", "yachay.serving", "--host=127.0.0.1", "--model_name=ours"]
            command += [f"--model_dir={model}", f"--http_port={http}", f"--grpc_port={port}"]
            if name == "plain":
                command = [sys.executable, str(HERE / "plain_server.py"), str(model), "raw", str(http), str(port)]
            ready = f"http://127.0.0.1:{http}/v2/models/{name}/ready"
            pid = stack.enter_context(server(command, ready, Path(scratch, f"{name}.log")))
            servers[name] = (f"127.0.0.1:{port}", pid)
        for name, (address, _) in servers.items():
            asyncio.run(load(address, request(name, rows[:1], dtypes), 8, WARM_UP_SECONDS))
        print("| rows | clients | ours, a second | plain | ours is | processor ms: ours | plain | ours is |")
        print("|---|---|---|---|---|---|---|---|")
        for num_rows, clients in CELLS:
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
            for _ in range(options.repeats):
                for name, (address, pid) in servers.items():
                    message = request(name, rows[:num_rows], dtypes)
                    before = processor_seconds(pid)
                    count, seconds = asyncio.run(load(address, message, clients, options.seconds))
                    found[name].append((count / seconds, 1e3 * (processor_seconds(pid) - before) / count))
            (ours, ours_ms), (plain, plain_ms) = (
                [statistics.median(one) for one in zip(*each, strict=True)] for each in found.values()
            )
            print(
                f"| {num_rows:,} | {clients} | {ours:,.0f} | {plain:,.0f} | {ours / plain:.1f} | {ours_ms:.2f} | "
                f"{plain_ms:.2f} | {plain_ms / ours_ms:.1f} |",
                flush=True,
            )


def request(name: str, rows: Sequence[Mapping[str, Any]], dtypes: Mapping[str, str]) -> bytes:
    """Returns a serialized request for rows."""
    message = messages.ModelInferRequest(model_name=name)
    for feature, dtype in dtypes.items():
        datatype, field = CONTENTS[dtype]
        values = [row[feature].encode() if dtype == "string" else row[feature] for row in rows]
        tensor = message.inputs.add(name=feature, datatype=datatype, shape=[len(rows)])
        getattr(tensor.contents, field).extend(values)
    content: bytes = message.SerializeToString()
    return content


async def load(address: str, message: bytes, clients: int, seconds: float) -> tuple[int, float]:
    """Returns how many responses clients had, each asking again as soon as it had one, and in how many seconds."""
    start = time.monotonic()

    async def ask() -> int:
        count = 0
        async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            call = channel.unary_unary(METHOD)
            while time.monotonic() - start < seconds:
                await call(message)
                count += 1
        return count

    counts = await asyncio.gather(*(ask() for _ in range(clients)))
    return sum(counts), time.monotonic() - start


def processor_seconds(pid: int) -> float:
    """Returns what a process has used of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
