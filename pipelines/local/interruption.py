"""Ctrl-C that is not lost: what a signal raises may be dropped on its way.

    interruption = Interruption()
    with interruption.kept():
        for step in steps:
            interruption.check()
            step()

Python drops what is raised while an object is deleted: the signal is then sent once more. An import's bare `except`
drops it too, which nothing shows: `check` raises it again.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]

_SIGNALS: list[int] = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if os.name == "posix" else [])]
_SEND_AGAIN_SECONDS = 0.05


class Interruption:
    """Keeps what the handlers of signals raise, so that it can be raised once more."""

    def __init__(self) -> None:
        self._raised: BaseException | None = None
        self._number = 0

    def check(self) -> None:
        """Raises what a signal raised and what did not end the work."""
        if self._raised is not None:
            raise self._raised

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keeps it within the context; not where this is not the main thread, which has the signals."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {number: handler for number in _SIGNALS if callable(handler := signal.getsignal(number))}
        keeping = {number: self._keeping(handler) for number, handler in handlers.items()}
        kept_hook = sys.unraisablehook

        def send_again(dropped: "sys.UnraisableHookArgs") -> None:
            if dropped.exc_value is None or dropped.exc_value is not self._raised:
                kept_hook(dropped)
                return
            signal.signal(self._number, keeping[self._number])  # A handler may have given itself up.
            # Later and from a thread: in this call it would be dropped too.
            threading.Timer(_SEND_AGAIN_SECONDS, os.kill, (os.getpid(), self._number)).start()

        for number, keep in keeping.items():
            signal.signal(number, keep)
        sys.unraisablehook = send_again
        try:
            yield
        finally:
            sys.unraisablehook = kept_hook
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _keeping(self, handler: Handler) -> Handler:
        def keep(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except BaseException as raised:
                self._raised, self._number = raised, number
                raise

        return keep
