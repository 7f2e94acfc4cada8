"""The spool: what could not be sent, kept until `yachay track` sends it."""

import shutil
from pathlib import Path

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


def discard(folder: Path) -> None:
    """Removes a spool whose record has been sent."""
    shutil.rmtree(folder, ignore_errors=True)
