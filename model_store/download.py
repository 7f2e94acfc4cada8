"""A local copy of the newest push of a store, for what reads models from a disk."""

import shutil
from pathlib import Path

from ..errors import StoreError
from ..files import atomic_folder
from .integrity import BrokenPushError, IntegrityError, stored_files, write_files
from .layout import RECEIPT_FILE, SIGNATURE_FILE, parse_version, push_name
from .store import ModelStore, latest_push

NUM_KEPT = 2
"""Pushes that are kept: the newest, and the one before, whose files a server may still read."""


def download_newest(store: ModelStore, folder: Path, below: int | None = None) -> Path | None:
    """Copies the newest push of a store into a folder, unless it is there, and removes older ones.

    Only files that are what was pushed are copied.

    Args:
        store: `ModelStore`.
        folder: path. Made where it is absent; holds pushes of this store only.
        below: int. A version: only earlier pushes count. Defaults to all.

    Returns:
        The path of the push's copy, or None where the store has no push.

    Raises:
        StoreError: if the store cannot be read, or the folder cannot be written.
        BrokenPushError: if the files of the push are not those that were pushed.
    """
    newest = latest_push(store, below)
    if newest is None:
        return None
    path = folder / push_name(newest.version)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (path / RECEIPT_FILE).is_file():
            with atomic_folder(path) as draft:
                write_files(stored_files(store, newest), draft)
                for name in (SIGNATURE_FILE, RECEIPT_FILE):
                    if (content := store.read(newest.version, name)) is not None:
                        (draft / name).write_bytes(content)
        _remove_old(folder, newest.version)
    except IntegrityError as error:
        raise BrokenPushError(str(error), newest.version) from None
    except OSError as error:
        raise StoreError(
            f"Expected to copy {newest.uri} to {folder}. Received: {error}. Make room there, or name another folder."
        ) from error
    return path


def _remove_old(folder: Path, used: int) -> None:
    versions = sorted(version for path in folder.iterdir() if (version := parse_version(path.name)) is not None)
    for version in versions[:-NUM_KEPT]:
        if version != used:
            shutil.rmtree(folder / push_name(version), ignore_errors=True)
