"""What a component that takes long says of how far it is, to whoever runs it.

report("trial 7 of 30")

with reported_to(print):
    executor.Do(...)
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

_listener: contextvars.ContextVar[Callable[[str], None] | None] = contextvars.ContextVar("listener", default=None)


def report(text: str) -> None:
    """Hands a line to whoever runs the component; nobody listens in a step's container, whose log has it too."""
    if (listener := _listener.get()) is not None:
        listener(text)


@contextlib.contextmanager
def reported_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Lets a function have what is reported in the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
