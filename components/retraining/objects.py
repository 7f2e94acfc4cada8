"""Small objects of a folder or a bucket, by their names."""

import contextlib
import os
import posixpath
from pathlib import Path
from typing import Any, Protocol

from ...files import STAGING_PREFIX, write_atomically
from ...uris import is_remote


class Objects(Protocol):
    """Objects by their names, which hold `/`."""

    def list(self, folder: str) -> list[str]:
        """Returns the names of the objects below a folder, sorted; none where there is no such folder."""
        ...

    def read(self, name: str) -> bytes:
        """Returns the content of an object.

        Raises:
            FileNotFoundError: if there is none.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """Writes an object atomically; one that is there is replaced."""
        ...

    def remove(self, name: str) -> None:
        """Removes an object, where there is one."""
        ...


def open_objects(uri: str) -> Objects:
    """Returns the objects of a place.

    Args:
        uri: string. A folder, or `gs://`, `s3://`, `minio://` with a bucket and a folder. `YACHAY_OBJECT_STORE` is a
            folder that stands for all buckets.
    """
    if not is_remote(uri):
        return _Folder(Path(uri).expanduser().absolute())
    scheme, _, key = uri.partition("://")
    if folder := os.environ.get("YACHAY_OBJECT_STORE"):
        return _Folder(Path(folder, scheme, key))
    return _Bucket(scheme, key)


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def list(self, folder: str) -> list[str]:
        found = (path for path in (self._path / folder).rglob("*") if path.is_file())
        return sorted(
            path.relative_to(self._path).as_posix() for path in found if not path.name.startswith(STAGING_PREFIX)
        )

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)

    def remove(self, name: str) -> None:
        (self._path / name).unlink(missing_ok=True)


class _Bucket:
    def __init__(self, scheme: str, root: str) -> None:
        import fsspec

        # MinIO speaks S3. Listings must show what others write meanwhile.
        self._files: Any = fsspec.filesystem(
            "gs" if scheme == "gs" else "s3", use_listings_cache=False, skip_instance_cache=True
        )
        self._root = root

    def list(self, folder: str) -> list[str]:
        paths = self._files.find(posixpath.join(self._root, folder))
        root = self._files._strip_protocol(self._root)
        return sorted(posixpath.relpath(path, root) for path in paths)

    def read(self, name: str) -> bytes:
        return bytes(self._files.cat_file(posixpath.join(self._root, name)))

    def write(self, name: str, content: bytes) -> None:
        self._files.pipe_file(posixpath.join(self._root, name), content)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(posixpath.join(self._root, name))
