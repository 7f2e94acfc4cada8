"""Errors of streams.

- `StreamError(YachayError)`: a source or a sink cannot be read or written; nothing is lost.
  - `SinkError`: some messages were not acknowledged.
"""

from collections.abc import Iterable

from ...errors import YachayError


class StreamError(YachayError):
    """A source or a sink cannot be read or written; what was not acknowledged is read again."""


class SinkError(StreamError):
    """Some messages were not acknowledged.

    Args:
        message: string.
        failed: iterable of ints. The places of those messages in the call.
    """

    def __init__(self, message: str, failed: Iterable[int]) -> None:
        super().__init__(message)
        self.failed = frozenset(failed)
