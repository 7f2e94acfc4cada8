"""Kinesis Data Streams by boto3: a stream as source, its shards shared by leases, and as sink."""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...errors import ConfigurationError
from .contract import Message, Record, Unit, text_of
from .errors import SinkError, StreamError
from .leases import LATEST, SHARD_END, TRIM_HORIZON, Lease, Leases

MAX_PUT_RECORDS, MAX_PUT_BYTES = 500, 5 * 2**20
MAX_GET_RECORDS = 10_000
MAX_KEY_CHARACTERS = 256
POLL_SECONDS = 0.25
"""Five calls a second may ask a shard for records."""
DELIVERY_SECONDS = 300
CHECKPOINT_SECONDS = 1.0
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.1, 5.0
_PASSING = (
    "ProvisionedThroughputExceededException", "LimitExceededException", "InternalFailure", "KMSThrottlingException",
    "ServiceUnavailable", "RequestLimitExceeded", "ThrottlingException",
)  # fmt: skip

logger = logging.getLogger(__name__)


class KinesisSource:
    """The shards of a stream whose leases this worker has.

    Args:
        uri: string.
        client: boto3's client of Kinesis.
        stream: string. Its name.
        leases: `Leases`.
    """

    unit: Unit = "milliseconds"

    def __init__(self, uri: str, client: Any, stream: str, leases: Leases) -> None:
        self.uri = uri
        self._client = client
        self._stream = stream
        self._leases = leases
        self._shards: dict[str, _Shard] = {}
        self._turn = 0

    def read(self, max_records: int, seconds: float) -> Sequence[Record]:
        """Returns the next records of one shard, each shard in its turn."""
        deadline = time.monotonic() + seconds
        while True:
            self._write_checkpoints()
            self._follow_leases()
            for _ in range(len(self._shards)):
                self._turn = (self._turn + 1) % len(self._shards)
                shard = list(self._shards.values())[self._turn]
                if time.monotonic() >= shard.due and (records := self._read(shard, max_records)):
                    return records
                if shard.is_closed and shard.done == shard.given:
                    self._end(shard)
                    break
            now = time.monotonic()
            if now >= deadline:
                return []
            wait = min((shard.due for shard in self._shards.values()), default=now + POLL_SECONDS) - now
            time.sleep(max(0.01, min(wait, deadline - now)))

    def commit(self) -> None:
        """Writes checkpoints, of each shard at most one a second; the last when it is closed or given up."""
        for shard in self._shards.values():
            shard.done = shard.given
        self._write_checkpoints()

    def lag(self) -> int:
        """Returns how far behind the newest record the slowest of its shards is."""
        return max((shard.behind_ms for shard in self._shards.values()), default=0)

    def is_at_end(self) -> bool:
        """Returns whether each of its shards was read to its newest record."""
        return self._leases.is_read_by_somebody() and all(shard.is_at_end for shard in self._shards.values())

    def close(self) -> None:
        """Writes the last checkpoints and gives the leases up."""
        for shard in list(self._shards.values()):
            if shard.done != shard.noted:
                self._checkpoint(shard)
        self._leases.close()

    def _follow_leases(self) -> None:
        held = self._leases.held()
        for name in self._shards.keys() - held.keys():
            del self._shards[name]
        for name, lease in held.items():
            if name not in self._shards:
                self._shards[name] = _Shard(lease)

    def _read(self, shard: "_Shard", max_records: int) -> list[Record]:
        shard.due = time.monotonic() + POLL_SECONDS
        if shard.is_closed:
            return []
        try:
            if shard.iterator is None:
                shard.iterator = self._iterator(shard)
            response = self._client.get_records(ShardIterator=shard.iterator, Limit=min(max_records, MAX_GET_RECORDS))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ExpiredIteratorException":
                shard.iterator = None
            elif code in _PASSING:
                shard.due = time.monotonic() + 1
            else:
                raise StreamError(f"Expected to read {self._stream!r}. Received: {error}") from None
            return []
        except BotoCoreError as error:
            logger.warning("Kinesis: %s", error)
            shard.due = time.monotonic() + 1
            return []
        shard.iterator = response.get("NextShardIterator")
        shard.is_closed = shard.iterator is None
        shard.behind_ms = response.get("MillisBehindLatest", 0)
        found = response["Records"]
        shard.is_at_end = not found and shard.behind_ms == 0
        if found:
            shard.given = found[-1]["SequenceNumber"]
            shard.due = 0.0 if shard.behind_ms else shard.due
        return [
            Record(
                id=f"{shard.name}:{each['SequenceNumber']}",
                key=each["PartitionKey"],
                value=each["Data"],
                time=each["ApproximateArrivalTimestamp"].astimezone(UTC),
            )
            for each in found
        ]

    def _iterator(self, shard: "_Shard") -> str | None:
        where = (
            {"ShardIteratorType": shard.given}
            if shard.given in (TRIM_HORIZON, LATEST)
            else {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": shard.given}
        )
        iterator: str = self._client.get_shard_iterator(StreamName=self._stream, ShardId=shard.name, **where)[
            "ShardIterator"
        ]
        return iterator

    def _write_checkpoints(self) -> None:
        for shard in list(self._shards.values()):
            if shard.done != shard.noted and time.monotonic() >= shard.checkpoint_due:
                self._checkpoint(shard)

    def _checkpoint(self, shard: "_Shard") -> None:
        if self._leases.checkpoint(shard.name, shard.done):
            shard.noted = shard.done
            shard.checkpoint_due = time.monotonic() + CHECKPOINT_SECONDS
        else:
            self._shards.pop(shard.name, None)

    def _end(self, shard: "_Shard") -> None:
        """Gives up a shard that was split or merged, once all of it is done: those that came of it are next."""
        self._leases.checkpoint(shard.name, SHARD_END)
        self._shards.pop(shard.name, None)


class _Shard:
    """A shard that is read."""

    def __init__(self, lease: Lease) -> None:
        self.name = lease.shard
        self.iterator: str | None = None
        # How far it was returned, delivered, and noted in its lease.
        self.given = self.done = self.noted = lease.checkpoint
        self.due = self.checkpoint_due = 0.0
        self.behind_ms = 0
        self.is_closed = self.is_at_end = False


def list_shards(client: Any, stream: str) -> dict[str, Collection[str]]:
    """Returns the shards of a stream, each with those that it was split from or merged of.

    Raises:
        StreamError: if there is no such stream, or Kinesis does not respond.
    """
    shards: dict[str, Collection[str]] = {}
    try:
        for page in client.get_paginator("list_shards").paginate(StreamName=stream):
            for shard in page["Shards"]:
                parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                shards[shard["ShardId"]] = [parent for parent in parents if parent]
    except (ClientError, BotoCoreError) as error:
        raise StreamError(f"Expected the stream {stream!r} of Kinesis. Received: {error}") from None
    return shards


class KinesisSink:
    """A stream; the partition key of a message is that of its event's record.

    A call may take some records and not others. So that a key keeps its order, no call holds a key twice, and one that
    was not taken is sent again before the next call.

    Args:
        uri: string.
        client: boto3's client of Kinesis.
        stream: string. Its name.
    """

    def __init__(self, uri: str, client: Any, stream: str) -> None:
        self.uri = uri
        self._client = client
        self._stream = stream

    def write(self, messages: Sequence[Message]) -> None:
        """Puts messages and waits until Kinesis has taken each."""
        calls = _calls(messages)
        for number, places in enumerate(calls):
            try:
                self._put(messages, places)
            except SinkError as error:
                later = [place for each in calls[number + 1 :] for place in each]
                raise SinkError(str(error), [*error.failed, *later]) from None

    def close(self) -> None:
        """Does nothing: nothing waits."""

    def _put(self, messages: Sequence[Message], places: Sequence[int]) -> None:
        deadline, seconds = time.monotonic() + DELIVERY_SECONDS, FIRST_WAIT_SECONDS
        while True:
            entries = [
                {
                    "Data": messages[place].value,
                    "PartitionKey": text_of(messages[place].key or messages[place].id)[:MAX_KEY_CHARACTERS],
                }
                for place in places
            ]
            try:
                results = self._client.put_records(StreamName=self._stream, Records=entries)["Records"]
            except (ClientError, BotoCoreError) as error:
                if isinstance(error, ClientError) and error.response["Error"]["Code"] not in _PASSING:
                    raise SinkError(f"Expected to write to {self._stream!r}. Received: {error}", places) from None
                reason = str(error)
            else:
                failed = [result.get("ErrorCode") for result in results]
                reason = str(next((code for code in failed if code), ""))
                places = [place for place, code in zip(places, failed, strict=True) if code]
            if not places:
                return
            if seconds == FIRST_WAIT_SECONDS:
                logger.warning("%r has not taken %d records yet: %s", self._stream, len(places), reason)
            if time.monotonic() > deadline:
                raise SinkError(
                    f"Expected {self._stream!r} to take {len(places)} records within {DELIVERY_SECONDS} s. "
                    f"Received: {reason}. Add shards.",
                    places,
                )
            time.sleep(seconds)
            seconds = min(2 * seconds, MAX_WAIT_SECONDS)


def _calls(messages: Sequence[Message]) -> list[list[int]]:
    """Returns the places of messages by call: each key once a call, its messages in calls that follow each other."""
    calls: list[list[int]] = []
    sizes: list[int] = []
    first_open = 0
    last: dict[str, int] = {}
    for place, message in enumerate(messages):
        size = len(message.value) + len(message.key)
        call = max(first_open, last.get(message.key, -1) + 1) if message.key else first_open
        while call < len(calls) and (len(calls[call]) >= MAX_PUT_RECORDS or sizes[call] + size > MAX_PUT_BYTES):
            call += 1
        while call >= len(calls):
            calls.append([])
            sizes.append(0)
        calls[call].append(place)
        sizes[call] += size
        if message.key:
            last[message.key] = call
        while first_open < len(calls) and len(calls[first_open]) >= MAX_PUT_RECORDS:
            first_open += 1
    return calls


def make_clients(region: str, endpoint_url: str) -> Mapping[str, Any]:
    """Returns boto3's clients of Kinesis and DynamoDB; credentials are found as boto3 finds them.

    Raises:
        ConfigurationError: if boto3 lacks something, such as a region.
    """
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=5, read_timeout=30)
    options = {"region_name": region or None, "endpoint_url": endpoint_url or None, "config": config}
    session = boto3.session.Session()
    try:
        return {name: session.client(name, **options) for name in ("kinesis", "dynamodb")}
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(
            "Expected the settings of boto3 for Kinesis, such as kinesis://STREAM?region=eu-west-1 or AWS_REGION. "
            f"Received: {error}"
        ) from None
