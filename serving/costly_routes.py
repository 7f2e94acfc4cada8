"""Routes whose content takes milliseconds to make: however often they are asked for, predictions go on beside them."""

import asyncio
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.routing import Route

MAX_SHARE = 0.1
"""The share of the event loop's time that the content of a route may take."""

Content = tuple[bytes, str]
"""A body and its content type."""


class Shared:
    """Content that is made once for all who wait for it, and not again before its share of the time is kept.

    What is returned was made after it was asked for.

    Args:
        make: function that returns the content.
    """

    def __init__(self, make: Callable[[], Content]) -> None:
        self._make = make
        self._next: asyncio.Task[Content] | None = None
        self._free_at = 0.0

    async def get(self) -> Content:
        """Returns the content; where others wait for it, theirs."""
        if self._next is None:
            self._next = asyncio.create_task(self._make_next())
        return await asyncio.shield(self._next)

    async def _make_next(self) -> Content:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(max(self._free_at - loop.time(), 0.0))
        finally:
            # Who comes from now on waits for the next.
            self._next = None
        start = loop.time()
        try:
            return self._make()
        finally:
            now = loop.time()
            self._free_at = now + (now - start) * (1 / MAX_SHARE - 1)


def add_costly_route(app: FastAPI, path: str, choose: Callable[[str], Shared]) -> None:
    """Adds a route of GET before those of the same path.

    Args:
        app: `FastAPI`.
        path: string.
        choose: function of the header `accept` that returns one of a few `Shared`.
    """

    async def respond(request: Request) -> Response:
        content, content_type = await choose(request.headers.get("accept", "")).get()
        return Response(content, headers={"content-type": content_type})

    app.router.routes.insert(0, Route(path, respond, methods=["GET"], include_in_schema=False))


def add_metrics(app: FastAPI) -> None:
    """Adds the metrics in the formats of Prometheus and of OpenMetrics."""
    text = Shared(lambda: (generate_latest(REGISTRY), CONTENT_TYPE_PLAIN_0_0_4))
    open_metrics = Shared(lambda: (openmetrics.generate_latest(REGISTRY), openmetrics.CONTENT_TYPE_LATEST))  # type: ignore[no-untyped-call]

    def choose(accept: str) -> Shared:
        _, content_type = choose_encoder(accept)
        return open_metrics if content_type.startswith("application/openmetrics-text") else text

    add_costly_route(app, "/metrics", choose)
