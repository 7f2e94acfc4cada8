"""The spool: what could not be sent, kept until `yachay track` sends it."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from ...files import atomic_folder
from .record import RECORD_FILE, RunRecord

SPOOL = "tracking"
"""Name of the spool in the folder of a run."""
OUTPUT_SPOOL = "spool"
"""Its name in the output of a step on Kubeflow."""
_FILES = "files"


def keep(record: RunRecord, folder: Path) -> None:
    """Writes a record with copies of its files atomically; one that is there is replaced.

    Args:
        record: `RunRecord`.
        folder: path. Its parent is made where it is absent.

    Raises:
        OSError: if it cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as draft:
        names = {}
        for name, source in record.files.items():
            if Path(source).is_file():
                copy = draft / _FILES / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
                names[name] = f"{_FILES}/{name}"
        kept = record.model_copy(update={"files": names})
        (draft / RECORD_FILE).write_text(kept.model_dump_json(indent=2) + "\n", encoding="utf-8")


def is_kept(folder: Path) -> bool:
    """Returns whether a folder is a spool that waits to be sent."""
    return (folder / RECORD_FILE).is_file()


def missing_files(record: RunRecord) -> list[str]:
    """Returns the files of a record that are gone, sorted."""
    return sorted(name for name, path in record.files.items() if not Path(path).is_file())


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Waits for other processes of this machine that send the same spool."""
    lock = folder.with_name(f"{folder.name}.lock")
    with FileLock(lock):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Removes a spool whose record has been sent."""
    shutil.rmtree(folder, ignore_errors=True)
