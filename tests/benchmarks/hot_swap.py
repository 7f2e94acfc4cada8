"""A new push and a broken one come into a store that our server follows, under load: requests, failures, worst latency.

    .venv/bin/python tests/benchmarks/hot_swap.py [--model FOLDER]

Beside it stands the same load without a push. Without `--model`, `student_dropout` is trained on synthetic records.
"""

import argparse
import json
import shutil
import tempfile
import threading
import urllib.request
from pathlib import Path

from load import Load, find_wrk, put_load
from serve import our_server, random_rows, train

from yachay.model_store.integrity import hash_files, hash_manifest
from yachay.model_store.store import Push

CLIENTS, SECONDS = 8, 20
NEW_AFTER_SECONDS, BROKEN_AFTER_SECONDS = 4, 12


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a push: push-<version>/<version>")
    options = parser.parse_args()
    find_wrk()
    with tempfile.TemporaryDirectory() as scratch:
        measure(options.model or train(Path(scratch, "runs")), Path(scratch))


def measure(model: Path, scratch: Path) -> None:
    """Prints both loads and the version in service at the end."""
    store = scratch / "store"
    push(model, store, 1)
    body = json.dumps({"instances": random_rows(model, 1)}).encode()
    process, root = our_server(store, scratch / "ours.log", "--poll_seconds=0.5")
    url = f"{root}/v1/models/ours:predict"
    with process:
        put_load(url, body, CLIENTS, 2)
        _print("without a push", put_load(url, body, CLIENTS, SECONDS))
        pushes = [
            threading.Timer(NEW_AFTER_SECONDS, push, (model, store, 2)),
            threading.Timer(BROKEN_AFTER_SECONDS, push, (model, store, 3), {"is_broken": True}),
        ]
        for timer in pushes:
            timer.start()
        _print("with a new push and a broken one", put_load(url, body, CLIENTS, SECONDS))
        for timer in pushes:
            timer.join()
        with urllib.request.urlopen(f"{root}/v2/models/ours") as response:
            print(f"in service at the end: {json.load(response)['versions']} (2 is the new one, 3 the broken one)")
    print(*[line for line in (scratch / "ours.log").read_text().splitlines() if "stays in service" in line], sep="\n")


def push(model: Path, store: Path, version: int, is_broken: bool = False) -> None:
    """Puts a copy of a model into a store, whole at once."""
    draft = store / f".draft-{version}"
    shutil.copytree(model, draft / str(version))
    if is_broken:
        (draft / str(version) / "saved_model.pb").write_bytes(b"broken")
    files = hash_files(draft)
    (draft / "push.json").write_text(Push(version, str(store), hash_manifest(files), files=files).to_json())
    draft.rename(store / f"push-{version}")


def _print(title: str, load: Load) -> None:
    print(
        f"{title}: {load.requests:,} requests in {load.seconds:.0f} s, {load.num_errors} failures, "
        f"p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms, worst {load.worst_ms:.1f} ms"
    )


if __name__ == "__main__":
    main()
