"""`python -m yachay.serving.streaming`: the stream consumer in its image, and behind `yachay stream`."""

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import FrameType
from typing import Any

from ...errors import ConfigurationError, UsageError, YachayError
from ..prediction_log import prediction_log
from .consumer import Consumer
from .contract import Record
from .endpoints import open_delivery, open_source
from .envelope import TRACE_HEADER
from .model import serve
from .predictor import Predictor
from .probes import Probes
from .settings import StreamSettings, make_parser, read_settings

FAILED = 1
REJECTED = 2
MAX_SILENT_SECONDS = 660.0
"""How long a batch may take, a delivery that waits for a broker among it, until the process counts as dead."""

logger = logging.getLogger("yachay.serving.streaming")


def main(arguments: Sequence[str]) -> int:
    """Runs a stream until it is stopped, or to the end of its source, and returns the exit status.

    Args:
        arguments: sequence of strings. The command line without the program.
    """
    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("yachay").setLevel("INFO")
    logging.getLogger("yachay.kafka").setLevel("WARNING")
    try:
        options = make_parser().parse_args(arguments)
        settings = read_settings(options)
        settings.open_model_source().newest()
        log = prediction_log(options)
        with contextlib.ExitStack() as stack:
            if log is not None:
                stack.callback(log.close)
            _run(settings, log, stack)
    except YachayError as error:
        print(f"Error: {error}", file=sys.stderr)
        return REJECTED if isinstance(error, UsageError | ConfigurationError) else FAILED
    return 0


def _run(settings: StreamSettings, log: Any, stack: contextlib.ExitStack) -> None:
    observers = [] if log is None else [log]
    model = serve(
        settings.model_name, settings.open_model_source(), settings.limits, observers, settings.trust,
        settings.poll_seconds,
    )  # fmt: skip
    if log is not None:
        log.check_features(model.current().features)
    span = _tracing(settings, stack)
    source = open_source(settings.source, settings.reader)
    stack.callback(source.close)
    delivery = open_delivery(source, settings.reader, settings.source, settings.sink, settings.dead_letters)
    stack.callback(delivery.close)
    consumer = Consumer(
        settings.model_name,
        source,
        Predictor(model.current, settings.envelope, settings.max_event_bytes),
        delivery,
        settings.limits.max_rows,
        settings.reader.once,
        **({"span": span} if span else {}),
    )
    if settings.metrics_port:
        probes = Probes(
            settings.host,
            settings.metrics_port,
            lambda: time.monotonic() - consumer.beat < MAX_SILENT_SECONDS,
            lambda: model.ready and consumer.is_reading,
        )
        stack.callback(probes.close)
    served = model.current()
    logger.info(
        "%s, version %s, family %s: %s to %s, %s",
        served.name, served.version, served.family, settings.source.uri, settings.sink.uri,
        "at least once" if type(delivery).__name__ == "AtLeastOnce" else "exactly once",
    )  # fmt: skip
    started = time.monotonic()
    with _stopped_by_signals(consumer):
        consumer.run()
    seconds = time.monotonic() - started
    logger.info(
        "%d predictions, %d dead letters in %.1f s (%.0f events a second)",
        consumer.num_predicted, consumer.num_dead, seconds, (consumer.num_predicted + consumer.num_dead) / seconds,
    )  # fmt: skip


@contextlib.contextmanager
def _stopped_by_signals(consumer: Consumer) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        consumer.stop()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _tracing(
    settings: StreamSettings, stack: contextlib.ExitStack
) -> Callable[[list[Record]], AbstractContextManager[Any]] | None:
    if not settings.is_traced:
        return None
    from ..tracing import batch_span, start_tracing

    tracer, provider = start_tracing(settings.model_name)
    stack.callback(provider.shutdown)
    span = partial(batch_span, tracer, settings.model_name, settings.source.uri)
    return lambda records: span([each.headers[TRACE_HEADER] for each in records if TRACE_HEADER in each.headers])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
