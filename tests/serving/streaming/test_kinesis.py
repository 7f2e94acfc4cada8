import base64
import itertools
import json
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from kinesalite import Stream, find_kinesalite, running_kinesalite
from processes import Consumer, LineCounter
from s3_server import s3_server
from stream_model import ENVELOPE, EVENT, event

from yachay.serving.streaming.contract import Message
from yachay.serving.streaming.errors import SinkError
from yachay.serving.streaming.kinesis import KinesisSink, KinesisSource, list_shards
from yachay.serving.streaming.leases import SHARD_END, TRIM_HORIZON, Leases, LeaseTable

pytestmark = pytest.mark.integration

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
LEASE_SECONDS = 1.0
NUM_EVENTS = 200_000
NUM_KEYS = 1000


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """The address of moto's server, which is Kinesis and DynamoDB here."""
    with s3_server() as server:
        yield server.url


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    return {name: boto3.client(name) for name in ("kinesis", "dynamodb")}


class Shards:
    """Kinesis' calls over shards in memory, which close when they are split or merged: moto's never do."""

    def __init__(self, names: Collection[str]) -> None:
        self.parents: dict[str, list[str]] = {name: [] for name in names}
        self.records: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        self.closed: set[str] = set()
        self._numbers = itertools.count(1)

    def put(self, shard: str, key: str) -> None:
        number = f"{next(self._numbers):06}"
        entry = {"SequenceNumber": number, "PartitionKey": key, "Data": number.encode()}
        self.records[shard].append({**entry, "ApproximateArrivalTimestamp": datetime.now(UTC)})

    def close(self, parents: list[str], children: list[str]) -> None:
        self.closed |= {*parents}
        for child in children:
            self.parents[child], self.records[child] = parents, []

    def list(self) -> Mapping[str, Collection[str]]:
        return self.parents

    def get_shard_iterator(self, ShardId: str, ShardIteratorType: str, **options: str) -> dict[str, str]:
        after = options.get("StartingSequenceNumber", "") if ShardIteratorType == "AFTER_SEQUENCE_NUMBER" else ""
        return {"ShardIterator": f"{ShardId}|{after}"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        shard, after = ShardIterator.split("|")
        waiting = [record for record in self.records[shard] if record["SequenceNumber"] > after]
        found = waiting[:Limit]
        is_over = shard in self.closed and len(found) == len(waiting)
        after = found[-1]["SequenceNumber"] if found else after
        following = {} if is_over else {"NextShardIterator": f"{shard}|{after}"}
        return {"Records": found, "MillisBehindLatest": 0, **following}


@pytest.fixture
def group(aws: dict[str, Any], request: pytest.FixtureRequest) -> LeaseTable:
    return LeaseTable(aws["dynamodb"], f"group-{abs(hash(request.node.name))}")


def worker(group: LeaseTable, name: str, shards: Shards) -> tuple[Leases, KinesisSource]:
    leases = Leases(group, name, shards.list, TRIM_HORIZON, LEASE_SECONDS)
    return leases, KinesisSource("kinesis://s", shards, "s", leases)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def drain(source: KinesisSource, rounds: int = 6) -> list[str]:
    keys = []
    for _ in range(rounds):
        keys += [record.key for record in source.read(2, 0.05)]
        source.commit()
    return keys


def test_shards_that_came_of_another_are_read_after_it(group: LeaseTable) -> None:
    shards = Shards(["a", "b"])
    for key in "123":
        shards.put("a", key)
    shards.put("b", "4")
    shards.close(["a"], ["c", "d"])
    shards.put("c", "5")
    shards.close(["c", "b"], ["e"])
    shards.put("e", "6")
    _, source = worker(group, "one", shards)

    keys = drain(source, 30)

    assert sorted(keys) == list("123456")
    assert [key for key in keys if key in "1235"] == list("1235")
    assert keys[-1] == "6"
    found = group.read()
    assert {shard for shard, lease in found.items() if lease.checkpoint == SHARD_END} == {"a", "b", "c"}
    assert found["e"].parents == ("b", "c")
    source.close()


def test_a_worker_that_was_killed_is_followed_by_another_from_its_checkpoint(group: LeaseTable) -> None:
    shards = Shards(["a"])
    for key in "1234":
        shards.put("a", key)
    _, source = worker(group, "one", shards)
    assert [record.key for record in source.read(2, 0.05)] == ["1", "2"]
    source.commit()
    assert [record.key for record in source.read(2, 1.0)] == ["3", "4"]
    source._leases._stopping.set()  # Killed: it renews no more, and did not commit.

    _, other = worker(group, "two", shards)
    keys: list[str] = []
    wait_for(lambda: len(keys.extend(drain(other, 1)) or keys) >= 2)

    assert keys == ["3", "4"]
    assert group.read()["a"].owner == "two"
    other.close()


def test_a_worker_that_is_started_anew_under_its_name_goes_on_at_once(group: LeaseTable) -> None:
    shards = Shards(["a"])
    shards.put("a", "1")
    leases = Leases(group, "one", shards.list, TRIM_HORIZON, 60)
    assert set(leases.held()) == {"a"}

    again = Leases(group, "one", shards.list, TRIM_HORIZON, 60)

    assert set(again.held()) == {"a"}
    leases.close()
    again.close()


def test_workers_share_the_shards_and_a_late_checkpoint_is_not_written(group: LeaseTable) -> None:
    shards = Shards([f"s{number}" for number in range(6)])
    one, source = worker(group, "one", shards)
    wait_for(lambda: len(one.held()) == 6)
    source.read(1, 0.01)

    two, other = worker(group, "two", shards)

    wait_for(lambda: len(one.held()) == len(two.held()) == 3 and not {*one.held()} & {*two.held()})
    taken = next(iter(two.held()))
    assert not one.checkpoint(taken, "000009")
    source.close()
    other.close()
    assert {lease.owner for lease in group.read().values()} == {""}


class Throttled:
    """Kinesis' `put_records`, of which each second record of a call is not taken at first."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.calls: list[list[str]] = []

    def put_records(self, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        self.calls.append([each["PartitionKey"] for each in Records])
        results: list[dict[str, str]] = []
        for place, each in enumerate(Records):
            if place % 2 and len(Records) > 1:
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.taken.append((each["PartitionKey"], each["Data"]))
                results.append({})
        return {"Records": results}


def test_a_sink_keeps_the_order_within_a_key_where_kinesis_takes_only_some() -> None:
    kinesis = Throttled()
    keys = ["a", "b", "a", "c", "", "a", "b"] * 3
    messages = [Message(str(place), key, str(place).encode()) for place, key in enumerate(keys)]

    KinesisSink("kinesis://s", kinesis, "s").write(messages)

    by_key = defaultdict(list)
    for key, value in kinesis.taken:
        by_key[key].append(int(value))
    for key in "abc":
        assert by_key[key] == [place for place, each in enumerate(keys) if each == key]
    assert sorted(int(value) for _, value in kinesis.taken) == list(range(len(keys)))
    assert all(len({*call}) == len(call) for call in kinesis.calls)


def test_a_key_of_kafka_that_kinesis_has_no_room_for_is_cut_and_bytes_are_base64() -> None:
    kinesis = Throttled()

    sink = KinesisSink("kinesis://s", kinesis, "s")
    sink.write([Message("1", "k" * 1000, b"{}")])
    sink.write([Message("2", b"\xff\x00".decode(errors="surrogateescape"), b"{}")])

    assert kinesis.calls == [["k" * 256], ["/wA="]]


def test_a_sink_that_does_not_exist_is_an_error_with_what_was_not_written(aws: dict[str, Any]) -> None:
    with pytest.raises(SinkError, match="Expected to write to 'none'") as raised:
        KinesisSink("kinesis://none", aws["kinesis"], "none").write(
            [Message("1", "k", b"{}"), Message("2", "k", b"{}")]
        )

    assert raised.value.failed == {0, 1}


@pytest.mark.slow
@pytest.mark.parametrize("is_encoded", [False, True], ids=["raw", "base64"])
def test_the_event_as_it_stands_goes_by_the_command_line_of_aws_through_kinesis(
    aws: dict[str, Any], stream_store: Path, tmp_path: Path, is_encoded: bool
) -> None:
    stream = f"events-{is_encoded}".lower()
    aws["kinesis"].create_stream(StreamName=stream, ShardCount=1)
    aws["kinesis"].create_stream(StreamName=f"{stream}-out", ShardCount=1)
    data = json.dumps(EVENT).encode()
    put_record(aws["kinesis"], stream, base64.b64encode(data) if is_encoded else data, tmp_path / "record")
    flags = [f"--from=kinesis://{stream}?region=us-east-1", f"--to=kinesis://{stream}-out?region=us-east-1"]
    consumer = Consumer(stream_store, ENVELOPE, tmp_path / "log", [*flags, f"--group={stream}", "--once"], {})
    consumer.start()
    assert consumer.wait() == 0, (tmp_path / "log").read_text()

    (shard,) = list_shards(aws["kinesis"], f"{stream}-out")
    iterator = aws["kinesis"].get_shard_iterator(
        StreamName=f"{stream}-out", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    (found,) = aws["kinesis"].get_records(ShardIterator=iterator)["Records"]
    prediction = json.loads(found["Data"])
    assert (prediction["student_id"], prediction["prediction"], found["PartitionKey"]) == (256, "Graduate", "256")


def put_record(client: Any, stream: str, data: bytes, file: Path) -> None:
    """Puts a record by AWS' command line where there is one, else by boto3."""
    aws = shutil.which("aws")
    if aws is None or subprocess.run([aws, "--version"], capture_output=True).returncode:
        client.put_record(StreamName=stream, Data=data, PartitionKey="256")
        return
    file.write_bytes(data)
    subprocess.run(
        [aws, "kinesis", "put-record", "--stream-name", stream, "--partition-key", "256", "--data", f"fileb://{file}"],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def kinesalite_url() -> Iterator[str]:
    package = find_kinesalite()
    if isinstance(package, str):
        pytest.skip(package)
    with running_kinesalite(package) as url:
        yield url


@pytest.mark.slow
def test_at_least_once_from_kinesis_while_it_is_killed_and_shards_are_split_and_merged(
    aws: dict[str, Any], kinesalite_url: str, stream_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", kinesalite_url)  # DynamoDB is moto's.
    stream = Stream(boto3.client("kinesis"), "many", 8)
    sink, dead = tmp_path / "predictions.jsonl", tmp_path / "dead.jsonl"
    flags = [
        "--from=kinesis://many?region=us-east-1", f"--to=file:{sink}", f"--dead_letter=file:{dead}", "--instance=one",
    ]  # fmt: skip
    consumer = Consumer(stream_store, ENVELOPE, tmp_path / "log", flags, {})
    predicted, rejected = LineCounter(sink), LineCounter(dead)

    def put(start: int, stop: int) -> None:
        stream.put(
            [
                (number, str(number % NUM_KEYS), event(number % NUM_KEYS) if number % 1000 else "broken")
                for number in range(start, stop)
            ]
        )

    quarters = itertools.pairwise(range(0, NUM_EVENTS + 1, NUM_EVENTS // 4))
    for change, (start, stop) in zip([lambda: None, stream.split, stream.merge, stream.split], quarters, strict=True):
        change()
        put(start, stop)
        # The next change finds events that were not read.
        consumer.kill_until(lambda: predicted.count() + rejected.count(), (start + stop) // 2, (0.5, 1))
    consumer.kill_until(lambda: len({*predicted.identifiers(), *rejected.identifiers()}), NUM_EVENTS, (0.5, 1))
    consumer.end()

    found = predicted.identifiers()
    num_duplicates = len(found) + len(rejected.identifiers()) - NUM_EVENTS
    print(f"{consumer.num_kills} kills, {num_duplicates} duplicates")
    assert {*found, *rejected.identifiers()} == {*stream.numbers}
    assert {*rejected.identifiers()} == {each for each, number in stream.numbers.items() if number % 1000 == 0}
    assert consumer.num_kills >= 2
    last: dict[int, int] = {}
    for number in dict.fromkeys(stream.numbers[identifier] for identifier in found):
        assert last.get(number % NUM_KEYS, -1) < number
        last[number % NUM_KEYS] = number
