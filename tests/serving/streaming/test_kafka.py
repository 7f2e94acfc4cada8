import functools
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import Producer, TopicPartition
from kafka_broker import Broker, find_jars, running_broker
from processes import Consumer, LineCounter
from stream_model import ENVELOPE, event

from yachay.serving.streaming.kafka import KafkaSource

pytestmark = pytest.mark.slow

NUM_EVENTS = 200_000
NUM_KEYS = 1000
PARTITIONS = 4


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    jars = find_jars()
    if isinstance(jars, str):
        pytest.skip(jars)
    with running_broker(jars, tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


def produce(broker: Broker, topic: str, num_events: int) -> None:
    producer = Producer({"bootstrap.servers": broker.servers, "linger.ms": 20, "partitioner": "murmur2_random"})
    for number in range(num_events):
        value = json.dumps(event(number % NUM_KEYS) | {"number": number}) if number % 1000 else "broken"
        while True:
            try:
                producer.produce(topic, value, str(number % NUM_KEYS))
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


@functools.cache
def counter(servers: str) -> KafkaConsumer:
    return KafkaConsumer({"bootstrap.servers": servers, "group.id": "count", "log_level": 0})


def count(broker: Broker, topic: str) -> int:
    """Returns the messages that readers of committed ones may see, markers of transactions among them."""
    consumer = counter(broker.servers)
    return sum(
        consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=60)[1]
        for partition in range(PARTITIONS)
    )


def read_all(broker: Broker, topic: str) -> list[tuple[str, dict[str, Any]]]:
    """Returns key and content of all committed messages, in order within each partition."""
    consumer = KafkaConsumer(
        {
            "bootstrap.servers": broker.servers, "group.id": "check", "enable.partition.eof": True,
            "auto.offset.reset": "earliest", "enable.auto.commit": False, "isolation.level": "read_committed",
        }
    )  # fmt: skip
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found, ended = [], set()
    while len(ended) < PARTITIONS:
        for message in consumer.consume(1000, 1):
            if message.error():
                ended.add(message.partition())
            else:
                found.append(((message.key() or b"").decode(), json.loads(message.value())))
    consumer.close()
    return found


def check(found: list[tuple[str, dict[str, Any]]], num_events: int) -> int:
    """Checks that nothing is lost and each key is in order, and returns the number of duplicates."""
    first: dict[str, list[int]] = defaultdict(list)
    seen = set()
    for key, document in found:
        if document["event_id"] not in seen:
            seen.add(document["event_id"])
            first[key].append(int(document["event_id"].rpartition("/")[2]))
    assert len(seen) == num_events
    assert sum("prediction" in document for _, document in found) >= num_events - num_events // 1000
    for offsets in first.values():
        assert offsets == sorted(offsets)
    return len(found) - len(seen)


def test_exactly_once_from_kafka_to_kafka_while_it_is_killed_and_the_broker_restarts(
    broker: Broker, stream_store: Path, tmp_path: Path
) -> None:
    for topic in ("events", "predictions"):
        broker.make_topic(topic, PARTITIONS)
    produce(broker, "events", NUM_EVENTS)
    uri = f"kafka://{broker.servers}"
    flags = [f"--from={uri}/events", f"--to={uri}/predictions", "--instance=one", "--max_batch_events=500"]
    consumer = Consumer(stream_store, ENVELOPE, tmp_path / "log", flags, {})

    consumer.kill_until(lambda: count(broker, "predictions"), NUM_EVENTS // 2, (1, 3))
    broker.kill()
    time.sleep(2)
    broker.start()
    consumer.kill_until(lambda: count(broker, "predictions"), NUM_EVENTS, (1, 3))
    deadline = time.monotonic() + 60
    found = read_all(broker, "predictions")
    while len(found) < NUM_EVENTS and time.monotonic() < deadline:
        found = read_all(broker, "predictions")
    assert consumer.end() == 0

    print(f"{consumer.num_kills} kills")
    assert consumer.num_kills >= 2
    assert check(found, NUM_EVENTS) == 0


def test_at_least_once_from_kafka_to_a_file_while_it_is_killed(
    broker: Broker, stream_store: Path, tmp_path: Path
) -> None:
    broker.make_topic("more", PARTITIONS)
    produce(broker, "more", 50_000)
    sink = tmp_path / "predictions.jsonl"
    flags = [f"--from=kafka://{broker.servers}/more", f"--to=file:{sink}", "--instance=one", "--max_batch_events=200"]
    consumer = Consumer(stream_store, ENVELOPE, tmp_path / "log", flags, {})

    lines = LineCounter(sink)
    consumer.kill_until(lambda: len({*lines.identifiers()}), 50_000, (0.3, 1))
    assert consumer.end() == 0

    documents = [json.loads(line) for line in sink.read_text().splitlines()]
    duplicates = len(documents) - len({document["event_id"] for document in documents})
    print(f"{consumer.num_kills} kills, {duplicates} duplicates")
    assert len({document["event_id"] for document in documents}) == 50_000
    assert consumer.num_kills >= 2
    # Only batches that were under way are written again.
    assert duplicates <= consumer.num_kills * 200


def test_a_group_shares_the_partitions_and_one_takes_over_from_another(
    broker: Broker, stream_store: Path, tmp_path: Path
) -> None:
    for topic in ("shared", "shared-predictions"):
        broker.make_topic(topic, PARTITIONS)
    uri = f"kafka://{broker.servers}"
    members = [
        Consumer(
            stream_store, ENVELOPE, tmp_path / f"log{number}",
            [f"--from={uri}/shared", f"--to={uri}/shared-predictions", "--group=shared"], {},
        )
        for number in range(2)
    ]  # fmt: skip
    for member in members:
        member.start()
    produce(broker, "shared", 20_000)
    while count(broker, "shared-predictions") < 1:
        time.sleep(0.1)
    members[0].kill()
    produce(broker, "shared", 20_000)

    deadline = time.monotonic() + 120
    found: list[tuple[str, dict[str, Any]]] = []
    while len(found) < 40_000 and time.monotonic() < deadline:
        found = read_all(broker, "shared-predictions")
    assert members[1].end() == 0
    assert check(found, 40_000) == 0


@pytest.mark.parametrize(("source", "sink"), [("none", "some"), ("some", "none")])
def test_a_topic_that_does_not_exist_ends_the_process_at_once(
    broker: Broker, stream_store: Path, tmp_path: Path, source: str, sink: str
) -> None:
    if (source, sink) == ("none", "some"):
        broker.make_topic("some", 1)
    uri = f"kafka://{broker.servers}"
    consumer = Consumer(stream_store, ENVELOPE, tmp_path / "log", [f"--from={uri}/{source}", f"--to={uri}/{sink}"], {})
    consumer.start()

    assert consumer.wait() == 1
    assert "Error: Expected the topic 'none'" in (tmp_path / "log").read_text()


def test_a_transaction_that_fails_reads_only_its_own_records_again(broker: Broker) -> None:
    broker.make_topic("rewound", 2)
    producer = Producer({"bootstrap.servers": broker.servers})
    for partition in range(2):
        producer.produce("rewound", b"old", partition=partition)
    producer.flush(60)
    source = KafkaSource("kafka://", broker.servers, "rewound", "rewound", "", "latest", {})
    deadline = time.monotonic() + 60
    while not source.is_at_end() and time.monotonic() < deadline:
        assert not source.read(10, 0.1)
    for value in (b"new", b"newer"):
        producer.produce("rewound", value, partition=1)
    producer.flush(60)

    def read() -> list[bytes]:
        found: list[bytes] = []
        while len(found) < 2 and time.monotonic() < deadline:
            found += [record.value for record in source.read(10, 0.1)]
        return found

    assert read() == [b"new", b"newer"]
    source.rewind()
    assert read() == [b"new", b"newer"]
    source.commit()
    assert not source.read(10, 1)
    source.close()


def test_more_processes_than_partitions_end_and_keys_of_other_bytes_than_text_stay_what_they_are(
    broker: Broker, stream_store: Path, tmp_path: Path
) -> None:
    for topic in ("few", "few-predictions"):
        broker.make_topic(topic, PARTITIONS if topic != "few" else 2)
    keys = [(2**63 + number).to_bytes(8) for number in range(50)]
    producer = Producer({"bootstrap.servers": broker.servers})
    for number in range(2000):
        producer.produce("few", json.dumps(event(number)), keys[number % len(keys)])
    assert producer.flush(60) == 0
    uri = f"kafka://{broker.servers}"
    members = [
        Consumer(
            stream_store, ENVELOPE, tmp_path / f"log{number}",
            [f"--from={uri}/few", f"--to={uri}/few-predictions", "--group=few", "--once"], {},
        )
        for number in range(3)
    ]  # fmt: skip
    for member in members:
        member.start()

    assert [member.wait() for member in members] == [0, 0, 0]
    consumer = KafkaConsumer(
        {"bootstrap.servers": broker.servers, "group.id": "k", "isolation.level": "read_committed"}
    )
    consumer.assign([TopicPartition("few-predictions", partition, 0) for partition in range(PARTITIONS)])
    found: list[Any] = []
    while len(found) < 2000:
        found += [message for message in consumer.consume(1000, 10) if not message.error()]
    consumer.close()
    assert {message.key() for message in found} == {*keys}
    assert len({json.loads(message.value())["event_id"] for message in found}) == 2000


class Slow(BaseHTTPRequestHandler):
    """Kinesis that takes half a minute for each call."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(30)
        self.send_error(500)

    def log_message(self, format: str, *args: object) -> None: ...


def test_memory_is_bounded_while_the_sink_is_slow(broker: Broker, stream_store: Path, tmp_path: Path) -> None:
    broker.make_topic("many", PARTITIONS)
    producer = Producer({"bootstrap.servers": broker.servers, "linger.ms": 20, "compression.type": "lz4"})
    value = json.dumps(event(1) | {"text": "x" * 10_000})
    for number in range(40_000):  # 400 MB
        while True:
            try:
                producer.produce("many", value, str(number))
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sink = f"kinesis://slow?region=us-east-1&endpoint_url=http://127.0.0.1:{server.server_port}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    flags = [f"--from=kafka://{broker.servers}/many", f"--to={sink}"]
    consumer = Consumer(stream_store, ENVELOPE, tmp_path / "log", flags, keys)
    consumer.start()
    peak = 0.0
    end = time.monotonic() + 25
    while time.monotonic() < end:
        peak = max(peak, consumer.memory_mib())
        time.sleep(0.5)
    consumer.kill()
    server.shutdown()

    print(f"{peak:.0f} MiB")
    assert 100 < peak < 400
