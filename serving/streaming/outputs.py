"""Writes predictions and dead letters as an `Envelope` wants them."""

import base64
import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson

from ..contract import Array
from ..errors import RequestError
from ..model import ServedModel
from .contract import Message, Record
from .envelope import TRACE_HEADER, Envelope, Event, iso

CONTENT_TYPE = "content-type"
EVENT_ID = "event-id"
_JSON = {CONTENT_TYPE: "application/json"}
_CLOUD_EVENT = {CONTENT_TYPE: "application/cloudevents+json"}
PREDICTION_TYPE = "dev.yachay.prediction"
DEAD_LETTER_TYPE = "dev.yachay.dead-letter"
MAX_PAYLOAD_BYTES = 256 * 2**10
"""Of an event in its dead letter, which must fit into the sink together with the reason."""
MAX_DEAD_KEY = 256
"""Characters of the record's key that a dead letter has."""


def write_predictions(
    events: Sequence[Event], outputs: Mapping[str, Array], served: ServedModel, envelope: Envelope
) -> list[Message]:
    """Returns the messages of `N` predicted events.

    Args:
        events: sequence of `Event`.
        outputs: mapping of output to array `(N, ...)`.
        served: `ServedModel` that predicted.
        envelope: `Envelope`.
    """
    names = envelope.output_names
    values = {name: column for name, column in _columns(outputs, served.labels).items() if names[name]}
    model = _model(served)
    now = iso(datetime.now(UTC))
    messages = []
    for row, event in enumerate(events):
        fields: dict[str, Any] = {"key": event.key}
        fields |= {name: column[row] for name, column in values.items()}
        fields |= {"model": model, "event_id": event.id, "event_time": event.time, "predicted_at": now}
        if event.trace is not None:
            fields["trace"] = event.trace
        document = {names[name]: value for name, value in fields.items() if names[name]}
        messages.append(_message(event.id, event.record.key, document, event.trace, served.name, envelope, now))
    return messages


def write_dead_letter(
    record: Record, error: RequestError, served: ServedModel, envelope: Envelope, event: Event | None
) -> Message:
    """Returns the message of an event that has no prediction.

    Args:
        record: `Record`.
        error: `RequestError`. Why.
        served: `ServedModel`.
        envelope: `Envelope`.
        event: `Event`; None where the record holds none.
    """
    now = iso(datetime.now(UTC))
    payload = record.value[:MAX_PAYLOAD_BYTES]
    text, encoding = _payload(payload)
    identifier = event.id if event else record.id
    document: dict[str, Any] = {
        "event_id": identifier,
        "record_id": record.id,
        "reason": error.rejection.label,
        # The number of the row in its batch says nothing here.
        "error": str(error).replace(" (row 0)", ""),
        "payload": text,
        "payload_encoding": encoding,
        "payload_bytes": len(record.value),
        "event_time": event.time if event else iso(record.time),
        "rejected_at": now,
        "model": _model(served),
    }
    trace = event.trace if event else None
    if trace is not None:
        document["trace"] = trace
    return _message(
        identifier, record.key[:MAX_DEAD_KEY], document, trace, served.name, envelope, now, error.rejection.label
    )


def _payload(payload: bytes) -> tuple[str, str]:
    """Returns text as it is, and other bytes in base64; also control characters, of which JSON makes six bytes each."""
    with contextlib.suppress(UnicodeDecodeError):
        text = payload.decode()
        if len(orjson.dumps(text)) <= 2 * len(payload) + 2:
            return text, "utf-8"
    return base64.b64encode(payload).decode(), "base64"


def _message(
    identifier: str,
    key: str,
    document: Mapping[str, Any],
    trace: Any,
    source: str,
    envelope: Envelope,
    now: str,
    reason: str = "",
) -> Message:
    headers = _JSON
    if envelope.output == "cloudevent":
        headers = _CLOUD_EVENT
        document = {
            "specversion": "1.0",
            "id": identifier,
            "source": f"/yachay/{source}",
            "type": DEAD_LETTER_TYPE if reason else PREDICTION_TYPE,
            "time": now,
            "datacontenttype": "application/json",
            **({TRACE_HEADER: trace} if isinstance(trace, str) else {}),
            "data": document,
        }
    headers = {**headers, EVENT_ID: identifier}
    if isinstance(trace, str):
        headers[TRACE_HEADER] = trace
    return Message(identifier, key, orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS), reason, headers)


def _columns(outputs: Mapping[str, Array], labels: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Returns what is written of each output: the prediction, scores by label, and others by their names."""
    if "classes" in outputs:
        scores = _numbers(outputs["scores"]).reshape(outputs["scores"].shape)
        return {
            "prediction": outputs["classes"].tolist(),
            "scores": [dict(zip(labels, row, strict=True)) for row in scores.tolist()],
        }
    first = "outputs" if "outputs" in outputs else "scores"
    columns: dict[str, Sequence[Any]] = {"prediction": _numbers(outputs[first]).tolist()}
    others = {name: _numbers(values).tolist() for name, values in outputs.items() if name != first}
    if others:
        columns["outputs"] = [dict(zip(others, row, strict=True)) for row in zip(*others.values(), strict=True)]
    return columns


def _numbers(values: Array) -> Array:
    """Returns numbers of 32 bits as those of 64 with the fewest digits that stand for the same."""
    if values.dtype != np.float32:
        return values
    texts: Array = np.array(orjson.loads(orjson.dumps(values.ravel(), option=orjson.OPT_SERIALIZE_NUMPY)), np.float64)
    return texts.reshape(values.shape)


def _model(served: ServedModel) -> dict[str, str]:
    return {"name": served.name, "version": served.version}
