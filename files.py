"""Atomic writing: a file or folder has its name only when it is complete.

    write_atomically(path, content)

    with atomic_file(path) as draft:  # draft lies beside path
        table.to_parquet(draft)

    with atomic_folder(path) as draft:
        (draft / "model").mkdir()

A draft's name begins with `STAGING_PREFIX`. After an error it is removed; a killed process leaves it, see
`remove_drafts`.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

STAGING_PREFIX = ".staging-"
SCRATCH_PREFIX = "yachay-scratch-"
_SCRATCH_LOCK = ".yachay-scratch-lock"  # Of no other name: folders that have it are removed.
DEFAULT_WORKDIR = "yachay-runs"
"""Folder that keeps runs and models, below the current one."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file, strings as UTF-8; one that is there is replaced.

    Args:
        path: path. Its folder must exist.
        content: string or bytes.

    Raises:
        OSError: if the file cannot be written; what was there stays.
    """
    with atomic_file(path) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_file(path: Path, staging: Path | None = None, is_durable: bool = False) -> Iterator[Path]:
    """Gives a path to write to, which is renamed to `path` at the end; a file that is there is replaced.

    Args:
        path: path. Its folder must exist.
        staging: path of an existing folder of the same file system for the draft. Defaults to that of `path`.
        is_durable: bool. Whether the content is on the disk before it has its name: it survives a power cut. Defaults
            to False.

    Raises:
        OSError: if the file cannot be written; what was there stays.
    """
    draft = _draft(path, staging)
    try:
        yield draft
        if is_durable:
            _sync(draft)
        draft.replace(path)
        if is_durable:
            _sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(
    path: Path, staging: Path | None = None, is_durable: bool = False, replaces: bool = True
) -> Iterator[Path]:
    """Gives an empty folder to fill, which is renamed to `path` at the end.

    Args:
        path: path. Its parent must exist.
        staging: path of an existing folder of the same file system for the draft. Defaults to that of `path`.
        is_durable: bool. Whether the files are on the disk before the folder has its name: it survives a power cut.
            Defaults to False.
        replaces: bool. Whether a folder that is there is replaced. Defaults to True.

    Raises:
        OSError: if the folder cannot be written, or one is there that is not to be replaced; what was there stays.
    """
    draft = _draft(path, staging)
    try:
        draft.mkdir()
        yield draft
        if is_durable:
            for each in (*draft.rglob("*"), draft):
                _sync(each)
        if replaces and path.is_dir():
            shutil.rmtree(path)
        draft.rename(path)
        if is_durable:
            _sync(path.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def atomic_entries(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to fill, whose entries move into `folder` at the end; those of the same name are replaced.

    For a folder that somebody else made and holds open, such as the one TFX makes for an artifact.

    Args:
        folder: path. Made where it does not exist.

    Raises:
        OSError: if the folder cannot be written; after an error nothing of the draft stays.
    """
    draft = folder / f"{STAGING_PREFIX}{uuid.uuid4().hex}"
    try:
        draft.mkdir(parents=True)
        yield draft
        with _one_at_a_time(folder):
            for entry in sorted(draft.iterdir()):
                target = folder / entry.name
                if target.is_dir():
                    shutil.rmtree(target)
                entry.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Waits for other processes that move entries into the folder; not where its file system has no locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_drafts(folder: Path) -> None:
    """Removes what killed processes left half written in a folder. Nobody else may be writing there."""
    for draft in folder.glob(f"{STAGING_PREFIX}*"):
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink()


def _sync(path: Path) -> None:
    """Puts a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():  # Some file systems, such as those of buckets, have no folders to sync.
            raise
    finally:
        os.close(handle)


def _draft(path: Path, staging: Path | None) -> Path:
    return (staging or path.parent) / f"{STAGING_PREFIX}{path.name}-{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Gives a folder that only this user may enter, and removes it at the end.

    Those that killed processes left in the same place are removed too: a process holds the lock of its own.

    Args:
        parent: path. Where it is made. Defaults to the folder for temporary files.
    """
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=parent))
    try:
        _remove_abandoned(folder.parent)
        with (folder / f"{_SCRATCH_LOCK}.new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / f"{_SCRATCH_LOCK}.new").rename(folder / _SCRATCH_LOCK)  # Nobody finds it before it is held.
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f"{SCRATCH_PREFIX}*/{_SCRATCH_LOCK}"):
        with contextlib.suppress(OSError):  # Another user's, or one that is held.
            if path.parent.lstat().st_uid == os.geteuid():
                # A pipe, which anybody could put there, would wait for a writer.
                lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path.parent, ignore_errors=True)
                finally:
                    os.close(lock)
