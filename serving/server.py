"""KServe's `ModelServer` over a pushed model."""

import asyncio
import contextlib
import logging
import signal
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import kserve
import orjson
from fastapi import FastAPI
from kserve.model_repository import ModelRepository

from ..errors import ModelError, YachayError
from ..model_store.integrity import BrokenPushError
from .access import Access
from .access_log import AccessLog
from .accounting import Accounting
from .app import CLOSED, CLOSED_EXPLAIN, PredictApplication
from .contract import PredictionObserver
from .costly_routes import Content, Shared, add_costly_route, add_metrics
from .grpc_server import GrpcServer, Servicer
from .hot_swap import HotSwap
from .kserve_model import NamedModel, TruthfulDataPlane
from .model import ServedModel
from .openapi import make_document
from .page import add_page
from .reading import RequestReader
from .rest_server import RestServer
from .saved_model import load_saved_model, use_gpu_memory_as_needed
from .settings import Settings

logger = logging.getLogger(__name__)

# As Triton and KServe name them.
BINARY_EXTENSION = "binary_tensor_data"
REPOSITORY_EXTENSION = "model_repository_extension"


class Server(kserve.ModelServer):
    """KServe's server with one pushed model behind it.

    Args:
        settings: `Settings`.
        observers: sequence of `PredictionObserver`; closed when the server has drained. Defaults to none.

    Raises:
        UsageError: if there is no model, or a port is taken.
        ModelError: if the model cannot be loaded.
    """

    def __init__(self, settings: Settings, observers: Sequence[PredictionObserver] = ()) -> None:
        self.settings = settings
        self.model = NamedModel(settings.model_name)
        self._source = settings.open_source()
        self._observers = tuple(observers)
        self._hot_swap = HotSwap(
            self.model, self._source, settings.limits, self._observers, settings.trust, load_saved_model
        )
        super().__init__(
            http_port=settings.http_port,
            grpc_port=settings.grpc_port,
            workers=1,
            registered_models=_Repository(self.model, self._hot_swap),
            enable_grpc=settings.grpc_port is not None,
            enable_latency_logging=False,
        )
        extensions = (BINARY_EXTENSION, *([REPOSITORY_EXTENSION] if settings.opens_repository else []))
        self.dataplane = TruthfulDataPlane(self.model, model_registry=self.registered_models, extensions=extensions)
        self._access = Access(settings.tokens, settings.tls is not None and settings.tls.client_authorities is not None)
        self._tracing: Any = None
        tracer = None
        if settings.is_traced:
            from .tracing import start_tracing

            tracer, self._tracing = start_tracing(settings.model_name)
        self._accounting = Accounting(settings.model_name, tracer)
        self._reader = RequestReader(self.model)
        self._access_log = AccessLog() if settings.logs_access else None

    def load(self) -> None:
        """Checks the ports and puts the newest version into service.

        Raises:
            UsageError: if there is no model, or a port is taken.
            ModelError: if the model cannot be loaded.
        """
        with contextlib.suppress(BrokenPushError):  # Those before it are tried below.
            self._source.newest()
        self.settings.check_ports()
        use_gpu_memory_as_needed()
        self._hot_swap.load_first()

    def start(self, models: Sequence[kserve.Model] = ()) -> None:
        """Serves until SIGTERM or SIGINT, finishes what is under way, and closes the observers."""
        self._register_and_check_atleast_one_model_is_ready([self.model, *models])
        self._rest_server = self._make_rest_server()
        self.servers = [self._rest_server.start()]
        if self.settings.grpc_port is not None:
            self._grpc_server = self._make_grpc_server(self.settings.grpc_port)
            self.servers.append(self._grpc_server.start())
        if threading.current_thread() is threading.main_thread():
            self.register_signal_handler()
        try:
            with asyncio.Runner(loop_factory=self._rest_server.config.get_loop_factory()) as runner:
                runner.run(self._serve())
        finally:
            self._close()

    def stop(self, sig: int = signal.SIGTERM) -> None:
        """Asks it to finish what is under way and end; from any thread."""
        self._rest_server.finish()

    @property
    def is_started(self) -> bool:
        """Whether it serves over REST."""
        return self._rest_server is not None and self._rest_server.is_started

    async def _serve(self) -> None:
        tasks = [asyncio.ensure_future(server) for server in self.servers]
        background = []
        if self._source.is_followed:
            background.append(asyncio.create_task(self._hot_swap.follow(self.settings.poll_seconds)))
        # uvicorn takes SIGTERM, and ends when REST has drained; gRPC serves until then.
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self.stop()
        if self._grpc_server is not None:
            await self._grpc_server.stop()
        for task in background:
            task.cancel()
        await asyncio.gather(*tasks)

    def _close(self) -> None:
        if self.model.served is not None:
            self.model.served.close()
        for observer in self._observers:
            observer.close()
        if self._access_log is not None:
            self._access_log.close()
        if self._tracing is not None:
            self._tracing.shutdown()

    def _make_rest_server(self) -> RestServer:
        settings = self.settings
        closed = CLOSED_EXPLAIN if settings.opens_repository else CLOSED

        def in_front(app: FastAPI) -> PredictApplication:
            return PredictApplication(
                app,
                self.model,
                self._reader,
                self._access,
                self._accounting,
                settings.limits,
                closed,
                self._access_log,
            )

        def document(app: FastAPI) -> None:
            made = weakref.WeakKeyDictionary[ServedModel, bytes]()

            def openapi() -> Content:
                served = self.model.current()
                if served not in made:
                    content = make_document(app.openapi(), served, settings.limits.max_rows, closed.pattern)
                    made[served] = orjson.dumps(content)
                return made[served], "application/json"

            shared = Shared(openapi)
            add_costly_route(app, "/openapi.json", lambda _: shared)
            add_metrics(app)

        def page(app: FastAPI) -> None:
            add_page(app, self.model.current, self._access.needs_token)

        return RestServer(
            settings.host,
            settings.tls,
            settings.limits,
            in_front,
            [document, page] if settings.has_page else [document],
            data_plane=self.dataplane,
            model_repository_extension=self.model_repository_extension,
            http_port=self.http_port,
            grace_period=self.grace_period,
            event_loop=self.event_loop,
            timeout_keep_alive=self.timeout_keep_alive,
        )

    def _make_grpc_server(self, port: int) -> GrpcServer:
        repository = self.model_repository_extension if self.settings.opens_repository else None
        servicer = Servicer(
            self.model,
            self._reader,
            self.dataplane,
            repository,
            self._accounting,
            self.settings.limits.request_seconds,
        )
        return GrpcServer(
            self.settings.host,
            port,
            servicer,
            self._access,
            self.settings.grpc_options,
            self.settings.tls,
            self._access_log,
            self.settings.limits.body_seconds,
        )


class _Repository(ModelRepository):
    """KServe's registry, with a load that loads."""

    def __init__(self, model: NamedModel, hot_swap: HotSwap) -> None:
        super().__init__()
        self._model = model
        self._hot_swap = hot_swap

    async def load(self, name: str) -> None:
        """Puts the newest version into service."""
        self._check(name)
        try:
            await self._hot_swap.update(again=True)
        except YachayError as error:
            logger.error("%s", error)
            raise ModelError("The newest version cannot be loaded. The server's log holds the reason.") from None

    def unload(self, name: str) -> None:
        """Takes the model out of service; what is under way is finished."""
        self._check(name)
        self._model.stop()

    def _check(self, name: str) -> None:
        if name != self._model.name:
            raise KeyError(name)
