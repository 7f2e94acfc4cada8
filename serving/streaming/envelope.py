"""The form of events and of what is written for them: fields' names by configuration, plain JSON or CloudEvents.

The JSON Schemas are in `schemas/stream`.
"""

import base64
import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import orjson

from ...errors import ConfigurationError, suggestion
from ..bodies import parse_json
from ..errors import Rejection, RequestError
from ..values import quoted, shown
from .contract import Record, text_of

Output: TypeAlias = Literal["plain", "cloudevent"]

OUTPUT_FIELDS = (
    "key", "prediction", "scores", "outputs", "model", "event_id", "event_time", "predicted_at", "trace",
)  # fmt: skip
TRACE_HEADER = "traceparent"
MAX_CONTEXT_BYTES = 64 * 2**10
"""Of an event's key, id, time and trace context together: its output holds them, and must fit into the sink."""
LARGEST_EXACT = 2**53
"""From here on a number read as a float stands for several integers."""
_SPECVERSION = "specversion"


@dataclasses.dataclass(frozen=True)
class Envelope:
    """Which fields of an event hold what, and what is written.

    Args:
        features: string. The field whose object holds the features; empty where the event itself does. Defaults to
            `"features"`.
        key: string. The field that names what the event is about, such as a student; empty takes the record's key.
            Defaults to that.
        id: string. The field of the event's id; empty takes that of a CloudEvent, else the record's place. Defaults to
            that.
        time: string. The field of the event's time; empty takes that of a CloudEvent, else the record's. Defaults to
            that.
        trace: string. The field of the trace context, which is passed on as it is. Defaults to `"trace"`.
        output: `"plain"`, or `"cloudevent"` (structured, version 1.0). Defaults to `"plain"`.
        names: mapping of one of `OUTPUT_FIELDS` to the name that it is written under; empty leaves the field out.
            Defaults to `key` under the name of the input's.

    Raises:
        ConfigurationError: if the fields do not fit together.
    """

    features: str = "features"
    key: str = ""
    id: str = ""
    time: str = ""
    trace: str = "trace"
    output: Output = "plain"
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.output not in get_args(Output):
            raise ConfigurationError(
                f"Expected the output of an envelope to be one of {', '.join(get_args(Output))}. "
                f"Received: {self.output!r}."
            )
        for name in self.names:
            if name not in OUTPUT_FIELDS:
                raise ConfigurationError(
                    f"Expected names of the output's fields, of {', '.join(OUTPUT_FIELDS)}. Received: {name!r}."
                    f"{suggestion(name, OUTPUT_FIELDS)}"
                )
        if self.names.get("event_id") == "":
            raise ConfigurationError(
                "Expected the output to hold the event's id, by which duplicates are known. Received: no name for it."
            )
        written = [name for name in self.output_names.values() if name]
        if len({*written}) < len(written):
            raise ConfigurationError(f"Expected each field of the output once. Received: {', '.join(written)}.")

    @property
    def output_names(self) -> dict[str, str]:
        """The names under which the fields of the output are written; empty for one that is left out."""
        return {name: name for name in OUTPUT_FIELDS} | {"key": self.key or "key"} | dict(self.names)

    @classmethod
    def from_json(cls, text: str) -> "Envelope":
        """Returns the envelope of an object of JSON, or of the file that a string names.

        Raises:
            ConfigurationError: if it is none.
        """
        try:
            content = text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
            fields = orjson.loads(content)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"Expected an envelope: an object of JSON, or a file that holds it. Received: {quoted(text)} ({error})."
            ) from None
        known = {field.name: field.type for field in dataclasses.fields(cls)}
        for name, value in fields.items() if isinstance(fields, dict) else [("", fields)]:
            if name not in known:
                raise ConfigurationError(
                    f"Expected the fields of an envelope, {', '.join(known)}. Received: {quoted(name)}."
                    f"{suggestion(name, known)}"
                )
            is_right = (
                isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
                if name == "names"
                else isinstance(value, str)
            )
            if not is_right:
                kind = "an object of strings" if name == "names" else "a string"
                raise ConfigurationError(f"Expected the envelope's {name!r} to be {kind}. Received: {shown(value)}.")
        return cls(**fields)

    def to_json(self) -> str:
        """Returns the fields that are not the default, as an object of JSON."""
        default = dataclasses.asdict(Envelope())
        fields = dataclasses.asdict(self)
        return orjson.dumps({name: value for name, value in fields.items() if value != default[name]}).decode()


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """What a record says.

    Args:
        id: string.
        key: what the event is about, a value of JSON.
        features: dict of field to value.
        time: string. In ISO 8601, or as the event has it.
        trace: trace context, a value of JSON; None for none.
        record: `Record`.
    """

    id: str
    key: Any
    features: Mapping[str, Any]
    time: Any
    trace: Any
    record: Record


def read_event(record: Record, envelope: Envelope) -> Event:
    """Returns the event of a record: JSON, base64 of JSON, or a CloudEvent of either form.

    Raises:
        RequestError: if it holds none.
    """
    payload = parse_json(_plain(record.value))
    if not isinstance(payload, dict):
        raise _malformed("an event to be an object", payload)
    attributes: Mapping[str, Any] = {}
    if _SPECVERSION in payload:
        attributes, payload = payload, _data(payload)
    elif record.headers.get("ce_specversion"):
        attributes = {name.removeprefix("ce_"): value for name, value in record.headers.items() if name[:3] == "ce_"}
    key = payload.get(envelope.key) if envelope.key else attributes.get("partitionkey", text_of(record.key))
    if not isinstance(key, str | int | float) or isinstance(key, bool):
        raise _malformed(f"{envelope.key!r} to name what the event is about, by a string or a number", key)
    if isinstance(key, float) and abs(key) >= LARGEST_EXACT:
        raise _malformed(f"{envelope.key!r} to be an integer of 64 bits, or a string", key)
    if envelope.features:
        features = payload.get(envelope.features)
    else:
        own = (envelope.key, envelope.id, envelope.time, envelope.trace)
        features = {name: value for name, value in payload.items() if name not in own}
    if not isinstance(features, dict):
        raise _malformed(f"{envelope.features!r} to be an object of features", features)
    event = Event(
        id=_id(payload, attributes, envelope, record),
        key=key,
        features=features,
        time=_time(payload, attributes, envelope, record),
        trace=payload.get(envelope.trace) or attributes.get(TRACE_HEADER) or record.headers.get(TRACE_HEADER),
        record=record,
    )
    num_bytes = len(record.key) + len(orjson.dumps((event.id, event.key, event.time, event.trace)))
    if num_bytes > MAX_CONTEXT_BYTES:
        raise RequestError(
            Rejection.BODY_TOO_LARGE,
            f"Expected the key, id, time and trace context of an event to have at most {MAX_CONTEXT_BYTES:,} bytes "
            f"together. Received: {num_bytes:,}.",
        )
    return event


def iso(time: datetime) -> str:
    """Returns a time in ISO 8601, in UTC with milliseconds."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _plain(value: bytes) -> bytes:
    """Returns JSON as it is, and of base64 what it stands for: `aws kinesis put-record` takes either."""
    if value.lstrip()[:1] in (b"{", b""):
        return value
    try:
        # The command `base64` breaks lines.
        decoded = base64.b64decode(b"".join(value.split()), validate=True)
    except ValueError:
        return value
    return decoded if decoded.lstrip()[:1] == b"{" else value


def _data(event: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the data of a structured CloudEvent (https://github.com/cloudevents/spec)."""
    if not isinstance(event.get("id"), str) or not isinstance(event.get("source"), str):
        raise _malformed("a CloudEvent to have an `id` and a `source`", None)
    data = event.get("data")
    if data is None and isinstance(event.get("data_base64"), str):
        try:
            decoded = base64.b64decode(event["data_base64"], validate=True)
        except ValueError:
            raise _malformed("`data_base64` of a CloudEvent to be base64", event["data_base64"]) from None
        data = parse_json(decoded)
    if not isinstance(data, dict):
        raise _malformed("the data of a CloudEvent to be an object", data)
    return data


def _id(payload: Mapping[str, Any], attributes: Mapping[str, Any], envelope: Envelope, record: Record) -> str:
    if envelope.id:
        given = payload.get(envelope.id)
        if not isinstance(given, str | int) or isinstance(given, bool) or given == "":
            raise _malformed(f"{envelope.id!r} to be the event's id, a string or an integer", given)
        return str(given)
    # Only together are the two unique.
    return f"{attributes.get('source', '')}#{attributes['id']}" if "id" in attributes else record.id


def _time(payload: Mapping[str, Any], attributes: Mapping[str, Any], envelope: Envelope, record: Record) -> Any:
    given = payload.get(envelope.time) if envelope.time else attributes.get("time")
    return iso(record.time) if given is None else given


def _malformed(expected: str, received: Any) -> RequestError:
    return RequestError(Rejection.MALFORMED, f"Expected {expected}. Received: {shown(received)}.")
