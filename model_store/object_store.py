"""A model store in a bucket: `gs://`, `s3://`, `minio://`."""

import contextlib
import datetime
import posixpath
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import StoreError
from .layout import RECEIPT_FILE, parse_version, push_name
from .store import next_version

LEFTOVER_HOURS = 1
"""A push without `push.json` to which nothing was added for so long was killed. Its age alone shows it: a push may run
on any machine. The largest models take minutes."""

_CLAIM = ".claim"


class ObjectStore:
    """Pushes in a bucket.

    No object store renames a folder. So a version is claimed with an object that only one writer can make, the model
    follows, and `push.json` makes it a push.

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
        return sorted(name for name in names if name != _CLAIM)

    def add(self, model: Path, beside: Callable[[int], Mapping[str, bytes]]) -> int:
        """Adds a push, atomically for whoever reads `push.json` first, and returns its version.

        Raises:
            StoreError: if the store cannot be written.
        """
        with self._asked("write"):
            self._remove_leftovers()
            version = self._claim()
            try:
                paths = [path for path in model.rglob("*") if path.is_file()]
                names = [f"{version}/{path.relative_to(model).as_posix()}" for path in paths]
                self._files.put([str(path) for path in paths], [self._path(version, name) for name in names])
                for name, content in beside(version).items():
                    self._files.pipe_file(self._path(version, name), content)
            except BaseException:
                # What makes it a push goes first. Where the server is gone, the next push removes the rest.
                with contextlib.suppress(Exception):
                    self._files.rm_file(self._path(version, RECEIPT_FILE))
                with contextlib.suppress(Exception):
                    self._files.rm(self._path(version), recursive=True)
                raise
            with contextlib.suppress(Exception):
                self._files.rm_file(self._path(version, _CLAIM))
        return version

    def _check_bucket(self) -> None:
        bucket = self._root.partition("/")[0]
        try:
            self._files.info(bucket)
        except FileNotFoundError:
            raise StoreError(
                f"Expected a bucket {bucket!r} for the model store {self.uri}. Received: no such bucket. Make it, or "
                "correct push.store."
            ) from None

    def _claim(self) -> int:
        version = next_version(self.versions())
        while True:
            try:
                self._files.pipe_file(self._path(version, _CLAIM), b"", mode="create")
            except FileExistsError:
                version += 1
            else:
                return version

    def _remove_leftovers(self) -> None:
        oldest = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=LEFTOVER_HOURS)
        for version in self.versions():
            if not self._files.exists(self._path(version, RECEIPT_FILE)):
                objects = self._files.find(self._path(version))
                if objects and max(map(self._files.modified, objects)) < oldest:
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
