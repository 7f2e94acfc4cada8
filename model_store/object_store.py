"""A model store in a bucket: `gs://`, `s3://`, `minio://`."""

import contextlib
import datetime
import posixpath
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import StoreError
from .integrity import list_files
from .layout import CLAIM_PREFIX, EVENTS_FOLDER, RECEIPT_FILE, parse_version, push_name
from .store import next_version

LEFTOVER_HOURS = 1
"""A push without `push.json` to which nothing was added for so long was killed. Its age alone shows it: a push may run
on any machine. The largest models take minutes; one that stalls for longer ends with an error."""

_NUM_TRIES = 20
_MAX_PAUSE_SECONDS = 2.0


class ObjectStore:
    """Pushes in a bucket.

    No object store renames a folder, and not each has conditional writes. So a writer claims a version with an object
    of its own name, and has it where nothing else is listed beside that; of two that see each other both try another
    version. The model follows, and `push.json` makes it a push while the claim stands: who removes what a killed push
    left removes its claims first. Listings must show what was written before, as those of S3, GCS and MinIO do.

    Args:
        uri: string.
        file_system: fsspec file system.
        root: string. Bucket and folder as the file system names them.
    """

    def __init__(self, uri: str, file_system: Any, root: str) -> None:
        self.uri = uri
        self._files = file_system
        self._root = root

    def versions(self) -> list[int]:
        """Returns the versions of pushes, in no order, also of those that are not finished.

        Raises:
            StoreError: if the store cannot be listed.
        """
        with self._asked("list"):
            try:
                names = [posixpath.basename(path.rstrip("/")) for path in self._files.ls(self._root, detail=False)]
            except FileNotFoundError:
                names = []
                self._check_bucket()
        return [version for name in names if (version := parse_version(name)) is not None]

    def read(self, version: int, name: str) -> bytes | None:
        """Returns the content of an object of a push, or None where there is none.

        Raises:
            StoreError: if the store cannot be read.
        """
        with self._asked("read"):
            try:
                return bytes(self._files.cat_file(self._path(version, name)))
            except FileNotFoundError:
                return None

    def files(self, version: int) -> list[str]:
        """Returns the names of the objects of a push, relative to it, sorted.

        Raises:
            StoreError: if the store cannot be listed.
        """
        push = self._path(version)
        with self._asked("list"):
            names = [posixpath.relpath(path, push) for path in self._files.find(push)]
        return sorted(name for name in names if not name.startswith(CLAIM_PREFIX))

    def add(self, model: Path, beside: Callable[[int], Mapping[str, bytes]], version: int | None = None) -> int:
        """Adds a push, atomically for whoever reads `push.json` first, and returns its version.

        Raises:
            StoreError: if the store cannot be written, or there is a push of that version.
        """
        with self._asked("write"):
            self._remove_leftovers()
            version, claim = self._claim(version)
            try:
                paths = {f"{version}/{name}": model / name for name in list_files(model)}
                self._files.put([str(path) for path in paths.values()], [self._path(version, name) for name in paths])
                *others, receipt = beside(version).items()
                for name, content in others:
                    self._files.pipe_file(self._path(version, name), content)
                names = {*paths, *dict(others)}
                self._check_objects(version, claim, names)
                try:
                    self._files.pipe_file(self._path(version, receipt[0]), receipt[1])
                    self._check_objects(version, claim, names | {receipt[0]})
                except BaseException:
                    with contextlib.suppress(Exception):
                        self._files.rm_file(self._path(version, receipt[0]))
                    raise
            except BaseException:
                # Where the server is gone, the next push removes the rest; what lost its claim is another's to remove.
                with contextlib.suppress(Exception):
                    if claim in self._objects(version)[0]:
                        self._files.rm(self._path(version), recursive=True)
                raise
            with contextlib.suppress(Exception):
                for path in self._objects(version)[0]:
                    self._files.rm_file(path)
        return version

    def remove(self, version: int) -> None:
        """Removes a push, its receipt first.

        Raises:
            StoreError: if the store cannot be written.
        """
        with self._asked("write"):
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(self._path(version, RECEIPT_FILE))
            with contextlib.suppress(FileNotFoundError):
                self._files.rm(self._path(version), recursive=True)

    def events(self) -> dict[str, bytes]:
        """Returns the content of the store's events by name.

        Raises:
            StoreError: if the store cannot be read.
        """
        with self._asked("read"):
            paths = self._files.find(posixpath.join(self._root, EVENTS_FOLDER))
            return {posixpath.basename(path): bytes(self._files.cat_file(path)) for path in paths}

    def add_event(self, name: str, content: bytes) -> None:
        """Adds an event.

        Raises:
            StoreError: if the store cannot be written.
        """
        with self._asked("write"):
            self._files.pipe_file(posixpath.join(self._root, EVENTS_FOLDER, name), content)

    def _check_bucket(self) -> None:
        bucket = self._root.partition("/")[0]
        try:
            self._files.info(bucket)
        except FileNotFoundError:
            raise StoreError(
                f"Expected a bucket {bucket!r} for the model store {self.uri}. Received: no such bucket. Make it, or "
                "correct push.store."
            ) from None

    def _claim(self, wanted: int | None) -> tuple[int, str]:
        """Returns a version that nobody else writes, and the object that claims it."""
        name = f"{CLAIM_PREFIX}-{uuid.uuid4().hex}"
        for attempt in range(_NUM_TRIES):
            version = wanted or next_version(self.versions()) + random.randrange(attempt + 1)
            if wanted and self._files.exists(self._path(wanted, RECEIPT_FILE)):
                raise StoreError(f"Expected no push {push_name(wanted)} in {self.uri}. Received: one.")
            claim = self._path(version, name)
            self._files.pipe_file(claim, b"claim")
            if self._objects(version) == ([claim], []):
                return version, claim
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(claim)
            time.sleep(random.uniform(0, min(_MAX_PAUSE_SECONDS, 0.05 * 2**attempt)))
        raise StoreError(
            f"Expected a version in {self.uri} that no other push writes. Received: none after {_NUM_TRIES} tries. "
            "Push again, with fewer at once; what a killed push left is removed after "
            f"{LEFTOVER_HOURS} h."
        )

    def _objects(self, version: int) -> tuple[list[str], list[str]]:
        """Returns the claims of a version, and its other objects."""
        paths = self._files.find(self._path(version))
        is_claim = [posixpath.basename(path).startswith(CLAIM_PREFIX) for path in paths]
        claims = [path for path, one in zip(paths, is_claim, strict=True) if one]
        return claims, [path for path, one in zip(paths, is_claim, strict=True) if not one]

    def _check_objects(self, version: int, claim: str, names: set[str]) -> None:
        claims, others = self._objects(version)
        if claim not in claims or {*others} != {self._path(version, name) for name in names}:
            raise StoreError(
                f"Expected the objects of {self._path(version)} to stay while it is pushed. Received: others, for it "
                f"stalled for {LEFTOVER_HOURS} h or more and was taken for one that was killed, or somebody removed "
                "some. Push again."
            )

    def _remove_leftovers(self) -> None:
        oldest = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=LEFTOVER_HOURS)
        for version in self.versions():
            receipt = self._path(version, RECEIPT_FILE)
            if not self._files.exists(receipt):
                claims, others = self._objects(version)
                if [*claims, *others] and max(map(self._files.modified, [*claims, *others])) < oldest:
                    for claim in claims:
                        self._files.rm_file(claim)
                    # One that only stalled, and wrote its receipt before it lost its claim, is whole.
                    if not self._files.exists(receipt):
                        self._files.rm(self._path(version), recursive=True)

    def _path(self, version: int, *names: str) -> str:
        return posixpath.join(self._root, push_name(version), *names)

    @contextlib.contextmanager
    def _asked(self, verb: str) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(
                f"Expected to {verb} the model store {self.uri}. Received: {type(error).__name__}: "
                f"{str(error).rstrip('.')}. Check "
                "push.store, the bucket, the credentials in the environment, and the server's address "
                "(push.endpoint_url or AWS_ENDPOINT_URL)."
            ) from error
