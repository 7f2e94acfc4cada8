"""A folder that stands for the object stores: `minio://b/k` is `<folder>/minio/b/k`, `gs://` and `s3://` likewise."""

import os
import shutil
from pathlib import Path

from ....errors import YachayError
from ....files import atomic_file, atomic_folder
from ....uris import ROOT_SCHEMES, is_remote

_STAGING = ".uploading"


class LocalStore:
    """A folder that stands for the object stores, with the ways of the launcher.

    Args:
        folder: path. Made where it does not exist; what a killed run had half uploaded is removed.
        writer: string. Name of the pipeline that writes: those of others may run beside it. Defaults to `"run"`.
    """

    def __init__(self, folder: Path, writer: str = "run") -> None:
        self.folder = folder
        self._staging = folder / _STAGING / writer
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir(parents=True)

    def path(self, uri: str) -> Path:
        """Returns where an object, or what lies below a prefix, is kept.

        Raises:
            YachayError: if the URI is of another store, or leaves its bucket.
        """
        scheme, _, key = uri.partition("://")
        if not is_remote(uri) or ".." in key.split("/"):
            raise YachayError(
                f"Expected a URI of one of the stores that the folder stands for ({', '.join(ROOT_SCHEMES)}). "
                f"Received: {uri!r}. Name the artifact there."
            )
        return self.folder / scheme / key.split("?")[0].rstrip("/")

    def download(self, uri: str, path: Path) -> None:
        """Copies an object, or all below a prefix, to a path; nothing where there is none, as the launcher does.

        A copy, not a link: what a step does to its inputs must not reach the store.
        """
        source = self.path(uri)
        for file in _files(source):
            target = path / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)

    def upload(self, path: Path, uri: str) -> None:
        """Takes a file, or all files below a folder, into the store, atomically. Empty folders vanish.

        Args:
            path: path. Nothing is done where nothing is there.
            uri: string.
        """
        files = _files(path)
        if not files:
            return
        target = self.path(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        with (atomic_file if files == [path] else atomic_folder)(target, self._staging) as draft:
            for file in files:
                staged = draft / file.relative_to(path)
                staged.parent.mkdir(parents=True, exist_ok=True)
                _link(file, staged)


def _files(path: Path) -> list[Path]:
    """Returns the file that a path is, or those below it."""
    if path.is_file():
        return [path]
    return sorted(
        Path(folder, name) for folder, _, names in os.walk(path) for name in names if Path(folder, name).is_file()
    )


def _link(source: Path, target: Path) -> None:
    try:
        # The content of a symbolic link is uploaded, as the launcher does.
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
