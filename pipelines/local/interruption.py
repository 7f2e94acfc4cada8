"""Ctrl-C that is not lost: what a signal raises may be dropped on its way, by an import's bare `except` for one."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]


class Interruption:
    """Keeps what the handlers of SIGINT and SIGTERM raise, so that it can be raised once more."""

    def __init__(self) -> None:
        self._raised: BaseException | None = None

    def check(self) -> None:
        """Raises what a signal raised and what did not end the run."""
        if self._raised is not None:
            raise self._raised

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keeps it within the context; not where this is not the main thread, which has the signals."""
        handlers: dict[int, Handler] = {}
        with contextlib.suppress(ValueError):
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):
                    signal.signal(number, self._keeping(handler))
                    handlers[number] = handler
        try:
            yield
        finally:
            for kept, handler in handlers.items():
                signal.signal(kept, handler)

    def _keeping(self, handler: Handler) -> Handler:
        def keep(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except BaseException as raised:
                self._raised = raised
                raise

        return keep
