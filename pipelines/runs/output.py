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
    """Writes what the libraries log to a log, beside the handlers that the caller's program has; shows no progress.

    Standard output and error are not touched. The root logger has one handler more meanwhile: without any, the first
    message of TFX or Beam would give it one for good, that writes to standard error.

    Args:
        log_path: path of the log; appended to.

    Yields:
        A stream that leads nowhere.
    """
    root, absl = logging.getLogger(), logging.getLogger("absl")
    kept, levels = list(root.handlers), (root.level, absl.level)
    handler = logging.FileHandler(log_path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root.addHandler(handler)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        try:
            yield nowhere
        finally:
            root.handlers[:] = kept
            handler.close()
            root.setLevel(levels[0])
            absl.setLevel(levels[1])


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
