"""Whether the files of a push are those that were pushed: each against the receipt, all against one content hash.

The content hash is what `sha256sum` gives, in the folder of a push:

    find * -type f ! -name push.json ! -name model.sig | LC_ALL=C sort | xargs sha256sum | sha256sum
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError, StoreError
from .layout import CLAIM_PREFIX, RECEIPT_FILE, SIGNATURE_FILE

if TYPE_CHECKING:
    from .store import ModelStore, Push

CONTENT_HASH_VARIABLE = "YACHAY_CONTENT_HASH"
"""Names the only push that a server may load, by its content hash."""

_MAX_NAMED = 3


class IntegrityError(ModelError):
    """The files of a model are not those that were pushed."""


class BrokenPushError(IntegrityError, StoreError):
    """A push in a store is not what was pushed; those before it may be.

    Args:
        message: string. What was expected, what was received, and the fix.
        version: int. Of the push.
    """

    def __init__(self, message: str, version: int) -> None:
        self.version = version
        super().__init__(message)


def hash_content(content: bytes) -> str:
    """Returns the SHA-256 of a file's content, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def hash_manifest(files: Mapping[str, str]) -> str:
    """Returns the content hash of a push: the SHA-256 over the names and SHA-256s of its files."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hash_content(lines.encode())


def hash_files(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of each file of a folder by its name, relative to it.

    Raises:
        IntegrityError: if the folder holds what is neither a file nor a folder, such as a link.
    """
    return {name: hash_content(read_file(folder / name)) for name in list_files(folder)}


def list_files(folder: Path) -> list[str]:
    """Returns the names of all in a folder that is not itself a folder, relative to it, sorted; links are named too."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def read_file(path: Path) -> bytes:
    """Returns the content of a file.

    Raises:
        IntegrityError: if it is a link, whose target lies elsewhere, or no file.
        OSError: if it cannot be read.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise IntegrityError(f"Expected {path} to be a file. Received: a link or a device. Push the model anew.")
    # Whoever puts a link or a pipe there in the meantime is neither followed nor waited for.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
        return stream.read()


def check_receipt(push: "Push", content_hash: str = "") -> None:
    """Checks that a receipt agrees with itself.

    Args:
        push: `Push`.
        content_hash: string. What the push must have been. Defaults to whatever it was.

    Raises:
        IntegrityError: if it was edited, is another's, or has no SHA-256 of the files.
    """
    if not push.files:
        raise IntegrityError(
            f"Expected {push.uri}/{RECEIPT_FILE} to have the SHA-256 of each file. Received: none, for it was pushed "
            "by an earlier version. Push the model anew."
        )
    if push.content_hash != hash_manifest(push.files):
        raise IntegrityError(
            f"Expected {push.uri}/{RECEIPT_FILE} to have the content hash of its files. Received: "
            f"{push.content_hash!r}. It was edited: push the model anew."
        )
    if content_hash and push.content_hash != content_hash:
        raise IntegrityError(
            f"Expected the push with the content hash {content_hash}. Received: {push.uri} with {push.content_hash}. "
            "Deploy that push, or put the other back."
        )


def checked_files(push: "Push", names: Iterable[str], read: Callable[[str], bytes]) -> Iterator[tuple[str, bytes]]:
    """Yields the name and content of each file of a push, once it is known to be what was pushed.

    Args:
        push: `Push`.
        names: iterable of strings. All files that are there, relative to the push.
        read: function of a name. Returns the content of the file.

    Raises:
        IntegrityError: if the receipt was edited, or a file was, is missing, or was added.
    """
    check_receipt(push)
    found = {name for name in names if name not in (RECEIPT_FILE, SIGNATURE_FILE) and not name.startswith(CLAIM_PREFIX)}
    if found != set(push.files):
        failures = [
            *(f"no {name}" for name in sorted(set(push.files) - found)),
            *(f"{name}, which was not pushed" for name in sorted(found - set(push.files))),
        ]
        raise _differs(push, failures)
    for name, digest in sorted(push.files.items()):
        content = read(name)
        if hash_content(content) != digest:
            raise _differs(push, [f"another {name}"])
        yield name, content


def stored_files(store: "ModelStore", push: "Push") -> Iterator[tuple[str, bytes]]:
    """Yields the name and content of each file of a push in a store; see `checked_files`.

    Raises:
        IntegrityError: if they are not what was pushed.
        StoreError: if they cannot be read.
    """

    def read(name: str) -> bytes:
        content = store.read(push.version, name)
        if content is None:
            raise _differs(push, [f"no {name}"])
        return content

    return checked_files(push, store.files(push.version), read)


def check_push(store: "ModelStore", push: "Push") -> None:
    """Checks that the files of a push in a store are those that were pushed; see `stored_files`."""
    for _ in stored_files(store, push):
        pass


def write_files(files: Iterable[tuple[str, bytes]], folder: Path) -> None:
    """Writes files, given by names and contents, into a folder."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _differs(push: "Push", failures: list[str]) -> IntegrityError:
    more = f" and {len(failures) - _MAX_NAMED} more" if len(failures) > _MAX_NAMED else ""
    return IntegrityError(
        f"Expected the files of {push.uri} as they were pushed. Received: {', '.join(failures[:_MAX_NAMED])}{more}. "
        f"Remove {push.uri}, and push the model anew."
    )
