"""Where a model lies: a SavedModel, one push, or a store of pushes, in a folder or a bucket, that is followed."""

import dataclasses
import hashlib
import os
import re
from pathlib import Path
from typing import Protocol

from ..errors import UsageError
from ..model_store.download import download_newest
from ..model_store.folder_store import FolderStore
from ..model_store.layout import MODEL_FILE, PUSH_PREFIX, RECEIPT_FILE
from ..model_store.location import is_shared, open_store
from ..model_store.store import ModelStore


@dataclasses.dataclass(frozen=True)
class ModelVersion:
    """A SavedModel and its version.

    Args:
        version: string. The push's version; `"1"` for a SavedModel outside a push.
        path: path of the folder that holds `saved_model.pb`.
        push: path of the push that holds it and its receipt; None for a SavedModel without one. Defaults to None.
    """

    version: str
    path: Path
    push: Path | None = None

    def fingerprint(self) -> tuple[tuple[str, int, int], ...]:
        """Returns names, sizes and times of the files: a broken version is tried again only when they change."""
        files = sorted(path for path in (self.push or self.path).rglob("*") if path.is_file())
        return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)


class ModelSource(Protocol):
    """Where a server gets its model from."""

    @property
    def is_followed(self) -> bool:
        """Whether newer versions may come."""
        ...

    def newest(self, below: str | None = None) -> ModelVersion:
        """Returns the model of the highest version.

        Args:
            below: string. A version: only earlier ones count. Defaults to all.

        Raises:
            UsageError: if there is none.
            BrokenPushError: if it is not what was pushed, so that an earlier one may be asked for.
            StoreError: if the store cannot be read.
        """
        ...


def open_source(location: str | Path, endpoint_url: str = "", cache: Path | None = None) -> ModelSource:
    """Returns the source of models at a place.

    Args:
        location: string or path. Folder of a SavedModel, of a push or of a store of pushes; or a store of pushes in a
            bucket, `gs://`, `s3://` or `minio://`.
        endpoint_url: string. Address of the S3 server of a bucket; empty takes `AWS_ENDPOINT_URL`, else Amazon's.
        cache: path of the folder that keeps copies of pushes in a bucket. Defaults to one of the user's cache.

    Raises:
        UsageError: if there cannot be a store of this name.
        StoreError: if the bucket cannot be opened.
    """
    if not is_shared(str(location)):
        return FolderSource(Path(location))
    store = open_store(str(location), endpoint_url=endpoint_url)
    if isinstance(store, FolderStore):
        return FolderSource(store.path)
    return BucketSource(store, cache or default_cache(store.uri))


class FolderSource:
    """A folder to serve from.

    Args:
        path: path of a SavedModel, of a push (`push-<version>/<version>/`) or of a store of pushes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_followed = not (path / MODEL_FILE).is_file() and _version_folder(path) is None

    def newest(self, below: str | None = None) -> ModelVersion:
        """Returns the model of the highest version, below another one where that is given.

        Raises:
            UsageError: if there is none.
        """
        if below is None and (self.path / MODEL_FILE).is_file():
            return _version(self.path.name if self.path.name.isdigit() else "1", self.path)
        if below is None and (folder := _version_folder(self.path)) is not None:
            return _version(folder.name, folder)
        pushes = [_version_folder(receipt.parent) for receipt in self.path.glob(f"{PUSH_PREFIX}*/{RECEIPT_FILE}")]
        versions = [folder for folder in pushes if folder is not None and _is_below(int(folder.name), below)]
        if not versions:
            raise UsageError(
                f"Expected {self.path} to be a SavedModel, a push, or a store that holds {PUSH_PREFIX}<version>/. "
                f"Received: {'a folder without any' if self.path.is_dir() else 'no such folder'}."
            )
        folder = max(versions, key=lambda path: int(path.name))
        return _version(folder.name, folder)


class BucketSource:
    """A store of pushes in a bucket. TensorFlow reads models from a disk, so each new push is copied first.

    Args:
        store: `ModelStore`.
        cache: path of the folder that keeps the copies.
    """

    is_followed = True

    def __init__(self, store: ModelStore, cache: Path) -> None:
        self._store = store
        self._cache = cache

    def newest(self, below: str | None = None) -> ModelVersion:
        """Returns the copy of the newest push, below a version where that is given.

        Raises:
            UsageError: if there is none.
            BrokenPushError: if it is not what was pushed.
            StoreError: if the store cannot be read, or the copy cannot be written.
        """
        push = download_newest(self._store, self._cache, None if below is None else int(below))
        folder = push and _version_folder(push)
        if not folder:
            raise UsageError(
                f"Expected {self._store.uri} to be a store that holds {PUSH_PREFIX}<version>/. "
                "Received: one without any."
            )
        return _version(folder.name, folder)


def default_cache(uri: str) -> Path:
    """Returns the folder in the user's cache for the copies of a store."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", uri)
    return root / "yachay" / "models" / f"{name}-{hashlib.sha256(uri.encode()).hexdigest()[:8]}"


def _is_below(version: int, below: str | None) -> bool:
    return below is None or version < int(below)


def _version(version: str, folder: Path) -> ModelVersion:
    push = folder.absolute().parent
    return ModelVersion(version, folder, push if (push / RECEIPT_FILE).is_file() else None)


def _version_folder(push: Path) -> Path | None:
    """Returns the version folder of a push: the one folder there whose name is a number."""
    if not push.is_dir():
        return None
    folders = [path for path in push.iterdir() if path.name.isdigit() and path.is_dir()]
    return max(folders, key=lambda path: int(path.name), default=None)
