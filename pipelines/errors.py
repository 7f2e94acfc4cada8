"""Errors that are not ours, in words for a person."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import RunError, YachayError

_NO_ROOM = (os.strerror(errno.ENOSPC), os.strerror(errno.EFBIG), os.strerror(errno.EDQUOT), "disk is full")


def describe_error(error: BaseException) -> str:
    """Returns the kind and the first line of an error, with the fix where the disk is full."""
    line = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
    if is_full_disk(error):
        return f"{line}. Free disk space, or choose another --workdir."
    return line


def is_full_disk(error: BaseException) -> bool:
    """Returns whether an error says that there is no room on a disk, or none that this user may take."""
    return any(mark in str(error) for mark in _NO_ROOM)


@contextlib.contextmanager
def full_disk_explained(folder: Path) -> Iterator[None]:
    """Makes an error of any library that says that a disk is full one of ours.

    Args:
        folder: path of the folder that is written to.

    Raises:
        RunError: if there is no room.
    """
    try:
        yield
    except YachayError:
        raise
    except Exception as error:
        if not is_full_disk(error):
            raise
        raise RunError(f"Expected room on the disk of {folder}. Received: {describe_error(error)}") from error
