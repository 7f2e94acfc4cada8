"""Kinesalite, an implementation of Kinesis whose shards close when they are split or merged, as moto's never do.

Its package comes from the registry of npm into the user's cache.
"""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError

from yachay.components.pusher.candidate_server import free_port

VERSION = "3.3.3"
# It would end with a client that is killed while it sends.
PROGRAM = """
process.on("uncaughtException", error => {
  if (error.code !== "ECONNRESET") { console.error(error); process.exit(1); }
});
require(%s)({createStreamMs: 50, updateStreamMs: 50}).listen(%d)
"""


def find_kinesalite() -> Path | str:
    """Returns Kinesalite's package, fetched once; or why there is none."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no Node.js with npm on this machine"
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "yachay" / "kinesalite" / VERSION
    package = root / "node_modules" / "kinesalite"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not package.is_dir():
            command = ["npm", "install", "--no-audit", "--no-fund", f"kinesalite@{VERSION}"]
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)
            if done.returncode:
                return f"npm cannot fetch Kinesalite: {done.stderr[-300:]}"
    return package


@contextlib.contextmanager
def running_kinesalite(package: Path) -> Iterator[str]:
    """Runs it with streams in memory, and gives its address."""
    port = free_port()
    process = subprocess.Popen(["node", "-e", PROGRAM % (json.dumps(str(package)), port)])
    url = f"http://127.0.0.1:{port}"
    try:
        client = boto3.client(
            "kinesis", "us-east-1", endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
        )
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(BotoCoreError):
                client.list_streams()
                break
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


class Stream:
    """A stream of Kinesis that tests write to.

    Args:
        client: boto3's client.
        name: string.
        num_shards: int.
    """

    def __init__(self, client: Any, name: str, num_shards: int) -> None:
        self._client = client
        self._name = name
        client.create_stream(StreamName=name, ShardCount=num_shards)
        self._wait()
        self.numbers: dict[str, int] = {}
        """The number of each event, by the id that a consumer gives it."""

    def put(self, events: Sequence[tuple[int, str, Mapping[str, Any] | str]]) -> None:
        """Puts events, each with its number and key; those of a key must have been given in their order."""
        for start in range(0, len(events), 500):
            part = events[start : start + 500]
            entries = [
                {"Data": each if isinstance(each, str) else json.dumps(each), "PartitionKey": key}
                for _, key, each in part
            ]
            response = self._client.put_records(StreamName=self._name, Records=entries)
            assert response["FailedRecordCount"] == 0
            for (number, _, _), result in zip(part, response["Records"], strict=True):
                self.numbers[f"{result['ShardId']}:{result['SequenceNumber']}"] = number

    def split(self) -> None:
        """Splits the first open shard in the middle."""
        shard = self._open()[0]
        first, last = (int(shard["HashKeyRange"][name]) for name in ("StartingHashKey", "EndingHashKey"))
        self._client.split_shard(
            StreamName=self._name, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((first + last) // 2)
        )
        self._wait()

    def merge(self) -> None:
        """Merges the last two open shards."""
        one, other = self._open()[-2:]
        self._client.merge_shards(
            StreamName=self._name, ShardToMerge=one["ShardId"], AdjacentShardToMerge=other["ShardId"]
        )
        self._wait()

    def _open(self) -> list[dict[str, Any]]:
        shards = self._client.list_shards(StreamName=self._name)["Shards"]
        is_open = [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
        return sorted(is_open, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))

    def _wait(self) -> None:
        while self._status() != "ACTIVE":
            time.sleep(0.05)

    def _status(self) -> str:
        return str(
            self._client.describe_stream_summary(StreamName=self._name)["StreamDescriptionSummary"]["StreamStatus"]
        )
