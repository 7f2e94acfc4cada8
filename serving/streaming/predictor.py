"""From records to messages: read, checked, predicted together, written."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ..errors import Rejection, RequestError
from ..model import Caller, ServedModel
from .contract import Message, Record
from .envelope import Envelope, Event, read_event
from .outputs import write_dead_letter, write_predictions


class Predictor:
    """Makes one message of each record.

    Args:
        current: function that returns the `ServedModel` in service. One batch is predicted by one.
        envelope: `Envelope`.
        max_event_bytes: int. A larger record becomes a dead letter.
    """

    def __init__(self, current: Callable[[], ServedModel], envelope: Envelope, max_event_bytes: int) -> None:
        self._current = current
        self._envelope = envelope
        self._max_event_bytes = max_event_bytes

    def predict(self, records: Sequence[Record]) -> list[Message]:
        """Returns the messages of records, in their order: a prediction, or a dead letter with the reason."""
        served = self._current()
        messages: list[Message | None] = [None] * len(records)
        events: list[Event] = []
        places = []
        for place, record in enumerate(records):
            try:
                events.append(self._read(record))
                places.append(place)
            except RequestError as error:
                messages[place] = write_dead_letter(record, error, served, self._envelope, None)
        for place, message in zip(places, self._predict(served, events), strict=True):
            messages[place] = message
        return [message for message in messages if message is not None]

    def _read(self, record: Record) -> Event:
        if len(record.value) > self._max_event_bytes:
            raise RequestError(
                Rejection.BODY_TOO_LARGE,
                f"Expected an event of at most {self._max_event_bytes:,} bytes. Received: {len(record.value):,}.",
            )
        return read_event(record, self._envelope)

    def _predict(self, served: ServedModel, events: Sequence[Event]) -> list[Message]:
        """Predicts events together; where that fails, in halves, until only what is invalid is left out."""
        if not events:
            return []
        try:
            inputs = served.inputs.check_rows([event.features for event in events])
            now = datetime.now(UTC)
            outputs = served.predict_events(inputs, [Caller(event.id, "stream", now) for event in events])
        except RequestError as error:
            if len(events) == 1:
                return [write_dead_letter(events[0].record, error, served, self._envelope, events[0])]
            middle = len(events) // 2
            return [*self._predict(served, events[:middle]), *self._predict(served, events[middle:])]
        return write_predictions(events, outputs, served, self._envelope)
