"""Copies a push from one store to another: the same files, the same version, the same content hash."""

import tempfile
from pathlib import Path

from ..errors import StoreError
from .integrity import check_push, stored_files, write_files
from .layout import RECEIPT_FILE, SIGNATURE_FILE, push_name
from .store import ModelStore, Push, read_push


def copy_push(source: ModelStore, push: Push, target: ModelStore) -> Push:
    """Copies a push; one that is there already stays.

    Args:
        source: `ModelStore`.
        push: `Push` of `source`.
        target: `ModelStore`.

    Returns:
        The push in `target`.

    Raises:
        IntegrityError: if the files in either store are not those that were pushed.
        StoreError: if a store cannot be read or written, or another push has the version.
    """
    there = read_push(target, push.version)
    if there is None:
        with tempfile.TemporaryDirectory(prefix="yachay-") as name:
            folder = Path(name)
            write_files(stored_files(source, push), folder)
            model = folder / str(push.version)
            beside = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
            for last in (SIGNATURE_FILE, RECEIPT_FILE):
                if (content := source.read(push.version, last)) is not None:
                    beside[last] = content
            try:
                target.add(model, lambda _: beside, push.version)
            except StoreError:
                if read_push(target, push.version) is None:
                    raise
                # Another promotion of it came first.
        there = read_push(target, push.version)
    if there is None or there.content_hash != push.content_hash:
        raise StoreError(
            f"Expected {target.uri}/{push_name(push.version)} to be the push with the content hash "
            f"{push.content_hash}. Received: {there.content_hash if there else 'none'}. Somebody else pushed there: "
            "push to one store only, and promote from it."
        )
    check_push(target, there)
    return there
