"""Routes whose content takes milliseconds to make: however often they are asked for, predictions go on beside them."""

import asyncio
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.routing import Route

EVERY_SECONDS = 0.5
"""How often the content of a route is made and sent, on average."""
BURST = 5
"""How many times it may be made at once, where nobody asked for a while."""

Content = tuple[bytes, str]
"""A body and its content type."""


class Shared:
    """Content that is made once for all who wait for it.

    What is returned was made after it was asked for. A client that asks again as soon as it gets it has it every
    `EVERY_SECONDS`: sent without a pause, the responses alone would take the time of predictions.

    Args:
        make: function that returns the content.
    """

    def __init__(self, make: Callable[[], Content]) -> None:
        self._make = make
        self._next: asyncio.Task[Content] | None = None
        self._due = 0.0
        self._turn = asyncio.Lock()

    async def get(self) -> Content:
        """Returns the content; where others wait for it, theirs."""
        if self._next is None:
            self._next = asyncio.create_task(self._make_next())
        content = await asyncio.shield(self._next)
        # One response a round of the event loop: predictions have their part of each.
        async with self._turn:
            await asyncio.sleep(0)
        return content

    async def _make_next(self) -> Content:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self._due - (BURST - 1) * EVERY_SECONDS - loop.time())
        finally:
            # Who comes from now on waits for the next.
            self._next = None
        # The generic cell rate algorithm.
        self._due = max(self._due, loop.time()) + EVERY_SECONDS
        return self._make()


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
