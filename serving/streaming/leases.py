"""Leases of a stream's shards in a table of DynamoDB, with the fields of the Kinesis Client Library.

A worker renews its leases by counting them up. A lease whose counter stands still for `LEASE_SECONDS` is free;
workers take such ones up to their share, and one of a worker that has more than its share. No one worker leads.
"""

import contextlib
import dataclasses
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .errors import StreamError

LEASE_SECONDS = 10.0
TRIM_HORIZON, LATEST, SHARD_END = "TRIM_HORIZON", "LATEST", "SHARD_END"
"""Checkpoints that are no sequence number: the shard's first record, the next to come, all were read."""

_KEY, _OWNER, _COUNTER, _CHECKPOINT = "leaseKey", "leaseOwner", "leaseCounter", "checkpoint"
_PARENTS, _SWITCHES, _SUBSEQUENCE = "parentShardId", "ownerSwitchesSinceCheckpoint", "checkpointSubSequenceNumber"
_NOT_MET = "ConditionalCheckFailedException"

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Lease:
    """A shard, who reads it and how far.

    Args:
        shard: string. The shard's id.
        owner: string. The worker that has it; empty for none.
        counter: int. What its owner counts up.
        checkpoint: string. The last sequence number whose output is acknowledged, or `TRIM_HORIZON`, `LATEST`,
            `SHARD_END`.
        parents: tuple of strings. Shards that it was split from or merged of.
    """

    shard: str
    owner: str
    counter: int
    checkpoint: str
    parents: tuple[str, ...]


class LeaseTable:
    """The leases of a group.

    Args:
        client: boto3's client of DynamoDB.
        name: string. The table, as the group; made where it is absent.

    Raises:
        StreamError: if DynamoDB rejects it.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name
        try:
            self._make()
        except (ClientError, BotoCoreError) as error:
            raise StreamError(f"Expected the table {name!r} of leases in DynamoDB. Received: {error}") from None

    def read(self) -> dict[str, Lease]:
        """Returns all leases by shard, read consistently."""
        leases = {}
        for page in self._client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True):
            for item in page["Items"]:
                lease = _lease(item)
                leases[lease.shard] = lease
        return leases

    def add(self, shard: str, checkpoint: str, parents: Collection[str]) -> None:
        """Adds a lease that nobody has, unless there is one."""
        item = {
            _KEY: {"S": shard},
            _COUNTER: {"N": "0"},
            _CHECKPOINT: {"S": checkpoint},
            _SUBSEQUENCE: {"N": "0"},
            _SWITCHES: {"N": "0"},
        }
        if parents:
            item[_PARENTS] = {"SS": sorted(parents)}  # type: ignore[dict-item]
        self._met(
            lambda: self._client.put_item(
                TableName=self.name, Item=item, ConditionExpression=f"attribute_not_exists({_KEY})"
            )
        )

    def take(self, lease: Lease, owner: str) -> bool:
        """Returns whether a lease was taken: nobody counted it up meanwhile."""
        return self._update(
            lease.shard,
            f"SET {_OWNER} = :owner, {_COUNTER} = :next ADD {_SWITCHES} :one",
            f"{_COUNTER} = :counter",
            {
                ":owner": {"S": owner},
                ":next": {"N": str(lease.counter + 1)},
                ":counter": {"N": str(lease.counter)},
                ":one": {"N": "1"},
            },
        )

    def renew(self, shard: str, owner: str) -> bool:
        """Returns whether the lease still is its owner's."""
        return self._update(
            shard,
            f"ADD {_COUNTER} :one",
            f"{_OWNER} = :owner",
            {":one": {"N": "1"}, ":owner": {"S": owner}},
        )

    def checkpoint(self, shard: str, owner: str, sequence: str) -> bool:
        """Returns whether how far the owner is was noted: the lease still is its own."""
        return self._update(
            shard,
            f"SET {_CHECKPOINT} = :sequence, {_SUBSEQUENCE} = :zero, {_SWITCHES} = :zero ADD {_COUNTER} :one",
            f"{_OWNER} = :owner",
            {":sequence": {"S": sequence}, ":zero": {"N": "0"}, ":one": {"N": "1"}, ":owner": {"S": owner}},
        )

    def release(self, shard: str, owner: str) -> None:
        """Gives a lease up."""
        self._update(shard, f"REMOVE {_OWNER}", f"{_OWNER} = :owner", {":owner": {"S": owner}})

    def remove(self, shard: str) -> None:
        """Removes the lease of a shard that is no more."""
        self._client.delete_item(TableName=self.name, Key={_KEY: {"S": shard}})

    def _update(self, shard: str, update: str, condition: str, values: Mapping[str, Any]) -> bool:
        return self._met(
            lambda: self._client.update_item(
                TableName=self.name,
                Key={_KEY: {"S": shard}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=dict(values),
            )
        )

    def _met(self, call: Callable[[], Any]) -> bool:
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"] == _NOT_MET:
                return False
            raise
        return True

    def _make(self) -> None:
        with contextlib.suppress(self._client.exceptions.ResourceInUseException):
            self._client.create_table(
                TableName=self.name,
                KeySchema=[{"AttributeName": _KEY, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": _KEY, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self._client.get_waiter("table_exists").wait(TableName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


class Leases:
    """The leases that this worker has, renewed and balanced in a thread of its own.

    Args:
        table: `LeaseTable`.
        owner: string. The worker's name.
        list_shards: function that returns the stream's shards, each with the shards that it came of.
        start: `TRIM_HORIZON` or `LATEST`. Where a new group starts.
        lease_seconds: float. How long a lease is its owner's without being renewed. Defaults to `LEASE_SECONDS`.
    """

    def __init__(
        self,
        table: LeaseTable,
        owner: str,
        list_shards: Callable[[], Mapping[str, Collection[str]]],
        start: str,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._table = table
        self.owner = owner
        self._list_shards = list_shards
        self._start = start
        self._seconds = lease_seconds
        self._lock = threading.Lock()
        self._balancing = threading.Lock()
        self._held: dict[str, Lease] = {}
        self._renewed_at: dict[str, float] = {}
        self._seen: dict[str, _Seen] = {}
        self._stopping = threading.Event()
        self._is_read = False
        self._balance()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def held(self) -> dict[str, Lease]:
        """Returns the leases that are this worker's, by shard; one that could not be renewed in time is not."""
        now = time.monotonic()
        with self._lock:
            return {
                shard: lease for shard, lease in self._held.items() if now - self._renewed_at[shard] < self._seconds
            }

    def checkpoint(self, shard: str, sequence: str) -> bool:
        """Notes how far a shard was read, and returns whether its lease still is this worker's."""
        try:
            is_held = self._table.checkpoint(shard, self.owner, sequence)
        except (ClientError, BotoCoreError) as error:
            raise StreamError(f"Expected to write a checkpoint to {self._table.name!r}. Received: {error}") from None
        with self._lock:
            if is_held and shard in self._held:
                self._held[shard] = dataclasses.replace(self._held[shard], checkpoint=sequence)
                self._renewed_at[shard] = time.monotonic()
            if not is_held or sequence == SHARD_END:
                self._held.pop(shard, None)
        if sequence == SHARD_END:
            # Shards that came of it may be read now.
            self._carry_on(self._balance)
        return is_held

    def is_read_by_somebody(self) -> bool:
        """Returns whether each shard was read to its end, or is one of this worker's or of one that was seen alive."""
        return self._is_read

    def close(self) -> None:
        """Gives the leases up."""
        self._stopping.set()
        self._thread.join()
        for shard in list(self._held):
            self._carry_on(lambda: self._table.release(shard, self.owner))  # noqa: B023

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds / 3):
            self._carry_on(self._balance)

    def _carry_on(self, call: Callable[[], Any]) -> None:
        """Calls; DynamoDB may be away for a while, in which the leases that cannot be renewed are not held."""
        try:
            call()
        except (ClientError, BotoCoreError, StreamError) as error:
            logger.warning("Leases in %s: %s", self._table.name, error)

    def _balance(self) -> None:
        """Renews what this worker has, adds leases of new shards, and takes its share of the free ones."""
        with self._balancing:
            self._renew()
            self._take_share(self._add_shards(self._table.read()))

    def _renew(self) -> None:
        asked_at = time.monotonic()
        for shard in list(self._held):
            if self._table.renew(shard, self.owner):
                self._renewed_at[shard] = asked_at
            else:
                self._lose(shard)

    def _take_share(self, leases: Mapping[str, Lease]) -> None:
        now = time.monotonic()
        for shard, lease in leases.items():
            seen = self._seen.get(shard)
            if seen is None or seen.counter != lease.counter:
                self._seen[shard] = _Seen(lease.counter, now, seen is not None)
        waiting = [lease for lease in leases.values() if lease.checkpoint != SHARD_END and _is_next(lease, leases)]
        free = [lease for lease in waiting if self._is_free(lease, now)]
        owners = {lease.owner for lease in waiting if lease not in free} | {self.owner}
        share = math.ceil(len(waiting) / len(owners))
        random.shuffle(free)
        for lease in free:
            if lease.owner == self.owner or len(self._held) < share:
                self._take(lease, now)
        if len(self._held) < share and not free:
            by_owner: dict[str, list[Lease]] = {}
            for lease in waiting:
                by_owner.setdefault(lease.owner, []).append(lease)
            most = max(by_owner.values(), key=len, default=[])
            if most and most[0].owner != self.owner and len(most) > len(self._held) + 1:
                self._take(random.choice(most), now)
        self._is_read = all(
            lease.checkpoint == SHARD_END
            or lease.shard in self._held
            or (bool(lease.owner) and lease not in free and self._seen[lease.shard].is_alive)
            for lease in leases.values()
        )

    def _is_free(self, lease: Lease, now: float) -> bool:
        if lease.shard in self._held:
            return False
        # One under this worker's own name is of the process before it.
        return lease.owner in ("", self.owner) or now - self._seen[lease.shard].time >= self._seconds

    def _take(self, lease: Lease, now: float) -> None:
        if self._table.take(lease, self.owner):
            with self._lock:
                self._held[lease.shard] = dataclasses.replace(lease, owner=self.owner)
                self._renewed_at[lease.shard] = now
            logger.info("Reads %s from %s", lease.shard, lease.checkpoint)

    def _lose(self, shard: str) -> None:
        with self._lock:
            self._held.pop(shard, None)
        logger.info("Another worker reads %s", shard)

    def _add_shards(self, leases: dict[str, Lease]) -> dict[str, Lease]:
        shards = self._list_shards()
        missing = [shard for shard in shards if shard not in leases]
        for shard in missing:
            # A group that starts at the latest record reads the shards that come later from their first.
            checkpoint = self._start if not leases else TRIM_HORIZON
            self._table.add(shard, checkpoint, shards[shard])
        gone = [lease for lease in leases.values() if lease.shard not in shards and lease.checkpoint == SHARD_END]
        for lease in gone:
            self._table.remove(lease.shard)
        return self._table.read() if missing or gone else leases


@dataclasses.dataclass(frozen=True)
class _Seen:
    """When a lease's counter was last seen to be another, and whether that was ever."""

    counter: int
    time: float
    is_alive: bool


def _is_next(lease: Lease, leases: Mapping[str, Lease]) -> bool:
    """Returns whether the shards that a shard came of were read: a key's records move from one to the next."""
    return all(leases[parent].checkpoint == SHARD_END for parent in lease.parents if parent in leases)


def _lease(item: Mapping[str, Any]) -> Lease:
    return Lease(
        shard=item[_KEY]["S"],
        owner=item.get(_OWNER, {}).get("S", ""),
        counter=int(item.get(_COUNTER, {}).get("N", 0)),
        checkpoint=item[_CHECKPOINT]["S"],
        parents=tuple(sorted(item.get(_PARENTS, {}).get("SS", ()))),
    )
