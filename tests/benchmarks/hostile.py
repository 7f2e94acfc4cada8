"""Eight honest clients beside a hostile one: their latency, quiet and under each abuse, in turn.

    .venv/bin/python tests/benchmarks/hostile.py [--model FOLDER] [--seconds 5] [--repeats 3]

Printed are the median over the repeats of p50 and p99, the ratio of p99 to that of the quiet load just before, and
failures of honest requests. Without `--model`, `student_dropout` is trained on synthetic records.
"""

import argparse
import contextlib
import gzip
import json
import socket
import statistics
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from load import Load, find_wrk, put_load
from serve import our_server, random_rows, train

CLIENTS = 8
NUM_READERS = 16
MIB = 2**20


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a push: push-<version>/<version>")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="abuses whose name contains this")
    options = parser.parse_args()
    find_wrk()
    with tempfile.TemporaryDirectory() as scratch:
        measure(
            options.model or train(Path(scratch, "runs")), Path(scratch), options.seconds, options.repeats, options.only
        )


def measure(model: Path, scratch: Path, seconds: float, repeats: int, only: str) -> None:
    """Prints a line an abuse."""
    body = json.dumps({"instances": random_rows(model, 1)}).encode()
    process, root = our_server(model, scratch / "ours.log", "--allow_unchecked=true")
    url = f"{root}/v1/models/ours:predict"
    print("| abuse | p50 ms | p99 ms | p99 quiet, ms | ratio | failures |\n|---|---|---|---|---|---|")
    with process:
        put_load(url, body, CLIENTS, 2)
        for name, abuse in abuses(url).items():
            if only not in name:
                continue
            pairs: list[tuple[Load, Load]] = []
            for _ in range(repeats):
                quiet = put_load(url, body, CLIENTS, seconds)
                with abuse():
                    pairs.append((quiet, put_load(url, body, CLIENTS, seconds)))
            columns = [
                f"{statistics.median(under.p50_ms for _, under in pairs):.1f}",
                f"{statistics.median(under.p99_ms for _, under in pairs):.1f}",
                f"{statistics.median(quiet.p99_ms for quiet, _ in pairs):.1f}",
                f"{statistics.median(under.p99_ms / quiet.p99_ms for quiet, under in pairs):.2f}",
                str(sum(under.num_errors for _, under in pairs)),
            ]
            print("|", " | ".join([name, *columns]), "|", flush=True)


def abuses(url: str) -> dict[str, Callable[[], contextlib.AbstractContextManager[None]]]:
    """Returns what a hostile client does, by name."""
    bodies = {
        "15 MB of empty lists": b'{"instances":[[]' + b",[]" * (5 * MIB) + b"]}",
        "a string of 15 MB": b'{"instances":["' + b"a" * (15 * MIB) + b'"]}',
        "10,000 unknown fields": json.dumps({"instances": [{f"f{i}": i for i in range(10_000)}]}).encode(),
        "a gzip bomb": gzip.compress(b"[" * (256 * MIB)),
    }
    found: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {}
    for name, body in bodies.items():
        headers = {"content-encoding": "gzip"} if "gzip" in name else {}
        found[name] = lambda body=body, headers=headers: repeating(url, body, headers)  # type: ignore[misc]
    root = url.split("/v1/")[0]
    for path in ("/metrics", "/openapi.json"):
        found[f"{NUM_READERS} readers of {path}"] = lambda path=path: repeating(  # type: ignore[misc]
            root + path, None, {}, NUM_READERS
        )
    head = f"POST {urlsplit(url).path} HTTP/1.1\r\nhost: x\r\ncontent-length: {8 * MIB}\r\n\r\n".encode()
    found["400 half-sent bodies"] = lambda: holding(url, head + b"[", 400)
    found["60 half-sent bodies of 8 MB"] = lambda: holding(url, head + b" " * (8 * MIB - 1), 60)
    return found


@contextlib.contextmanager
def repeating(url: str, body: bytes | None, headers: dict[str, str], num_threads: int = 1) -> Iterator[None]:
    """Posts a body, or gets a page, again and again until the block ends."""
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            with contextlib.suppress(urllib.error.HTTPError, OSError):
                urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60).read()

    threads = [threading.Thread(target=ask) for _ in range(num_threads)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def holding(url: str, content: bytes, count: int) -> Iterator[None]:
    """Holds connections that have sent a part of a request."""
    address = urlsplit(url)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=10))
            with contextlib.suppress(OSError):
                connection.sendall(content)
        yield


if __name__ == "__main__":
    main()
