"""Follows a source of models: a new version is loaded, warmed and swapped in while the old one predicts."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import ModelError, UsageError, YachayError
from ..model_store.integrity import BrokenPushError, IntegrityError
from . import metrics
from .contract import PredictionObserver
from .limits import Limits
from .loaded_model import LoadedModel
from .model import ModelSlot, ServedModel
from .store import ModelSource, ModelVersion
from .trust import Trust

MAX_POLL_SECONDS = 60.0

logger = logging.getLogger(__name__)


class HotSwap:
    """Keeps the newest version in service.

    Args:
        model: `ModelSlot`. Where versions are put into service.
        source: `ModelSource`.
        limits: `Limits`.
        observers: sequence of `PredictionObserver`.
        trust: `Trust`. What a version must show before it is loaded.
        load: function of the folder of a SavedModel that returns the `LoadedModel`.
    """

    def __init__(
        self,
        model: ModelSlot,
        source: ModelSource,
        limits: Limits,
        observers: Sequence[PredictionObserver],
        trust: Trust,
        load: Callable[[Path], LoadedModel],
    ) -> None:
        self._model = model
        self._source = source
        self._limits = limits
        self._observers = tuple(observers)
        self._trust = trust
        self._load_model = load
        self._rejected: object = None

    def load_first(self) -> None:
        """Puts the newest version that can be used into service before the server starts.

        Raises:
            UsageError: if there is none.
            YachayError: what is wrong with the newest one, if none can be used.
        """
        below: str | None = None
        first: YachayError | None = None
        while True:
            try:
                version = self._source.newest(below)
            except UsageError:
                if first is None:
                    raise
                raise first from None
            except BrokenPushError as error:
                metrics.UNTRUSTED.labels(self._model.name).inc()
                metrics.LOAD_FAILURES.labels(self._model.name).inc()
                first, below = first or error, str(error.version)
                logger.error("%s The version before is tried.", error)
                continue
            try:
                self._put(self._load(version))
                return
            except ModelError as error:
                metrics.LOAD_FAILURES.labels(self._model.name).inc()
                if not self._source.is_followed:
                    raise
                if first is None:
                    first = error
                    self._rejected = (version, version.fingerprint())
                logger.error("%s Version %s is not used: the one before is tried.", error, version.version)
                below = version.version

    async def follow(self, poll_seconds: float) -> None:
        """Looks for a newer version again and again.

        A trouble is logged and counted once; while it lasts the store is looked at ever less often.
        """
        seconds, known = poll_seconds, ""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.update()
            except Exception as error:  # Whatever is wrong with a store, the one in service must go on being followed.
                seconds = max(poll_seconds, min(2 * seconds, MAX_POLL_SECONDS))
                if str(error) == known:
                    continue
                known = str(error)
                metrics.LOAD_FAILURES.labels(self._model.name).inc()
                if isinstance(error, BrokenPushError):
                    metrics.UNTRUSTED.labels(self._model.name).inc()
                kept = self._model.served
                logger.error("%s Version %s stays in service.", error, kept.version if kept else None)
            else:
                seconds, known = poll_seconds, ""

    async def update(self, again: bool = False) -> None:
        """Puts the newest version into service if it is not, nor was rejected as it stands.

        Args:
            again: bool. Whether also one that was rejected, or is in service, is loaded. Defaults to False.

        Raises:
            UsageError: if there is none.
            ModelError: if it cannot be loaded; the one in service stays.
        """
        version = await asyncio.to_thread(self._source.newest)
        if not again:
            if not self._model.ready:  # A client took it out of service.
                return
            if self._model.served is not None and version.version == self._model.served.version:
                return
            if (version, version.fingerprint()) == self._rejected:
                return
        try:
            served = await asyncio.to_thread(self._load, version)
        except ModelError:
            self._rejected = (version, version.fingerprint())
            raise
        # In the event loop, so that no request is between choosing a version and queueing for it.
        former = self._put(served)
        if former is not None:
            await asyncio.to_thread(former.close)

    def _load(self, version: ModelVersion) -> ServedModel:
        start = time.perf_counter()
        try:
            with self._trust.checked(version) as path:
                loaded = self._load_model(path)
        except IntegrityError:
            metrics.UNTRUSTED.labels(self._model.name).inc()
            raise
        if loaded.failure:
            metrics.TREE_FAILURES.labels(self._model.name).inc()
            logger.error("%s The SavedModel predicts, which takes ten times as long.", loaded.failure)
        served = ServedModel(self._model.name, version.version, version.path, loaded, self._limits, self._observers)
        try:
            served.warm_up()
        except Exception as error:
            served.close()
            raise ModelError(f"Expected {version.path} to predict. Received: {error}") from error
        evaluator = {"trees": "trees", "saved_model": "SavedModel"}[loaded.evaluator]
        logger.info("Loaded version %s (%s) in %.1f s", version.version, evaluator, time.perf_counter() - start)
        return served

    def _put(self, served: ServedModel) -> ServedModel | None:
        former = self._model.swap(served)
        metrics.MODEL.clear()
        metrics.MODEL.labels(served.name, served.version, served.family, served.problem).set(1)
        metrics.LOADED_AT.labels(served.name).set_to_current_time()
        return former
