"""Natural micro-batching: what queued while the model was busy is its next batch. Nothing waits for a timer.

A model that takes longer than a hand-over between two threads predicts in a thread of its own. One that does not
predicts in the event loop: its batch is what came in one round of the loop, and a round has one batch.
"""

import asyncio
import dataclasses
import itertools
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .contract import Array
from .errors import Rejection, RequestError
from .inputs import Inputs

logger = logging.getLogger(__name__)

Outputs = Mapping[str, Array]
Watched = list[tuple[Mapping[str, Array], Outputs]]
MAX_QUEUED_BATCHES = 32


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """A request that waits for its outputs.

    Args:
        inputs: `Inputs`.
        predicted: function of the outputs. Called in the event loop or the thread, where it was predicted, after the
            response is on its way.
        future: future of the outputs.
    """

    inputs: Inputs
    predicted: Callable[[Outputs], None]
    future: asyncio.Future[Outputs]

    def resolve(self, result: Outputs | Exception) -> None:
        """Sets the outputs, in the event loop."""
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


class Batcher:
    """Predicts what is queued, in batches.

    Args:
        predict: function of a dict of group (`Feature.group`) to array `(F, N)` or `(F, N, steps)` that returns a
            dict of output name to array `(N, ...)`.
        max_rows: int. The most rows of a batch; a request with more is a batch of its own.
        watch: function of what `predict` took and returned. Called after the responses are on their way.
        max_loop_rows: int. The most rows that are predicted in one round of the event loop, at most `max_rows`; a
            request with more, and where it is 0 each, is predicted in a thread.

    Attributes:
        max_loop_rows: int.
    """

    def __init__(
        self,
        predict: Callable[[Mapping[str, Array]], Outputs],
        max_rows: int,
        watch: Callable[[Mapping[str, Array], Outputs], None],
        max_loop_rows: int,
    ) -> None:
        self._predict = predict
        self._max_rows = max_rows
        self._watch = watch
        self.max_loop_rows = min(max_loop_rows, max_rows)
        self._collected: deque[Job] = deque()
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._next: Job | None = None
        self._closing = False
        self._num_queued_rows = 0
        self._thread = threading.Thread(target=self._run, name="predict", daemon=True)
        self._thread.start()

    def submit(self, inputs: Inputs, predicted: Callable[[Outputs], None]) -> asyncio.Future[Outputs]:
        """Returns the future of the outputs of inputs; it has a `RequestError` where the model fails on them.

        Raises:
            RequestError: if too much is queued.
        """
        if self._num_queued_rows > MAX_QUEUED_BATCHES * self._max_rows:
            raise RequestError(
                Rejection.OVERLOADED, "Expected room in the queue. Received: a full one. Try again later."
            )
        loop = asyncio.get_running_loop()
        job = Job(inputs, predicted, loop.create_future())
        self._num_queued_rows += inputs.num_rows
        if inputs.num_rows <= self.max_loop_rows:
            self._collected.append(job)
            if len(self._collected) == 1:
                loop.call_soon(self._predict_collected, loop)
        else:
            self._queue.put(job)
        return job.future

    def close(self) -> None:
        """Predicts what is queued and ends the thread."""
        self._queue.put(None)
        self._thread.join()

    def _predict_collected(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs: list[Job] = []
        num_rows = 0
        while self._collected and num_rows + self._collected[0].inputs.num_rows <= self.max_loop_rows:
            jobs.append(self._collected.popleft())
            num_rows += jobs[-1].inputs.num_rows
        self._leave(num_rows)
        jobs = _waiting(jobs)
        watched: Watched = []
        results = self._predict_all(jobs, watched)
        _resolve(jobs, results)
        loop.call_soon(self._watch_all, jobs, results, watched)
        if self._collected:
            loop.call_soon(self._predict_collected, loop)

    def _run(self) -> None:
        while jobs := self._take():
            watched: Watched = []
            loop, num_rows = jobs[0].future.get_loop(), sum(job.inputs.num_rows for job in jobs)
            jobs = _waiting(jobs)
            results = self._predict_all(jobs, watched)
            loop.call_soon_threadsafe(self._leave, num_rows)
            loop.call_soon_threadsafe(_resolve, jobs, results)
            self._watch_all(jobs, results, watched)

    def _leave(self, num_rows: int) -> None:
        # A cancelled request is in the queue until it is taken out of it.
        self._num_queued_rows -= num_rows

    def _take(self) -> list[Job]:
        """Returns what is queued, at most a batch; nothing once the batcher is closed and empty."""
        first = self._next or (None if self._closing else self._queue.get())
        self._next = None
        if first is None:
            return []
        jobs, num_rows = [first], first.inputs.num_rows
        while not self._closing and num_rows < self._max_rows:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._closing = True
            elif num_rows + job.inputs.num_rows > self._max_rows:
                self._next = job
                break
            else:
                jobs.append(job)
                num_rows += job.inputs.num_rows
        return jobs

    def _predict_all(self, jobs: Sequence[Job], watched: Watched) -> Sequence[Outputs | Exception]:
        if not jobs:
            return []
        try:
            matrices = _concatenated([job.inputs for job in jobs])
            outputs = self._predict(matrices)
        except Exception as error:
            if len(jobs) == 1:
                return [error]
            # One request's rows must not fail another's.
            return [result for job in jobs for result in self._predict_all([job], watched)]
        watched.append((matrices, outputs))
        parts = _split(outputs, [job.inputs.num_rows for job in jobs])
        return parts if _are_finite(outputs) else [checked(part) for part in parts]

    def _watch_all(self, jobs: Sequence[Job], results: Sequence[Outputs | Exception], watched: Watched) -> None:
        try:
            for matrices, outputs in watched:
                self._watch(matrices, outputs)
            for job, result in zip(jobs, results, strict=True):
                if not isinstance(result, Exception) and not job.future.cancelled():
                    job.predicted(result)
        except Exception:
            logger.exception("A batch was predicted but not watched")


def _waiting(jobs: Sequence[Job]) -> list[Job]:
    """Returns the requests whose clients have not gone away."""
    return [job for job in jobs if not job.future.cancelled()]


def _resolve(jobs: Sequence[Job], results: Sequence[Outputs | Exception]) -> None:
    for job, result in zip(jobs, results, strict=True):
        job.resolve(result)


def _concatenated(inputs: Sequence[Inputs]) -> Mapping[str, Array]:
    if len(inputs) == 1:
        return inputs[0].matrices
    return {group: np.concatenate([each.matrices[group] for each in inputs], axis=1) for group in inputs[0].matrices}


def _split(outputs: Outputs, sizes: Sequence[int]) -> list[Outputs]:
    if len(sizes) == 1:
        return [outputs]
    ends = itertools.accumulate(sizes)
    places = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    return [{name: values[place] for name, values in outputs.items()} for place in places]


def checked(outputs: Outputs) -> Outputs | RequestError:
    """Returns outputs, or why they are none: not all of their numbers are finite."""
    if _are_finite(outputs):
        return outputs
    return RequestError(
        Rejection.PREDICTION_FAILED,
        "Expected rows for which the model predicts finite numbers. Received: values too large for it. "
        "Compare them with the training data.",
    )


def _are_finite(outputs: Outputs) -> bool:
    return all(np.isfinite(values).all() for values in outputs.values() if values.dtype.kind == "f")
