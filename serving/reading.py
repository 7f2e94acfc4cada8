"""Reads requests: small ones in the event loop, large ones in a thread, one at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .bodies import MAX_LOOP_BYTES
from .errors import Rejection, RequestError
from .kserve_model import NamedModel
from .model import ServedModel

T = TypeVar("T")


class RequestReader:
    """Reads requests as the model in service takes them.

    A large body takes milliseconds: where they were spent in the event loop, all other requests would wait for it.

    Args:
        model: `NamedModel`.
    """

    def __init__(self, model: NamedModel) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(1, "read")

    async def read(self, num_bytes: int, read: Callable[[ServedModel], T]) -> tuple[ServedModel, T]:
        """Returns the version in service and what was read for it.

        Args:
            num_bytes: int. The size of the body.
            read: function of the version in service.

        Raises:
            RequestError: if there is no version in service, or what was sent does not fit it.
        """
        if num_bytes <= MAX_LOOP_BYTES:
            served = self._model.current()
            return served, read(served)
        while True:
            served = self._model.current()
            result = await self.run(lambda: read(served))  # noqa: B023
            # A newer version may take other features; the former one predicts no more.
            if served is self._model.served:
                return served, result

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Returns the future of work that is done in the thread; where it is cancelled first, it is not."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work)


class Budget:
    """The bytes of all bodies that are on their way or being read.

    Args:
        max_bytes: int.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._num_bytes = 0

    def take(self, num_bytes: int) -> None:
        """Takes bytes.

        Raises:
            RequestError: if there are too few left.
        """
        if self._num_bytes + num_bytes > self._max_bytes:
            raise RequestError(
                Rejection.OVERLOADED,
                f"Expected room for the body: all together may have {self._max_bytes:,} bytes. Received: too many at "
                "once. Try again later.",
            )
        self._num_bytes += num_bytes

    def give_back(self, num_bytes: int) -> None:
        """Gives bytes back."""
        self._num_bytes -= num_bytes
