"""KServe's REST server with our application in front of its own."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from kserve import errors
from kserve.protocol.rest.server import RESTServer
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import PredictApplication
from .http_protocol import make_protocol
from .limits import Limits
from .responses import FAILED
from .tls import TlsFiles, TlsProtocol, rest_context

logger = logging.getLogger(__name__)

_STATUS: Mapping[type[Exception], int] = {
    errors.InvalidInput: 400,
    errors.ModelNotFound: 404,
    NotImplementedError: 501,
    errors.UnsupportedProtocol: 501,
    errors.ModelNotReady: 503,
    errors.ServerNotReady: 503,
}


class RestServer(RESTServer):
    """KServe's REST server.

    Its application is one of its own, without the middleware that times and logs each request. What a client did wrong
    makes no line of log, and a response never holds the text of what the server did wrong.

    Args:
        host: string. The address to listen on.
        tls: `TlsFiles`; None for HTTP.
        limits: `Limits`.
        in_front: function of KServe's application that returns the one to serve.
        add_routes: sequence of functions that add routes to KServe's application.
        options: keyword arguments of KServe's own.
    """

    def __init__(
        self,
        host: str,
        tls: TlsFiles | None,
        limits: Limits,
        in_front: Callable[[FastAPI], PredictApplication],
        add_routes: Sequence[Callable[[FastAPI], None]],
        **options: Any,
    ) -> None:
        super().__init__("", **options)
        self.config.host = host
        self.config.access_log = False
        self.config.server_header = False
        if tls is not None:
            context = rest_context(tls)
            self.config.ssl_context_factory = lambda config, default: context
        self._protocol = make_protocol(limits, HttpToolsProtocol if tls is None else TlsProtocol)
        self.config.http = self._protocol
        self._in_front = in_front
        self._add_routes = add_routes

    def create_application(self) -> None:
        """Makes the application that uvicorn runs."""
        app = FastAPI(title="Yachay model server", docs_url=None, redoc_url=None)
        self._register_endpoints(app)
        for error in _STATUS:
            app.add_exception_handler(error, _say)
        app.add_exception_handler(HTTPException, _say_http)
        app.add_exception_handler(RequestValidationError, _say_invalid)
        app.add_exception_handler(Exception, _fail)
        for add in self._add_routes:
            add(app)
        self.config.app = application = self._in_front(app)
        self._protocol.direct = application.direct

    def finish(self) -> None:
        """Asks it to finish what is under way and end; from any thread."""
        self._server.should_exit = True

    @property
    def is_started(self) -> bool:
        """Whether it listens."""
        return bool(self._server.started)


async def _say(request: Request, error: Exception) -> Response:
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    return JSONResponse({"error": str(error)}, status)


async def _say_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    message = f"Expected a route and a method of this server. Received: {error.detail}."
    return JSONResponse({"error": message}, error.status_code, error.headers)


async def _say_invalid(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"Expected a request that fits the route. Received: {error}."}, 400)


async def _fail(request: Request, error: Exception) -> Response:
    return JSONResponse(FAILED, 500)
