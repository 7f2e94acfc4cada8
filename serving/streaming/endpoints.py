"""Sources and sinks by their URIs: `file:PATH`, `kafka://HOST:PORT/TOPIC`, `kinesis://STREAM?region=REGION`."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias, cast
from urllib.parse import parse_qsl, urlsplit

from ...errors import UsageError, suggestion
from .contract import Sink, Source
from .delivery import AtLeastOnce, Delivery

Scheme: TypeAlias = Literal["file", "kafka", "kinesis"]

_FORMS = "file:PATH, kafka://HOST:PORT/TOPIC or kinesis://STREAM?region=REGION"
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "file": (),
    "kafka": ("start",),
    "kinesis": ("region", "endpoint_url", "start"),
}
_STARTS = ("earliest", "latest")


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """What a URI names.

    Args:
        uri: string.
        scheme: `Scheme`.
        place: string. The path, the brokers or the stream.
        topic: string. Of Kafka.
        options: mapping of what stands behind the question mark.
    """

    uri: str
    scheme: Scheme
    place: str
    topic: str
    options: Mapping[str, str]

    @property
    def target(self) -> tuple[str, ...]:
        """What two URIs of one place have in common."""
        place = os.path.realpath(self.place) if self.scheme == "file" else self.place
        return self.scheme, place, self.topic


@dataclasses.dataclass(frozen=True)
class Reader:
    """Who reads a stream.

    Args:
        group: string. Members of a group share the partitions, and it keeps how far they are.
        instance: string. A steady name of this process, unique in its group; empty for a new one each time.
        once: bool. Whether it ends at the end of the source.
        kafka_settings: path of a file of librdkafka's settings. Defaults to none.
    """

    group: str
    instance: str
    once: bool
    kafka_settings: Path | None = None


def parse_endpoint(uri: str) -> Endpoint:
    """Returns what a URI names.

    Raises:
        UsageError: if it names no source or sink.
    """
    parts = urlsplit(uri)
    if parts.scheme not in _OPTIONS:
        raise UsageError(
            f"Expected a source or a sink: {_FORMS}. Received: {uri!r}.{suggestion(parts.scheme, _OPTIONS)}"
        )
    if parts.scheme == "file":
        place = uri.removeprefix("file:").removeprefix("//")
        if not Path(place).name or place.endswith(("/", "/.", "..")):
            raise UsageError(f"Expected file:PATH to name a file. Received: {uri!r}.")
        return Endpoint(uri, "file", place, "", {})
    if parts.username or parts.password:
        raise UsageError(
            "Expected a URI without a password, which logs would show. Received: one with it. "
            "Name a file of Kafka's settings with --kafka_settings."
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name, value in options.items():
        known = _OPTIONS[parts.scheme]
        if name not in known:
            raise UsageError(
                f"Expected {parts.scheme}:// with {', '.join(known)} only. Received: {name!r} in {uri!r}."
                f"{suggestion(name, known)}"
            )
        if name == "start" and value not in _STARTS:
            raise UsageError(f"Expected start={' or '.join(_STARTS)}. Received: {value!r} in {uri!r}.")
    topic = parts.path.strip("/")
    if not parts.netloc or (parts.scheme == "kafka") != bool(topic) or "/" in topic:
        raise UsageError(f"Expected {_FORMS}. Received: {uri!r}.")
    for server in parts.netloc.split(",") if parts.scheme == "kafka" else ():
        try:
            _ = urlsplit(f"//{server}").port
        except ValueError as error:
            raise UsageError(f"Expected HOST:PORT of a broker. Received: {server!r} in {uri!r} ({error}).") from None
    return Endpoint(uri, cast(Scheme, parts.scheme), parts.netloc, topic, options)


def open_source(endpoint: Endpoint, reader: Reader) -> Source:
    """Returns a source.

    Raises:
        UsageError: if there is no such thing.
        StreamError: if it cannot be read.
    """
    start = endpoint.options.get("start", "earliest")
    if endpoint.scheme == "file":
        from .files import FileSource

        return FileSource(endpoint.uri, Path(endpoint.place), reader.group, reader.once)
    if endpoint.scheme == "kafka":
        from .kafka import KafkaSource, read_settings

        return KafkaSource(
            endpoint.uri, endpoint.place, endpoint.topic, reader.group, reader.instance, start,
            read_settings(reader.kafka_settings),
        )  # fmt: skip
    from .kinesis import KinesisSource, list_shards, make_clients
    from .leases import LATEST, TRIM_HORIZON, Leases, LeaseTable

    clients = make_clients(endpoint.options.get("region", ""), endpoint.options.get("endpoint_url", ""))
    kinesis = clients["kinesis"]
    list_shards(kinesis, endpoint.place)
    leases = Leases(
        # The shards of two streams have the same names.
        LeaseTable(clients["dynamodb"], f"{reader.group}-{endpoint.place}"),
        reader.instance or _new_name(),
        lambda: list_shards(kinesis, endpoint.place),
        TRIM_HORIZON if start == "earliest" else LATEST,
    )
    return KinesisSource(endpoint.uri, kinesis, endpoint.place, leases)


def open_sinks(sink: Endpoint, dead: Endpoint | None, kafka_settings: Path | None = None) -> tuple[Sink, Sink | None]:
    """Returns the sink of predictions and that of dead letters, None where they are one.

    Args:
        sink: `Endpoint`.
        dead: `Endpoint`; None for that of predictions.
        kafka_settings: path of a file of librdkafka's settings. Defaults to none.

    Raises:
        UsageError: if one cannot be written to.
        StreamError: if Kafka does not respond.
    """
    is_apart = dead is not None and dead.target != sink.target
    return _open_sink(sink, kafka_settings), _open_sink(dead, kafka_settings) if dead and is_apart else None


def _open_sink(endpoint: Endpoint, kafka_settings: Path | None) -> Sink:
    if endpoint.scheme == "file":
        from .files import FileSink

        return FileSink(endpoint.uri, Path(endpoint.place))
    if endpoint.scheme == "kafka":
        from .kafka import KafkaSink, read_settings

        return KafkaSink(endpoint.uri, endpoint.place, endpoint.topic, read_settings(kafka_settings))
    from .kinesis import KinesisSink, make_clients

    clients = make_clients(endpoint.options.get("region", ""), endpoint.options.get("endpoint_url", ""))
    return KinesisSink(endpoint.uri, clients["kinesis"], endpoint.place)


def open_delivery(source: Source, reader: Reader, origin: Endpoint, sink: Endpoint, dead: Endpoint | None) -> Delivery:
    """Returns how predictions get from a source to their sinks: within one Kafka exactly once, else at least once.

    Raises:
        UsageError: if a sink cannot be written to.
        StreamError: if Kafka takes no transactions.
    """
    if all(each is None or (each.scheme, each.place) == ("kafka", origin.place) for each in (origin, sink, dead)):
        from .kafka import ExactlyOnce, KafkaSource, read_settings

        return ExactlyOnce(
            cast(KafkaSource, source),
            origin.place,
            sink.topic,
            dead.topic if dead else "",
            f"{reader.group}-{reader.instance or _new_name()}",
            read_settings(reader.kafka_settings),
        )
    return AtLeastOnce(source, *open_sinks(sink, dead, reader.kafka_settings))


def _new_name() -> str:
    return f"{os.uname().nodename}-{os.urandom(6).hex()}"
