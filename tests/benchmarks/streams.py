"""Events a second of the stream consumer beside a consumer that posts each event to the server, and the bare model.

    .venv/bin/python tests/benchmarks/streams.py --push PUSH [--events 100000] [--posted 2000] [--repeats 3]

PUSH is one of `student_dropout`'s task `essentials`. All read the same file of events and, but for the bare model,
write JSON lines; they take turns, and the median over the repeats is printed, by the wall and by the processor time of
all processes. It also prints what a start of the Lambda function takes.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import requests
from load import server

from yachay.components.pusher.candidate_server import free_port
from yachay.schemas.stream.mock import mock_events
from yachay.serving.inputs import InputChecker
from yachay.serving.lean import load_lean

ENVELOPE = {"features": "student_features", "key": "student_id"}
BATCH = 1024
START = """
import json, sys, time
start = time.perf_counter()
from yachay.serving import aws_lambda
imported = time.perf_counter()
function = aws_lambda._function()
loaded = time.perf_counter()
aws_lambda.handler(json.load(sys.stdin), None)
print(json.dumps([imported - start, loaded - imported, time.perf_counter() - loaded,
    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "tensorflow" in sys.modules]))
""".replace("import json, sys", "import json, resource, sys")


def bare(push: Path, events: list[dict[str, object]]) -> float:
    """Returns the seconds of predicting rows that are checked and packed already."""
    loaded = load_lean(push / push.name.removeprefix("push-"))
    checker = InputChecker(loaded.features, BATCH, 4096)
    rows = [event["student_features"] for event in events]
    batches = [checker.check_rows(rows[start : start + BATCH]).matrices for start in range(0, len(rows), BATCH)]
    start = time.perf_counter()
    for matrices in batches:
        loaded.predict(matrices)
    return time.perf_counter() - start


def streamed(push: Path, events: Path, folder: Path) -> None:
    """Runs the consumer over a file."""
    subprocess.run(
        [
            sys.executable, "-m", "yachay.serving.streaming", f"--model_dir={push}", "--once", "--metrics_port=0",
            f"--envelope={json.dumps(ENVELOPE)}", f"--from=file:{events}", f"--to=file:{folder / 'out.jsonl'}",
            f"--group=g{time.monotonic_ns()}",
        ],
        check=True, capture_output=True,
    )  # fmt: skip


def posted(url: str, events: list[dict[str, object]], out: Path) -> None:
    """Posts one event after the other, over one connection."""
    with requests.Session() as session, out.open("w") as file:
        for event in events:
            response = session.post(url, json={"instances": [event["student_features"]]}, timeout=60)
            prediction = response.json()["predictions"][0]
            file.write(json.dumps({"student_id": event["student_id"], **prediction}) + "\n")


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def start_of_lambda(push: Path, event: dict[str, object], folder: Path) -> list[float]:
    """Returns seconds to import, to load and of the first call, MiB, and whether TensorFlow was imported."""
    import base64

    record = {
        "eventID": "shardId-0:1",
        "kinesis": {
            "data": base64.b64encode(json.dumps(event).encode()).decode(),
            "partitionKey": "1",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 0,
        },
    }
    environment = os.environ | {
        "YACHAY_MODEL_DIR": str(push),
        "YACHAY_STREAM_TO": f"file:{folder / 'lambda.jsonl'}",
        "YACHAY_STREAM_ENVELOPE": json.dumps(ENVELOPE),
    }
    done = subprocess.run(
        [sys.executable, "-c", START], input=json.dumps({"Records": [record]}), env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    figures: list[float] = json.loads(done.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--push", type=Path, required=True)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--posted", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    events = mock_events(options.events)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "events.jsonl"
        file.write_text("".join(json.dumps(event) + "\n" for event in events))
        port = free_port()
        command = [
            sys.executable, "-m", "yachay.serving", "--model_name=m", f"--model_dir={options.push}",
            f"--http_port={port}", "--enable_grpc=false",
        ]  # fmt: skip
        figures: dict[str, list[float]] = {"stream": [], "stream, processor": [], "post": [], "bare model": []}
        with server(command, f"http://127.0.0.1:{port}/v2/models/m/ready", folder / "server.log"):
            url = f"http://127.0.0.1:{port}/v1/models/m:predict"
            for _ in range(options.repeats):
                before = cpu_of_children()
                seconds = timed(lambda: streamed(options.push, file, folder))
                figures["stream"].append(options.events / seconds)
                figures["stream, processor"].append(options.events / (cpu_of_children() - before))
                some = events[: options.posted]
                figures["post"].append(options.posted / timed(lambda: posted(url, some, folder / "posted.jsonl")))  # noqa: B023
                figures["bare model"].append(options.events / bare(options.push, events))
        for what, values in figures.items():
            print(f"{what}: {statistics.median(values):,.0f} events/s ({min(values):,.0f} to {max(values):,.0f})")
        ratios = [one / other for one, other in zip(figures["stream"], figures["post"], strict=True)]
        print(f"stream / post: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
        starts = [start_of_lambda(options.push, events[0], folder) for _ in range(options.repeats + 2)]
        for place, what in enumerate(("import", "load", "first call")):
            print(f"Lambda {what}: {statistics.median(each[place] for each in starts) * 1000:.0f} ms")
        print(f"Lambda memory: {max(each[3] for each in starts):.0f} MiB; TensorFlow: {bool(starts[0][4])}")


if __name__ == "__main__":
    main()
