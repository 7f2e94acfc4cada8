"""Apache Kafka by Confluent's client: topics as source and sink, and exactly once from one to the other."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)

from ...errors import ConfigurationError
from .contract import Message, Record, Unit
from .errors import SinkError, StreamError

MAX_BATCH_BYTES = 16 * 2**20
MAX_QUEUED_KBYTES = 16 * 2**10
SESSION_SECONDS = 10
POLL_SECONDS = 600
"""How long a batch may take until others get the partitions; longer than a delivery may."""
DELIVERY_SECONDS = 300
TRANSACTION_SECONDS = 30
CALL_SECONDS = 30.0
RETRY_SECONDS = 0.5

Settings = Mapping[str, str]

logger = logging.getLogger(__name__)


def read_settings(file: Path | None) -> dict[str, str]:
    """Returns settings of librdkafka from a file of lines `name=value`, such as `sasl.password`; none without a file.

    Raises:
        ConfigurationError: if it cannot be read or has another line.
    """
    if file is None:
        return {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Expected {file} to hold Kafka's settings. Received: {error}.") from None
    settings = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            # Not the line: it may be a password.
            raise ConfigurationError(f"Expected name=value in line {number} of {file}. Received: no equals sign.")
        settings[name.strip()] = value.strip()
    return settings


class KafkaSource:
    """The partitions of a topic that the group gives to this member.

    Args:
        uri: string.
        servers: string. `host:port`, several with a comma between them.
        topic: string.
        group: string. The consumer group, which keeps where it stands in Kafka.
        instance: string. A steady name of this process: started anew under it, it has its partitions at once; empty
            joins as a new member each time.
        start: `"earliest"` or `"latest"`. Where a new group starts.
        settings: mapping. Further settings of librdkafka.

    Raises:
        ConfigurationError: if librdkafka rejects a setting.
        StreamError: if Kafka does not respond, or there is no such topic.
    """

    unit: Unit = "events"

    def __init__(
        self, uri: str, servers: str, topic: str, group: str, instance: str, start: str, settings: Settings
    ) -> None:
        self.uri = uri
        self._topic = topic
        self._positions: dict[int, int] = {}
        self._firsts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._assigned: set[int] | None = None
        self.consumer = _make(
            Consumer,
            {
                "bootstrap.servers": servers,
                "group.id": group,
                "auto.offset.reset": start,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "session.timeout.ms": SESSION_SECONDS * 1000,
                "max.poll.interval.ms": POLL_SECONDS * 1000,
                "queued.max.messages.kbytes": MAX_QUEUED_KBYTES,
                **({"group.instance.id": instance} if instance else {}),
            },
            settings,
        )
        _check_topic(self.consumer, servers, topic)
        self.consumer.subscribe([topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke)

    def read(self, max_records: int, seconds: float) -> Sequence[Record]:
        """Returns the next records: the first when it comes, and with it what is here already."""
        found = self.consumer.consume(1, seconds)
        num_bytes = 0
        records: list[Record] = []
        while found:
            for message in found:
                record = self._record(message)
                if record is not None:
                    records.append(record)
                    num_bytes += len(record.value)
            if len(records) >= max_records or num_bytes >= MAX_BATCH_BYTES:
                break
            found = self.consumer.consume(min(128, max_records - len(records)), 0)
        return records

    def commit(self) -> None:
        """Commits what was read; where others have the partition by now, it is theirs to read again."""
        if not self._positions:
            return
        try:
            self.consumer.commit(offsets=self.offsets(), asynchronous=False)
        except KafkaException as error:
            logger.warning("The offsets of %s were not committed: %s", self._topic, error.args[0].str())
        else:
            self.forget()

    def offsets(self) -> list[TopicPartition]:
        """Returns where it stands in the partitions that were read since the last commit."""
        return [TopicPartition(self._topic, partition, offset) for partition, offset in self._positions.items()]

    def forget(self) -> None:
        """Forgets what was read, once its offsets are committed."""
        self._positions.clear()
        self._firsts.clear()

    def rewind(self) -> None:
        """Goes back to the first records that were read since the last commit, after a transaction that was not.

        Raises:
            StreamError: if Kafka does not respond.
        """
        try:
            for partition, offset in self._firsts.items():
                self.consumer.seek(TopicPartition(self._topic, partition, offset))
                self._ends.pop(partition, None)
            self.forget()
        except KafkaException as error:
            raise StreamError(f"Expected to read {self._topic} again. Received: {error.args[0].str()}.") from None

    def lag(self) -> int:
        """Returns the events of its partitions that it has not read, as of the last fetch."""
        lag = 0
        for place in self.consumer.position(self.consumer.assignment()):
            _, high = self.consumer.get_watermark_offsets(place, cached=True)
            # Behind the last record there may be markers of transactions, which are read and are no events.
            offset = max(place.offset, self._ends.get(place.partition, place.offset))
            if high >= 0 and offset >= 0:
                lag += max(0, high - offset)
        return lag

    def is_at_end(self) -> bool:
        """Returns whether the group gave it partitions, or none, and each of them was read to its end once."""
        return self._assigned is not None and self._assigned <= self._ends.keys()

    def close(self) -> None:
        """Leaves the group."""
        self.consumer.close()

    def _record(self, message: Any) -> Record | None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._ends[message.partition()] = message.offset()
            elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART or error.fatal():
                raise StreamError(f"Expected to read the topic {self._topic!r}. Received: {error.str()}.")
            else:
                logger.warning("Kafka: %s", error.str())
            return None
        partition, offset = message.partition(), message.offset()
        self._positions[partition] = offset + 1
        self._firsts.setdefault(partition, offset)
        kind, milliseconds = message.timestamp()
        known = kind != TIMESTAMP_NOT_AVAILABLE
        return Record(
            id=f"{self._topic}/{partition}/{offset}",
            key=(message.key() or b"").decode(errors="surrogateescape"),
            value=message.value() or b"",
            time=datetime.fromtimestamp(milliseconds / 1000, UTC) if known else datetime.now(UTC),
            headers={
                name.lower(): value.decode("utf-8", "replace") for name, value in message.headers() or () if value
            },
        )

    def _assign(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        self._assigned = {each.partition for each in partitions}
        self._ends.clear()

    def _revoke(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        # Between batches: what was read is delivered, and committed unless that failed.
        self._assigned = None
        self.forget()


class KafkaSink:
    """A topic; the key of a message is that of its event's record, so that they keep their order.

    Args:
        uri: string.
        servers: string.
        topic: string.
        settings: mapping. Further settings of librdkafka.

    Raises:
        ConfigurationError: if librdkafka rejects a setting.
        StreamError: if Kafka does not respond, or there is no such topic.
    """

    def __init__(self, uri: str, servers: str, topic: str, settings: Settings) -> None:
        self.uri = uri
        self._topic = topic
        self._producer = _make(
            Producer, {**_producer(servers), "message.timeout.ms": DELIVERY_SECONDS * 1000}, settings
        )
        _check_topic(self._producer, servers, topic)

    def write(self, messages: Sequence[Message]) -> None:
        """Sends messages and waits for the acknowledgement of all replicas in sync."""
        send(self._producer, [(self._topic, message) for message in messages])

    def close(self) -> None:
        """Sends what is left."""
        self._producer.flush(CALL_SECONDS)


class ExactlyOnce:
    """From Kafka to Kafka: outputs and offsets are one transaction, of which readers see all or nothing.

    Args:
        source: `KafkaSource`.
        servers: string. Where all three topics are.
        topic: string. Of predictions.
        dead_letter_topic: string. Defaults to `topic`.
        identity: string. What names this process among those that write; a later one of this name ends the open
            transaction of an earlier one at once, else that takes `TRANSACTION_SECONDS`.
        settings: mapping. Further settings of librdkafka.

    Raises:
        ConfigurationError: if librdkafka rejects a setting.
        StreamError: if Kafka takes no transactions from it.
    """

    def __init__(
        self, source: KafkaSource, servers: str, topic: str, dead_letter_topic: str, identity: str, settings: Settings
    ) -> None:
        self._source = source
        self._topic = topic
        self._dead_letter_topic = dead_letter_topic or topic
        self._failing_since: float | None = None
        self._producer = _make(
            Producer,
            {
                **_producer(servers),
                "transactional.id": identity,
                "transaction.timeout.ms": TRANSACTION_SECONDS * 1000,
            },
            settings,
        )
        for each in {self._topic, self._dead_letter_topic}:
            _check_topic(self._producer, servers, each)
        try:
            self._producer.init_transactions(DELIVERY_SECONDS)
        except KafkaException as error:
            raise StreamError(f"Expected Kafka to take transactions. Received: {error.args[0].str()}.") from None

    def deliver(self, messages: Sequence[Message]) -> bool:
        """Writes messages and offsets, and returns whether the transaction was committed."""
        topics = {False: self._topic, True: self._dead_letter_topic}
        try:
            self._producer.begin_transaction()
            send(self._producer, [(topics[message.is_dead], message) for message in messages])
            self._again(
                lambda: self._producer.send_offsets_to_transaction(
                    self._source.offsets(), self._source.consumer.consumer_group_metadata(), CALL_SECONDS
                )
            )
            self._again(lambda: self._producer.commit_transaction(CALL_SECONDS))
        except (KafkaException, SinkError) as error:
            reason = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            is_fatal = isinstance(error, KafkaException) and error.args[0].fatal()
            if self._failing_since is None:
                self._failing_since = time.monotonic()
            if is_fatal or time.monotonic() - self._failing_since > TRANSACTION_SECONDS:
                raise StreamError(f"Expected a transaction to be committed. Received: {reason}.") from None
            logger.warning("A transaction of %d events is given up and they are read again: %s", len(messages), reason)
            self._abort()
            self._source.rewind()
            time.sleep(RETRY_SECONDS)
            return False
        self._failing_since = None
        self._source.forget()
        return True

    def close(self) -> None:
        """Sends what is left."""
        self._producer.flush(CALL_SECONDS)

    def _abort(self) -> None:
        try:
            self._again(lambda: self._producer.abort_transaction(CALL_SECONDS))
        except KafkaException as error:
            raise StreamError(f"Expected to give up a transaction. Received: {error.args[0].str()}.") from None

    def _again(self, call: Callable[[], Any]) -> None:
        """Calls until it is done: Kafka says which errors pass."""
        deadline = time.monotonic() + TRANSACTION_SECONDS
        while True:
            try:
                call()
                return
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)


def send(producer: Producer, messages: Sequence[tuple[str, Message]]) -> None:
    """Sends messages to their topics, and returns once all of them are acknowledged.

    Args:
        producer: `Producer`.
        messages: sequence of topic and `Message`.

    Raises:
        SinkError: if some were not acknowledged.
    """
    failures: dict[int, str] = {}
    num_reported = 0

    def report(place: int, error: KafkaError | None) -> None:
        nonlocal num_reported
        num_reported += 1
        if error is not None:
            failures[place] = error.str()

    for place, (topic, message) in enumerate(messages):

        def reported(error: KafkaError | None, _: Any, place: int = place) -> None:
            report(place, error)

        while True:
            try:
                producer.produce(
                    topic,
                    message.value,
                    message.key.encode(errors="surrogateescape") or None,
                    headers=[(name, value) for name, value in message.headers.items()],
                    on_delivery=reported,
                )
                break
            except BufferError:  # Its queue is full: what it holds goes out first.
                producer.poll(RETRY_SECONDS)
            except KafkaException as error:
                report(place, error.args[0])
                break
    deadline = time.monotonic() + DELIVERY_SECONDS
    while num_reported < len(messages) and time.monotonic() < deadline:
        producer.flush(CALL_SECONDS)
    if num_reported < len(messages) or failures:
        reason = next(iter(failures.values()), "no acknowledgement in time")
        raise SinkError(
            f"Expected Kafka to acknowledge {len(messages):,} messages. Received: {reason} "
            f"({len(failures):,} failed, {len(messages) - num_reported:,} not reported).",
            failures if num_reported == len(messages) else range(len(messages)),
        )


def _producer(servers: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": servers,
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        # As Kafka's own client chooses: partitions of a topic that others write to, too, stay by key.
        "partitioner": "murmur2_random",
    }


def _check_topic(client: Any, servers: str, topic: str) -> None:
    """Checks that there is a topic, which librdkafka alone would wait for."""
    try:
        found = client.list_topics(topic, timeout=CALL_SECONDS).topics[topic].error
    except KafkaException as error:
        raise StreamError(f"Expected Kafka at {servers}. Received: {error.args[0].str()}.") from None
    if found is not None:
        raise StreamError(f"Expected the topic {topic!r} at {servers}. Received: {found.str()}.")


def _make(kind: Any, defaults: Mapping[str, Any], settings: Settings) -> Any:
    try:
        return kind({**defaults, **settings}, logger=logging.getLogger("yachay.kafka"))
    except KafkaException as error:
        raise ConfigurationError(f"Expected settings of librdkafka. Received: {error.args[0].str()}.") from None
