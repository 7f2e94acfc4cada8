"""A model store in a folder: on a disk, or on a volume that is mounted."""

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from filelock import FileLock

from ..errors import StoreError
from ..files import atomic_file, atomic_folder, remove_drafts
from .integrity import list_files, read_file
from .layout import EVENTS_FOLDER, RECEIPT_FILE, parse_version, push_name
from .store import next_version

_LOCK = ".lock"
_NUM_TRIES = 5


class _TakenError(OSError):
    """Another process pushed under the same version: only where the volume has no locks."""


class FolderStore:
    """Pushes in a folder.

    A push is added atomically. Pushes at once come one after the other; on a volume without locks they get versions of
    their own, or fail.

    Args:
        path: path of the folder; made by the first push.
        uri: string. How others name it; defaults to the path.
    """

    def __init__(self, path: Path, uri: str = "") -> None:
        self.path = path
        self.uri = uri or str(path)

    def versions(self) -> list[int]:
        """Returns the versions of pushes, in no order."""
        with self._asked("read"):
            names = [path.name for path in self.path.iterdir()] if self.path.exists() else []
        return [version for name in names if (version := parse_version(name)) is not None]

    def read(self, version: int, name: str) -> bytes | None:
        """Returns the content of a file of a push, or None where there is none.

        Raises:
            IntegrityError: if it is a link.
        """
        with self._asked("read"):
            try:
                return read_file(self.path / push_name(version) / name)
            except FileNotFoundError:
                return None

    def files(self, version: int) -> list[str]:
        """Returns the names of the files of a push, relative to it, sorted."""
        with self._asked("list"):
            return list_files(self.path / push_name(version))

    def add(self, model: Path, beside: Callable[[int], Mapping[str, bytes]], version: int | None = None) -> int:
        """Adds a push atomically and returns its version. It is on the disk, and survives a power cut.

        Raises:
            StoreError: if the folder cannot be written, or there is a push of that version.
        """
        with self._asked("write"):
            self.path.mkdir(parents=True, exist_ok=True)
            with self._alone():
                remove_drafts(self.path)
                if version is not None:
                    return self._add(model, beside, version)
                for _ in range(_NUM_TRIES - 1):
                    with contextlib.suppress(_TakenError):
                        return self._add(model, beside, next_version(self.versions()))
                return self._add(model, beside, next_version(self.versions()))

    def remove(self, version: int) -> None:
        """Removes a push, its receipt first.

        Raises:
            StoreError: if the folder cannot be written.
        """
        with self._asked("write"), self._alone():
            push = self.path / push_name(version)
            (push / RECEIPT_FILE).unlink(missing_ok=True)
            if push.is_dir():
                shutil.rmtree(push)

    def events(self) -> dict[str, bytes]:
        """Returns the content of the store's events by name."""
        with self._asked("read"):
            return {path.name: read_file(path) for path in (self.path / EVENTS_FOLDER).glob("*.json")}

    def add_event(self, name: str, content: bytes) -> None:
        """Adds an event; it is on the disk.

        Raises:
            StoreError: if the folder cannot be written.
        """
        with self._asked("write"):
            folder = self.path / EVENTS_FOLDER
            folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(folder / name, is_durable=True) as draft:
                draft.write_bytes(content)

    def _add(self, model: Path, beside: Callable[[int], Mapping[str, bytes]], version: int) -> int:
        path = self.path / push_name(version)
        try:
            with atomic_folder(path, is_durable=True, replaces=False) as draft:
                shutil.copytree(model, draft / str(version))
                added = beside(version)
                for name, content in added.items():
                    (draft / name).write_bytes(content)
                names = sorted([*(f"{version}/{name}" for name in list_files(model)), *added])
                self._check_files(draft, names)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                raise _TakenError(*error.args) from error
            raise
        try:
            self._check_files(path, names)
        except StoreError:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return version

    def _check_files(self, folder: Path, names: list[str]) -> None:
        """Checks that nobody, on a volume without locks, took the draft for one that a killed push left."""
        if list_files(folder) != names:
            raise StoreError(
                f"Expected the files of a push in {self.uri} to stay while they are written. Received: another process "
                "removed some. Push again, one at a time."
            )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        lock = self.path / _LOCK
        with FileLock(lock):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _asked(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # A copy of a folder lists every file that failed.
            reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error
            raise StoreError(
                f"Expected to {verb} the model store {self.uri}. Received: {type(error).__name__}: {reason}. Check the "
                "folder's permissions and the free space, or name another as push.store."
            ) from error
