"""Where the messages of a run go: into its log."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TextIO

Capture = Callable[[Path], AbstractContextManager[TextIO]]
"""Of the path of a log, a context in which messages go there; it gives the stream for progress."""


@contextlib.contextmanager
def logged_to(log_path: Path) -> Iterator[TextIO]:
    """Writes what TFX and we log to a log, beside the handlers that the caller's program has; shows no progress.

    Nothing else of the process is touched: standard output and error, the root logger and its level stay.

    Args:
        log_path: path of the log; appended to.

    Yields:
        A stream that leads nowhere.
    """
    logger = logging.getLogger("absl")
    level = logger.level
    handler = logging.FileHandler(log_path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        try:
            yield nowhere
        finally:
            logger.removeHandler(handler)
            handler.close()
            logger.setLevel(level)


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
