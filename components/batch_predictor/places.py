"""Files and folders, here or in a bucket, behind one interface."""

import contextlib
import dataclasses
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ...errors import StoreError, YachayError
from ...files import atomic_file, write_atomically
from ...uris import is_remote


@dataclasses.dataclass(frozen=True)
class Place:
    """A file or a folder.

    Args:
        uri: string. As the user named it.
        files: fsspec file system.
        path: string. As the file system names it.
        is_local: bool. Whether it is on this machine.
    """

    uri: str
    files: Any
    path: str
    is_local: bool

    @property
    def parent(self) -> "Place":
        """The folder that it is in."""
        path = posixpath.dirname(self.path)
        return dataclasses.replace(self, uri=posixpath.dirname(self.uri) if is_remote(self.uri) else path, path=path)

    def child(self, name: str) -> "Place":
        """Returns what is in this folder under a name."""
        return dataclasses.replace(self, uri=f"{self.uri}/{name}", path=f"{self.path}/{name}")

    def exists(self) -> bool:
        """Returns whether it is there."""
        with self.asked("look for"):
            return bool(self.files.exists(self.path))

    def names(self) -> list[str]:
        """Returns the names of what is in this folder; none where there is no such folder."""
        with self.asked("list"):
            try:
                return sorted(posixpath.basename(each.rstrip("/")) for each in self.files.ls(self.path, detail=False))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def read(self) -> bytes | None:
        """Returns the content of the file, None where there is none."""
        with self.asked("read"):
            try:
                return bytes(self.files.cat_file(self.path))
            except FileNotFoundError:
                return None

    def write(self, content: bytes) -> None:
        """Writes the file atomically, with the folders above it."""
        with self.asked("write"):
            if self.is_local:
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(Path(self.path), content)
            else:
                self.files.pipe_file(self.path, content)

    @contextlib.contextmanager
    def reading(self) -> Iterator[IO[bytes]]:
        """Gives the file open for reading."""
        with self.asked("read"), self.files.open(self.path, "rb") as stream:
            yield stream

    @contextlib.contextmanager
    def writing(self, is_durable: bool = False) -> Iterator[IO[bytes]]:
        """Gives a stream whose content becomes the file at the end, and not at all after an error.

        Args:
            is_durable: bool. Whether it survives a power cut. Defaults to False.
        """
        with self.asked("write"):
            if self.is_local:
                with atomic_file(Path(self.path), is_durable=is_durable) as draft, draft.open("wb") as stream:
                    yield stream
                return
            stream = self.files.open(self.path, "wb")
            try:
                yield stream
            except BaseException:
                stream.discard()
                raise
            stream.close()

    def remove(self) -> None:
        """Removes the file, or the folder with all that is in it; nothing where it is absent."""
        with self.asked("remove"), contextlib.suppress(FileNotFoundError):
            self.files.rm(self.path, recursive=True)

    @contextlib.contextmanager
    def asked(self, verb: str) -> Iterator[None]:
        """Makes what a store raises in the block a `StoreError`."""
        try:
            yield
        except YachayError:
            raise
        except Exception as error:
            if self.is_local:  # A full disk and the like say so themselves.
                raise
            raise StoreError(
                f"Expected to {verb} {self.uri}. Received: {type(error).__name__}: {error}. Check the credentials, and "
                "the address of the store in AWS_ENDPOINT_URL."
            ) from error


def open_place(uri: str) -> Place:
    """Returns the place that a path or a URI names.

    Args:
        uri: string. A path, `gs://`, `s3://` or `minio://`, whose address comes from `AWS_ENDPOINT_URL`.
            `YACHAY_OBJECT_STORE` is a folder that stands for all buckets.

    Raises:
        StoreError: if the library of a store is missing.
    """
    folder = os.environ.get("YACHAY_OBJECT_STORE")
    uri = uri.rstrip("/") or uri
    try:
        import fsspec

        if not is_remote(uri):
            return Place(uri, fsspec.filesystem("file"), str(Path(uri).absolute()), True)
        if folder:
            return Place(uri, fsspec.filesystem("file"), str(Path(folder, uri.replace("://", "/", 1))), True)
        scheme, _, path = uri.partition("://")
        # MinIO speaks S3. Listings must show what others wrote meanwhile.
        files = fsspec.filesystem("gs" if scheme == "gs" else "s3", use_listings_cache=False)
    except ImportError as error:
        raise StoreError(
            f"Expected to open {uri}. Received: {error}. Install the library with its extra `kubeflow`."
        ) from None
    return Place(uri, files, path, False)
