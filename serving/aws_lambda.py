"""`yachay.serving.aws_lambda.handler`: a Lambda function behind an event source mapping of Kinesis.

The mapping must have `FunctionResponseTypes: [ReportBatchItemFailures]`: what is not acknowledged by the sink is then
tried again, and no more. The function's environment says the rest:

- `YACHAY_MODEL_DIR`: a push, a store of pushes or a SavedModel, of which the newest version at the start predicts.
  Defaults to `/opt/model`.
- `YACHAY_MODEL_NAME`. Defaults to `model`.
- `YACHAY_STREAM_TO`, `YACHAY_STREAM_DEAD_LETTER`: sinks (`serving.streaming.endpoints`).
- `YACHAY_STREAM_ENVELOPE`: an `Envelope` in JSON.
- `YACHAY_CONTENT_HASH`, `YACHAY_ALLOW_UNCHECKED`: as the server's flags.

A model of trees is loaded without TensorFlow, in the time that Lambda gives a function to start.
"""

import base64
import functools
import logging
import os
from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..errors import ConfigurationError
from ..model_store.integrity import CONTENT_HASH_VARIABLE
from .flags import boolean
from .lean import load_lean
from .limits import Limits
from .model import ServedModel
from .store import open_source
from .streaming.contract import Record
from .streaming.delivery import write
from .streaming.endpoints import open_sinks, parse_endpoint
from .streaming.envelope import Envelope
from .streaming.errors import SinkError
from .streaming.predictor import Predictor
from .trust import Trust

MAX_BATCH_EVENTS = 10_000
"""The most that a mapping of Kinesis hands over at once."""
MAX_EVENT_BYTES = 10 * 2**20

Json = dict[str, Any]

logger = logging.getLogger(__name__)


class Function:
    """What a container of the function keeps between its calls.

    Args:
        environment: mapping of the variables above.

    Raises:
        ConfigurationError: if a variable cannot be used.
        YachayError: if there is no model, or it cannot be loaded.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        to = environment.get("YACHAY_STREAM_TO", "")
        if not to:
            raise ConfigurationError("Expected YACHAY_STREAM_TO to name the sink of predictions. Received: none.")
        envelope = Envelope.from_json(environment.get("YACHAY_STREAM_ENVELOPE") or "{}")
        dead = environment.get("YACHAY_STREAM_DEAD_LETTER", "")
        self._sink, self._dead_letters = open_sinks(parse_endpoint(to), parse_endpoint(dead) if dead else None)
        served = _load(environment)
        self._predictor = Predictor(lambda: served, envelope, MAX_EVENT_BYTES)

    def handle(self, event: Mapping[str, Any]) -> Json:
        """Returns what of a batch is to be tried again: everything from its first record without acknowledgement.

        Raises:
            ConfigurationError: if it is no batch of Kinesis.
        """
        try:
            records = [_record(each) for each in event["Records"]]
        except (KeyError, TypeError) as error:
            raise ConfigurationError(
                f"Expected a batch of an event source mapping of Kinesis. Received: an event without {error}."
            ) from None
        try:
            write(self._predictor.predict(records), self._sink, self._dead_letters)
        except SinkError as error:
            logger.error("%s", error)
            first = event["Records"][min(error.failed)]["kinesis"]["sequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": first}]}
        return {"batchItemFailures": []}


def handler(event: Mapping[str, Any], context: object) -> Json:
    """Predicts a batch of records of Kinesis.

    Args:
        event: mapping. A batch of an event source mapping.
        context: Lambda's own.

    Raises:
        YachayError: if there is no model or no sink; Lambda then tries the whole batch again.
    """
    return _function().handle(event)


@functools.cache
def _function() -> Function:
    return Function(os.environ)


def _load(environment: Mapping[str, str]) -> ServedModel:
    try:
        is_unchecked_allowed = boolean(environment.get("YACHAY_ALLOW_UNCHECKED") or "false")
    except ArgumentTypeError as error:
        raise ConfigurationError(f"Expected YACHAY_ALLOW_UNCHECKED to be true or false: {error}.") from None
    trust = Trust(environment.get(CONTENT_HASH_VARIABLE, ""), is_unchecked_allowed)
    version = open_source(environment.get("YACHAY_MODEL_DIR") or "/opt/model").newest()
    with trust.checked(version) as path:
        loaded = load_lean(path)
    limits = Limits(max_rows=MAX_BATCH_EVENTS, max_batch_rows=MAX_BATCH_EVENTS)
    return ServedModel(environment.get("YACHAY_MODEL_NAME") or "model", version.version, version.path, loaded, limits)


def _record(entry: Mapping[str, Any]) -> Record:
    kinesis = entry["kinesis"]
    return Record(
        id=entry["eventID"],
        key=kinesis["partitionKey"],
        value=base64.b64decode(kinesis["data"]),
        time=datetime.fromtimestamp(kinesis["approximateArrivalTimestamp"], UTC),
    )


if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    # While a container starts it has more of the processor than it is paid for.
    _function()
