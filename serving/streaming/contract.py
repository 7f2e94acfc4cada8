"""What sources, the predictor and sinks share."""

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

Unit: TypeAlias = Literal["events", "milliseconds", "bytes"]


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """An entry of a stream as it lies there.

    Args:
        id: string. Its place in the stream: the same each time that it is read.
        key: string. What keeps its order: the key in Kafka, whose bytes may be no UTF-8 and are surrogate escapes then,
            the partition key in Kinesis; empty for none.
        value: bytes.
        time: datetime with time zone UTC. When it came to the stream.
        headers: mapping of lower-case name to value. Defaults to none.
    """

    id: str
    key: str
    value: bytes
    time: datetime
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """What goes to a sink for one event.

    Args:
        id: string. That of the event: duplicates have the same.
        key: string. That of the event's record, its surrogate escapes too; empty for none.
        value: bytes. An object of JSON.
        reason: string. Why the event has no prediction, of a dead letter; empty for a prediction. Defaults to that.
        headers: mapping of name to value. Defaults to none.
    """

    id: str
    key: str
    value: bytes
    reason: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def is_dead(self) -> bool:
        """Whether it is a dead letter: an event without a prediction."""
        return bool(self.reason)


def text_of(key: str) -> str:
    """Returns a key as text: in base64 where its bytes are no UTF-8, as those of a number that Kafka serialized."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return base64.b64encode(key.encode(errors="surrogateescape")).decode()
    return key


class Source(Protocol):
    """Where events come from."""

    uri: str
    unit: Unit
    """What `lag` counts."""

    def read(self, max_records: int, seconds: float) -> Sequence[Record]:
        """Returns the next records, in order within a partition; none where none comes in time.

        Args:
            max_records: int.
            seconds: float. How long to wait for the first one.

        Raises:
            StreamError: if it cannot be read.
        """
        ...

    def commit(self) -> None:
        """Notes that whatever `read` returned so far need not be read again."""
        ...

    def lag(self) -> int:
        """Returns how much, in `unit`, has come to the stream and was not returned by `read`."""
        ...

    def is_at_end(self) -> bool:
        """Returns whether everything was read that was there when the end was looked for, for `--once`."""
        ...

    def close(self) -> None:
        """Leaves it to others."""


class Sink(Protocol):
    """Where predictions and dead letters go."""

    uri: str

    def write(self, messages: Sequence[Message]) -> None:
        """Writes messages, in order within a key, and returns once all of them are acknowledged.

        Raises:
            SinkError: if some were not.
        """
        ...

    def close(self) -> None:
        """Closes it."""
