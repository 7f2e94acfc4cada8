"""The model of a stream: the newest version, followed in a thread as the server follows it."""

import asyncio
import threading
from collections.abc import Sequence

from ...errors import ModelError
from ..contract import PredictionObserver
from ..hot_swap import HotSwap
from ..lean import load_lean
from ..limits import Limits
from ..model import ServedModel
from ..store import ModelSource
from ..trust import Trust


class StreamModel:
    """Where the version in service stands (`ModelSlot`).

    Args:
        name: string.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready = False
        self.served: ServedModel | None = None

    def current(self) -> ServedModel:
        """Returns the version in service.

        Raises:
            ModelError: if there is none.
        """
        if self.served is None:
            raise ModelError(f"Expected a version of {self.name!r} in service. Received: none.")
        return self.served

    def swap(self, served: ServedModel) -> ServedModel | None:
        """Puts a version into service, and returns the one that was; a batch is predicted by one of them."""
        former, self.served, self.ready = self.served, served, True
        return former


def serve(
    name: str,
    source: ModelSource,
    limits: Limits,
    observers: Sequence[PredictionObserver],
    trust: Trust,
    poll_seconds: float,
) -> StreamModel:
    """Returns the model with the newest version in service; newer ones are put there once they come.

    Raises:
        UsageError: if there is none.
        YachayError: what is wrong with the newest one, if none can be used.
    """
    model = StreamModel(name)
    swap = HotSwap(model, source, limits, observers, trust, load_lean)
    swap.load_first()
    if source.is_followed:
        threading.Thread(target=lambda: asyncio.run(swap.follow(poll_seconds)), name="hot-swap", daemon=True).start()
    return model
