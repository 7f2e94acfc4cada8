"""The flags of `python -m yachay.serving.streaming`."""

import argparse
import dataclasses
import re
from pathlib import Path

from ...errors import ConfigurationError, UsageError
from .. import prediction_log, trust
from ..flags import boolean
from ..limits import Limits
from ..store import ModelSource, open_source
from ..trust import Trust
from .endpoints import Endpoint, Reader, parse_endpoint
from .envelope import Envelope

MAX_BATCH_EVENTS = 1024
MAX_EVENT_BYTES = 2**20
_GROUP = re.compile(r"[A-Za-z0-9_.-]{3,200}")


@dataclasses.dataclass(frozen=True)
class StreamSettings:
    """How a stream runs.

    Args:
        model_name: string. The name that outputs and metrics have.
        model_dir: string. A SavedModel, a push, or a store of pushes, which is followed.
        source: `Endpoint`.
        sink: `Endpoint`.
        dead_letters: `Endpoint`; None writes dead letters among the predictions.
        envelope: `Envelope`.
        reader: `Reader`.
        limits: `Limits`, of which a batch takes `max_rows` and `max_string_bytes`.
        max_event_bytes: int.
        host: string. The address of probes and metrics.
        metrics_port: int. 0 for none.
        poll_seconds: float. How often a store is looked at.
        is_traced: bool.
        store_endpoint: string. Address of the S3 server of a store in a bucket.
        store_cache: path of the folder for copies of a store in a bucket; None for one in the user's cache.
        trust: `Trust`. What a model must show before it is loaded.
    """

    model_name: str
    model_dir: str
    source: Endpoint
    sink: Endpoint
    dead_letters: Endpoint | None
    envelope: Envelope
    reader: Reader
    limits: Limits
    max_event_bytes: int
    host: str
    metrics_port: int
    poll_seconds: float
    is_traced: bool
    store_endpoint: str
    store_cache: Path | None
    trust: Trust

    def open_model_source(self) -> ModelSource:
        """Returns where the model comes from.

        Raises:
            UsageError: if there cannot be a store of this name.
            StoreError: if the bucket cannot be opened.
        """
        return open_source(self.model_dir, self.store_endpoint, self.store_cache)


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the flags."""
    parser = argparse.ArgumentParser("python -m yachay.serving.streaming", allow_abbrev=False)
    add = parser.add_argument
    add("--model_name", default="model", help="Name that outputs and metrics have.")
    add("--model_dir", default="/mnt/models", help="SavedModel, push, or store of pushes, which is followed.")
    add("--from", dest="source", required=True, metavar="SOURCE", help="file:PATH, kafka://... or kinesis://...")
    add("--to", dest="sink", required=True, metavar="SINK", help="file:PATH, kafka://... or kinesis://...")
    add("--dead_letter", metavar="SINK", help="For events without a prediction; without it they go to --to.")
    add("--envelope", default="{}", metavar="JSON|FILE", help="Which fields of an event hold what.")
    add(
        "--group",
        metavar="NAME",
        help="Who reads: members share the partitions (default: yachay-MODEL_NAME, with Kafka's topic).",
    )
    add("--instance", default="", metavar="NAME", help="Steady name of this process: a restart goes on at once.")
    add("--kafka_settings", type=Path, metavar="FILE", help="librdkafka's settings, name=value a line.")
    add("--once", action="store_true", help="End at the end of the source.")
    add("--max_batch_events", type=int, default=MAX_BATCH_EVENTS, help="Events that are in memory.")
    add("--max_event_bytes", type=int, default=MAX_EVENT_BYTES, help="Bytes of an event.")
    add("--max_string_bytes", type=int, default=Limits.max_string_bytes, help="Bytes of a string.")
    add("--host", default="0.0.0.0", help="Address of probes and metrics.")
    add("--metrics_port", type=int, default=8080, help="Port of probes and metrics; 0 for none.")
    add("--poll_seconds", type=float, default=2.0, help="How often a store is looked at.")
    add("--enable_tracing", type=boolean, default=False, help="Export OpenTelemetry traces (OTEL_* say where).")
    add("--store_endpoint", default="", help="Address of the S3 server of a store in a bucket.")
    add("--store_cache", type=Path, help="Folder for copies of pushes in a bucket.")
    trust.add_arguments(parser)
    prediction_log.add_arguments(parser)
    return parser


def read_settings(options: argparse.Namespace) -> StreamSettings:
    """Returns the settings of parsed flags.

    Raises:
        ConfigurationError: if a value cannot be used.
        UsageError: if a URI names no source or sink.
    """
    for name in ("max_batch_events", "max_event_bytes", "max_string_bytes", "poll_seconds"):
        if not getattr(options, name) > 0:
            raise ConfigurationError(f"Expected --{name} to be above 0. Received: {getattr(options, name)}.")
    source, sink = parse_endpoint(options.source), parse_endpoint(options.sink)
    # Members of a group of Kafka that read different topics take turns at getting none.
    group = options.group or "-".join(filter(None, ("yachay", options.model_name, source.topic)))
    for flag, name in (("--group", group), ("--instance", options.instance)):
        if name and not _GROUP.fullmatch(name):
            raise ConfigurationError(
                f"Expected {flag} of 3 to 200 letters, digits, dots, hyphens and underscores. Received: {name!r}."
            )
    dead = parse_endpoint(options.dead_letter) if options.dead_letter else None
    for flag, each in (("--to", sink), ("--dead_letter", dead)):
        if each is not None and each.target == source.target:
            raise UsageError(f"Expected {flag} to be another place than --from. Received: {each.uri!r} for both.")
    return StreamSettings(
        model_name=options.model_name,
        model_dir=options.model_dir,
        source=source,
        sink=sink,
        dead_letters=dead,
        envelope=Envelope.from_json(options.envelope),
        reader=Reader(group, options.instance, options.once, options.kafka_settings),
        limits=Limits(
            max_rows=options.max_batch_events,
            max_batch_rows=options.max_batch_events,
            max_string_bytes=options.max_string_bytes,
        ),
        max_event_bytes=options.max_event_bytes,
        host=options.host,
        metrics_port=options.metrics_port,
        poll_seconds=options.poll_seconds,
        is_traced=options.enable_tracing,
        store_endpoint=options.store_endpoint,
        store_cache=options.store_cache,
        trust=trust.read_trust(options),
    )
