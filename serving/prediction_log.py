"""The prediction log: what was asked and what was predicted, in files, without a request ever waiting for it."""

import argparse
import dataclasses
import hashlib
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pyarrow as pa
from prometheus_client import Counter

from ..errors import ConfigurationError
from .contract import Feature, Prediction
from .prediction_files import Format, RecordFolder, Retention
from .prediction_records import HASH_KEY, MODEL_COLUMN, Redaction, num_rows, read_key, to_table

MAX_WAITING_ROWS = 50_000
DRAIN_SECONDS = 0.2
RETRY_SECONDS = 10.0
REPORT_SECONDS = 60.0
REMOVAL_SECONDS = 600.0

REASONS = (OVERFLOW, UNREADABLE, UNWRITABLE) = ("overflow", "unreadable", "unwritable")

LOGGED = Counter("yachay_prediction_log_rows", "Rows in finished files of the prediction log", ["model_name"])
DROPPED = Counter(
    "yachay_prediction_log_dropped", "Rows that the prediction log lost, by reason", ["model_name", "reason"]
)

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class PredictionLogOptions:
    """Where and how predictions are logged.

    Args:
        folder: path. Made where it is absent.
        format: `"parquet"` or `"jsonl"`. Defaults to `"parquet"`.
        sample: float in (0, 1]. Share of the requests that are logged, chosen by the hash of the request id, so that
            every replica chooses alike. Defaults to 1.
        redaction: `Redaction`. Defaults to none.
        rotate_mib: float. Memory of the records at which a file is written. Defaults to 64.
        rotate_seconds: float. Age of the first record at which a file is written; a process that is killed outright
            loses no more than this. Defaults to 300.
        retention: `Retention`. How long files are kept. Defaults to keeping all.

    Raises:
        ConfigurationError: if a value is out of its range.
    """

    folder: Path
    format: Format = "parquet"
    sample: float = 1.0
    redaction: Redaction = dataclasses.field(default_factory=Redaction)
    rotate_mib: float = 64.0
    rotate_seconds: float = 300.0
    retention: Retention = dataclasses.field(default_factory=Retention)

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise ConfigurationError(
                f"Expected the format of the prediction log to be one of {', '.join(get_args(Format))}. "
                f"Received: {self.format!r}."
            )
        if not 0 < self.sample <= 1:
            raise ConfigurationError(
                f"Expected a share of requests to log above 0 and up to 1. Received: {self.sample}. "
                "Name no folder to log none."
            )
        for name in ("rotate_mib", "rotate_seconds"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"Expected {name} above 0. Received: {getattr(self, name)}.")


class PredictionLog:
    """Watches predictions (`contract.PredictionObserver`) and writes them to files in a thread of its own.

    What cannot be taken or written is dropped, counted in `yachay_prediction_log_dropped_total` and said at most once a
    minute; serving goes on.

    Args:
        options: `PredictionLogOptions`.

    Raises:
        ConfigurationError: if the folder cannot be written to.
    """

    def __init__(self, options: PredictionLogOptions) -> None:
        self._options = options
        self._files = RecordFolder(options.folder, options.format, options.retention)
        self._lock = threading.Lock()
        self._waiting: deque[Prediction] = deque()
        self._waiting_rows = 0
        self._tables: list[pa.Table] = []
        self._size = 0
        self._oldest = self._retry_at = self._remove_at = 0.0
        self._reported_at = -REPORT_SECONDS
        self._dropped_rows = 0
        self._trouble = ""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def check_features(self, features: Iterable[Feature]) -> None:
        """Raises a `ConfigurationError` if the redaction names what is no feature."""
        self._options.redaction.check(features)

    def record(self, prediction: Prediction) -> None:
        """Takes a prediction without waiting."""
        if not self._is_sampled(prediction.request_id):
            return
        rows = num_rows(prediction)
        with self._lock:
            if self._waiting_rows + rows <= MAX_WAITING_ROWS:
                self._waiting.append(prediction)
                self._waiting_rows += rows
                return
        self._drop(prediction.model_name, rows, OVERFLOW, "predictions come faster than they can be written")

    def close(self) -> None:
        """Writes what is waiting and ends the thread."""
        self._closing.set()
        self._thread.join()

    def _is_sampled(self, request_id: str) -> bool:
        digest = hashlib.blake2b(request_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest) < self._options.sample * 2**64

    def _run(self) -> None:
        while not self._closing.wait(DRAIN_SECONDS):
            self._drain()
            if self._is_due():
                self._write()
            if time.monotonic() >= self._remove_at:
                self._remove_old()
            if time.monotonic() - self._reported_at >= REPORT_SECONDS:
                self._report()
        self._drain()
        self._write(last=True)
        self._report()

    def _drain(self) -> None:
        with self._lock:
            taken, self._waiting = self._waiting, deque()
            self._waiting_rows = 0
        for (name, _), group in itertools.groupby(taken, lambda each: (each.model_name, each.model_version)):
            for reason in REASONS:
                # From the start on, as a rate needs the 0 before the first.
                DROPPED.labels(name, reason)
            predictions = list(group)
            try:
                table = to_table(predictions, self._options.redaction)
            # The thread must outlive whatever it is given.
            except (ValueError, TypeError, KeyError) as error:
                self._drop(name, sum(map(num_rows, predictions)), UNREADABLE, str(error))
                continue
            if not self._tables:
                self._oldest = time.monotonic()
            self._tables.append(table)
            self._size += table.nbytes

    def _is_full(self) -> bool:
        return self._size >= self._options.rotate_mib * 2**20

    def _is_due(self) -> bool:
        now = time.monotonic()
        is_old = bool(self._tables) and now - self._oldest >= self._options.rotate_seconds
        return now >= self._retry_at and (is_old or self._is_full())

    def _write(self, last: bool = False) -> None:
        """Writes a file for each run of tables of one schema; what cannot be written waits while there is room."""
        while self._tables:
            run = list(itertools.takewhile(lambda table: table.schema == self._tables[0].schema, self._tables))
            table = pa.concat_tables(run)
            model_name = table[MODEL_COLUMN][0].as_py()
            try:
                self._files.write(table)
            except OSError as error:
                self._retry_at = time.monotonic() + RETRY_SECONDS
                self._trouble = f"{self._options.folder} cannot be written to: {error.strerror or error}"
                if not last and not self._is_full():
                    return
                self._drop(model_name, table.num_rows, UNWRITABLE, self._trouble)
            else:
                LOGGED.labels(model_name).inc(table.num_rows)
                self._remove_at = 0.0
            del self._tables[: len(run)]
            self._size -= sum(each.nbytes for each in run)

    def _remove_old(self) -> None:
        self._remove_at = time.monotonic() + REMOVAL_SECONDS
        try:
            removed = self._files.remove_old()
        except OSError as error:
            self._trouble = f"a file that is too old cannot be removed: {error}"
        else:
            if removed:
                logger.info("Prediction log: %d files were removed, the last of them %s.", len(removed), removed[-1])

    def _drop(self, model_name: str, rows: int, reason: str, trouble: str) -> None:
        DROPPED.labels(model_name, reason).inc(rows)
        with self._lock:
            self._dropped_rows += rows
        self._trouble = trouble

    def _report(self) -> None:
        """Says what is wrong; the threads that predict only note it, as a log can block."""
        if not self._trouble:
            return
        with self._lock:
            rows, self._dropped_rows = self._dropped_rows, 0
        logger.warning("Prediction log: %s. %d rows were dropped since it was last said.", self._trouble, rows)
        self._trouble = ""
        self._reported_at = time.monotonic()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the prediction log."""
    group = parser.add_argument_group("prediction log")
    group.add_argument("--prediction_log", type=Path, metavar="DIR", help="log requests and predictions to this folder")
    group.add_argument("--prediction_log_format", choices=get_args(Format), default="parquet")
    group.add_argument("--prediction_log_sample", type=float, default=1.0, metavar="SHARE", help="of the requests")
    group.add_argument("--prediction_log_drop", type=_names, default=(), metavar="A,B", help="features to leave out")
    group.add_argument(
        "--prediction_log_hash", type=_names, default=(), metavar="A,B", help="features to hash with a key"
    )
    group.add_argument("--prediction_log_key_file", type=Path, metavar="FILE", help=f"of the key (or {HASH_KEY})")
    group.add_argument("--prediction_log_rotate_mib", type=float, default=64.0, metavar="MIB")
    group.add_argument("--prediction_log_rotate_seconds", type=float, default=300.0, metavar="SECONDS")
    group.add_argument("--prediction_log_keep_days", type=float, default=0.0, metavar="DAYS", help="0 keeps all")
    group.add_argument("--prediction_log_keep_mib", type=float, default=0.0, metavar="MIB", help="0 is no limit")


def prediction_log(arguments: argparse.Namespace) -> PredictionLog | None:
    """Returns the prediction log that the flags ask for, None for none.

    Raises:
        ConfigurationError: if the flags do not fit or the folder cannot be written to.
    """
    if arguments.prediction_log is None:
        return None
    redaction = Redaction(
        frozenset(arguments.prediction_log_drop),
        frozenset(arguments.prediction_log_hash),
        read_key(arguments.prediction_log_key_file),
    )
    return PredictionLog(
        PredictionLogOptions(
            folder=arguments.prediction_log,
            format=arguments.prediction_log_format,
            sample=arguments.prediction_log_sample,
            redaction=redaction,
            rotate_mib=arguments.prediction_log_rotate_mib,
            rotate_seconds=arguments.prediction_log_rotate_seconds,
            retention=Retention(arguments.prediction_log_keep_days, arguments.prediction_log_keep_mib),
        )
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
