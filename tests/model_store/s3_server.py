"""A real S3 server in a process of its own, with one bucket: `models`."""

import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3


class S3Server:
    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process, self.url = process, url

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def client(self) -> Any:
        return boto3.client("s3", endpoint_url=self.url)

    def names(self) -> list[str]:
        listed = self.client().list_objects_v2(Bucket="models")
        return [one["Key"] for one in listed.get("Contents", [])]

    def read(self, name: str) -> bytes:
        return bytes(self.client().get_object(Bucket="models", Key=name)["Body"].read())

    def write(self, name: str, content: bytes) -> None:
        self.client().put_object(Bucket="models", Key=name, Body=content)

    def reject_credentials(self) -> None:
        """From now on only users that the server knows are let in, and it knows none."""
        self._post("reset-auth", b"0")

    def reset(self) -> None:
        """Forgets everything but an empty bucket."""
        self._post("reset-auth", b"inf")
        self._post("reset", b"")
        self.client().create_bucket(Bucket="models")

    def _post(self, name: str, body: bytes) -> None:
        request = urllib.request.Request(f"{self.url}/moto-api/{name}", body, {"Content-Type": "text/plain"})
        urllib.request.urlopen(request, timeout=10).read()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = next(line.split()[-1] for line in process.stderr if "Running on" in line)
            # It logs each request, and would wait for a reader once the pipe is full.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield S3Server(process, url)
        finally:
            process.kill()
