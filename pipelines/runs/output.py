"""Keeps the libraries' chatter out of the terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@contextlib.contextmanager
def redirected_to(log_path: Path) -> Iterator[TextIO]:
    """Sends all that this process writes to standard output and standard error to a log.

    By file descriptor: TensorFlow's own messages come from C++ and pass `sys.stderr` by.

    Args:
        log_path: path of the log; appended to.

    Yields:
        The real standard error.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with log_path.open("a", encoding="utf-8") as log, os.fdopen(os.dup(2), "w", encoding="utf-8") as stderr:
        try:
            for descriptor in (1, 2):
                os.dup2(log.fileno(), descriptor)
            yield stderr
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), kept, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
