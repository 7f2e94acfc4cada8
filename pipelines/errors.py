"""Errors that are not ours, in words for a person."""

import errno
import os

_NO_ROOM = (os.strerror(errno.ENOSPC), os.strerror(errno.EFBIG), os.strerror(errno.EDQUOT), "disk is full")


def describe_error(error: BaseException) -> str:
    """Returns the kind and the first line of an error, with the mend where the disk is full."""
    text = str(error)
    line = f"{type(error).__name__}: {(text.strip().splitlines() or [''])[0]}"
    if any(mark in text for mark in _NO_ROOM):
        return f"{line}. Free disk space, or choose another --workdir."
    return line
