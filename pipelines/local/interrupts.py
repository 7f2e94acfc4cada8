"""An interruption that the user asked for, also where a library swallows the exception."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def kept_interrupts() -> Iterator[Callable[[], None]]:
    """Keeps the `KeyboardInterrupt` of a signal, which a bare `except` around an import swallows.

    Returns:
        A function that raises it again where there was one. Outside the main thread, which alone gets signals, it does
        nothing.
    """
    raised: list[KeyboardInterrupt] = []

    def keeping(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], None]:
        def handle(number: int, frame: Any) -> None:
            try:
                handler(number, frame)
            except KeyboardInterrupt as interrupt:
                raised.append(interrupt)
                raise

        return handle

    def check() -> None:
        if raised:
            raise raised[-1]

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    set_here = {}
    try:
        for number, handler in handlers.items():
            if callable(handler):
                signal.signal(number, keeping(handler))
                set_here[number] = handler
    except ValueError:  # Not in the main thread.
        pass
    try:
        yield check
    finally:
        for number, handler in set_here.items():
            signal.signal(number, handler)
