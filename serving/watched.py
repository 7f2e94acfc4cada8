"""What is read from files, and read anew when one of them changes: secrets that are rotated while the server runs."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import ConfigurationError

Value = TypeVar("Value")

logger = logging.getLogger(__name__)


class Watched(Generic[Value]):
    """A value that is read from files.

    Each look costs a `stat` of each file. Kubernetes rotates a mounted Secret by pointing a link elsewhere, which
    changes the inode that `stat` sees. What cannot be read, such as a certificate beside the key of the next one, is
    logged once and leaves the last value.

    Args:
        paths: sequence of paths.
        read: function that reads the value, and raises a `ConfigurationError` where it cannot.

    Raises:
        ConfigurationError: if the value cannot be read the first time.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[[], Value]) -> None:
        self._paths = tuple(paths)
        self._read = read
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._value = read()

    def current(self) -> Value:
        """Returns the value that the files hold; from any thread."""
        stamp = self._look()
        if stamp != self._stamp:
            with self._lock:
                self._stamp = stamp
                try:
                    self._value = self._read()
                except ConfigurationError as error:
                    logger.error("%s What was read before is kept.", error)
                else:
                    logger.info("Read anew: %s", ", ".join(map(str, self._paths)))
        return self._value

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
