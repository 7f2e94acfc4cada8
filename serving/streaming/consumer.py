"""The loop of a stream: read, predict, deliver, commit, one batch at a time.

No more than a batch is in memory, and nothing is read while a sink is slow.
"""

import collections
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

from . import metrics
from .contract import Record, Source
from .delivery import Delivery
from .predictor import Predictor

IDLE_SECONDS = 1.0
REPORT_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Consumer:
    """Runs a stream.

    Args:
        model_name: string.
        source: `Source`.
        predictor: `Predictor`.
        delivery: `Delivery`.
        max_records: int. The most records of a batch.
        once: bool. Whether to end at the end of the source.
        span: function of the records of a batch that gives its trace. Defaults to none.
    """

    def __init__(
        self,
        model_name: str,
        source: Source,
        predictor: Predictor,
        delivery: Delivery,
        max_records: int,
        once: bool,
        span: Callable[[list[Record]], AbstractContextManager[Any]] = lambda records: nullcontext(),
    ) -> None:
        self._model_name = model_name
        self._source = source
        self._predictor = predictor
        self._delivery = delivery
        self._max_records = max_records
        self._once = once
        self._span = span
        self._stopping = threading.Event()
        self.beat = time.monotonic()
        """When the loop last went round, by `time.monotonic`."""
        self.is_reading = False
        """Whether the source has been read."""
        self._predicted = metrics.EVENTS.labels(model_name, "predicted")
        self._dead = metrics.EVENTS.labels(model_name, "dead")
        self._lag = metrics.LAG.labels(model_name, source.unit)
        self._age = metrics.AGE.labels(model_name)
        self._predict_seconds = metrics.SECONDS.labels(model_name, "predict")
        self._deliver_seconds = metrics.SECONDS.labels(model_name, "deliver")
        self._latency = metrics.LATENCY.labels(model_name)
        self.num_predicted = self.num_dead = 0

    def stop(self) -> None:
        """Asks it to finish the batch that it is at and end; from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Runs until it is stopped, or with `once` to the end of the source.

        Raises:
            StreamError: if the source cannot be read, or a sink does not acknowledge.
        """
        reported = 0.0
        while not self._stopping.is_set():
            records = self._source.read(self._max_records, IDLE_SECONDS)
            self.beat, self.is_reading = time.monotonic(), True
            self._lag.set(self._source.lag())
            if records:
                self._process(list(records))
            elif self._once and self._source.is_at_end():
                break
            if self.num_dead and time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                logger.warning("%d of %d events were dead letters.", self.num_dead, self.num_dead + self.num_predicted)

    def _process(self, records: list[Record]) -> None:
        oldest = min(record.time for record in records)
        self._age.set(_seconds_since(oldest))
        with self._span(records):
            with self._predict_seconds.time():
                messages = self._predictor.predict(records)
            with self._deliver_seconds.time():
                is_delivered = self._delivery.deliver(messages)
        if not is_delivered:
            return
        reasons = collections.Counter(message.reason for message in messages if message.is_dead)
        for reason, num_events in reasons.items():
            metrics.DEAD_LETTERS.labels(self._model_name, reason).inc(num_events)
        num_dead = reasons.total()
        self.num_dead += num_dead
        self.num_predicted += len(messages) - num_dead
        self._dead.inc(num_dead)
        self._predicted.inc(len(messages) - num_dead)
        self._latency.observe(_seconds_since(oldest))
        self._age.set(0)


def _seconds_since(time: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - time).total_seconds())
