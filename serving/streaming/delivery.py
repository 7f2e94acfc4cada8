"""How messages reach their sinks before the source is told that their events are done."""

from collections.abc import Sequence
from typing import Protocol

from .contract import Message, Sink, Source
from .errors import SinkError


class Delivery(Protocol):
    """Delivers what was made of the records that the source returned last."""

    def deliver(self, messages: Sequence[Message]) -> bool:
        """Returns once all messages are acknowledged and the source knows it; or whether, where that may fail.

        False says that nothing of it counts and the records are read again.

        Raises:
            StreamError: if they were not; the records are read again.
        """
        ...

    def close(self) -> None:
        """Closes its sinks."""


class AtLeastOnce:
    """First the sinks acknowledge, then the source is committed: whatever dies between is done again.

    Args:
        source: `Source`.
        sink: `Sink` of predictions.
        dead_letters: `Sink`; None sends dead letters to `sink`, in their place among the predictions.
    """

    def __init__(self, source: Source, sink: Sink, dead_letters: Sink | None) -> None:
        self._source = source
        self._sink = sink
        self._dead_letters = dead_letters

    def deliver(self, messages: Sequence[Message]) -> bool:
        """Writes messages and commits."""
        write(messages, self._sink, self._dead_letters)
        self._source.commit()
        return True

    def close(self) -> None:
        """Closes the sinks."""
        self._sink.close()
        if self._dead_letters is not None:
            self._dead_letters.close()


def write(messages: Sequence[Message], sink: Sink, dead_letters: Sink | None) -> None:
    """Writes messages to their sinks.

    Raises:
        SinkError: if some were not acknowledged.
    """
    if dead_letters is None:
        sink.write(messages)
        return
    failed: list[int] = []
    reasons = []
    for is_dead, target in ((False, sink), (True, dead_letters)):
        places = [place for place, message in enumerate(messages) if message.is_dead is is_dead]
        if not places:
            continue
        try:
            target.write([messages[place] for place in places])
        except SinkError as error:
            failed += [places[index] for index in error.failed]
            reasons.append(str(error))
    if failed:
        raise SinkError(" ".join(reasons), failed)
