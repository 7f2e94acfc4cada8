"""Folds one after the other in this process, or side by side in processes of their own, with the same results."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import joblib  # type: ignore[import-untyped]

from ...errors import RunError

if TYPE_CHECKING:
    from ..splitter import Rows

logger = logging.getLogger(__name__)

START_SECONDS = 15.0
"""What a process costs before its first fold, in seconds: the imports of TensorFlow and the rest."""

MEMORY_SHARE = 0.8
"""The part of the available memory that processes may take."""

_LIMIT, _USED = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"

Result = TypeVar("Result", covariant=True)


class AnyWork(Protocol):
    """What goes to other processes pickled, once for each of them, with a method `run` of what differs."""

    @property
    def run(self) -> Callable[..., Any]:
        """Returns the method that does the work."""

    def needs_processes(self) -> bool:
        """Returns whether it must run in processes of its own to be the same wherever it runs."""

    def prepare(self) -> None:
        """Prepares a new process for it."""


class Work(Protocol[Result]):
    """What a fold is, such as `FoldWork`; an `AnyWork`."""

    def needs_processes(self) -> bool:
        """Returns whether folds must run in processes of their own to be the same wherever they run."""

    def prepare(self) -> None:
        """Prepares a new process for folds."""

    def run(self, number: int, train_rows: Rows, held_out: Rows) -> Result:
        """Trains on some rows and predicts others; folds are numbered from 1."""


_work: AnyWork


def run_folds(work: Work[Result], divided: Sequence[tuple[Rows, Rows]], workers: int | None = None) -> Iterator[Result]:
    """Yields the results of folds in their order.

    Args:
        work: `Work`.
        divided: sequence of the rows to train on and those held out, one pair a fold.
        workers: int or None. The number of folds at a time, as far as the memory allows. None runs the first in this
            process and then as many as there are processors, where that saves more than the start of theirs takes; work
            that needs processes of its own has as many as there are processors. Defaults to None.

    Raises:
        RunError: if a process ends before its fold.
        YachayError: what a fold raises.
    """
    numbered = [(number, *rows) for number, rows in enumerate(divided, start=1)]
    is_here = not work.needs_processes()
    if workers is None and not is_here:
        workers = joblib.cpu_count()
    elif workers is None:
        wall, processor = time.perf_counter(), time.process_time()
        first = work.run(*numbered.pop(0))
        # On a busy machine the wall shows the others' work, and more processes would have no processor to gain.
        seconds = min(time.perf_counter() - wall, time.process_time() - processor)
        yield first
        workers = worth_starting(len(numbered), seconds)
    workers = min(workers, len(numbered), processes_that_fit(workers))
    if workers < 2 and is_here:
        for fold in numbered:
            yield work.run(*fold)
    else:
        yield from _side_by_side(work, numbered, workers)


def worth_starting(num_folds: int, seconds: float) -> int:
    """Returns how many processes end the folds soonest, from the seconds that one takes."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        logger.info("Folds run one after the other: a GPU is here, which they would share")
        return 1
    workers: int = min(joblib.cpu_count(), num_folds)
    saved = seconds * (num_folds - math.ceil(num_folds / workers)) if workers else 0.0
    if saved <= START_SECONDS:
        logger.info(
            "Folds run one after the other: side by side they would save %.0f s of %.0f s", saved, START_SECONDS
        )
        return 1
    return workers


def processes_that_fit(workers: int) -> int:
    """Returns how many processes as large as this one was at most the memory has place for, at least one."""
    if workers < 2:
        return workers
    available, peak = available_memory(), _peak_memory()
    if available is None:
        logger.warning("One runs after the other: this system does not show how much memory is available")
        return 1
    fitting = max(int(MEMORY_SHARE * available / peak), 1)
    if fitting < workers:
        logger.warning("%d run side by side, not %d: %d MiB are free", fitting, workers, available >> 20)
    return fitting


def available_memory() -> int | None:
    """Returns the bytes that processes may still take, of this machine and of its control group; None if not known."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        available = int(fields["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError, ValueError):
        return None
    try:
        limit = Path(_LIMIT).read_text(encoding="ascii").strip()
        if limit != "max":
            available = min(available, int(limit) - int(Path(_USED).read_text(encoding="ascii")))
    except (OSError, ValueError):
        logger.debug("No limit of memory by a control group")
    return available


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def _side_by_side(work: Work[Result], numbered: Sequence[tuple[int, Rows, Rows]], workers: int) -> Iterator[Result]:
    logger.info("%d folds run in %d processes", len(numbered), workers)
    with processes(work, workers) as submit:
        for future in [submit(*fold) for fold in numbered]:
            yield future.result()


@contextlib.contextmanager
def processes(work: AnyWork, workers: int) -> Iterator[Callable[..., Future[Any]]]:
    """Starts processes, and gives the function that hands them arguments of `work.run`; after an error they are ended.

    Args:
        work: `AnyWork`.
        workers: int. The number of processes.

    Raises:
        RunError: if a process ends before its work.
    """
    others = set(multiprocessing.active_children())
    # Never forked: TensorFlow's threads and locks do not survive it.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(work,))
    try:
        yield functools.partial(pool.submit, _run)
    except BaseException as error:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise RunError(
                "Expected each process to end its work. Received: one that ended before, most often killed for its "
                "memory. Give it more, or run fewer at once (`yachay evaluate --workers 1`, `--set tune.parallel=1`). "
                'A script of your own must start its work below `if __name__ == "__main__":`, for each process '
                "imports it."
            ) from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start(work: AnyWork) -> None:
    """Prepares a process: the one that started it handles an interrupt, and none outlives that one."""
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work.prepare()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _run(*arguments: Any) -> Any:
    return _work.run(*arguments)
