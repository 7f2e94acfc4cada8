"""Routes whose content takes time: made once for all who wait, after they asked, and in a share of the time."""

import asyncio
import time

import httpx
import pytest

from yachay.serving.costly_routes import MAX_SHARE, Shared

from .conftest import Running


def test_who_waits_gets_content_that_was_made_once_and_after_it_was_asked_for() -> None:
    made: list[float] = []

    def make() -> tuple[bytes, str]:
        made.append(time.monotonic())
        return str(len(made)).encode(), "text/plain"

    async def ask() -> list[bytes]:
        shared = Shared(make)
        first = await asyncio.gather(*(shared.get() for _ in range(50)))
        start = time.monotonic()
        second, _ = await shared.get()
        assert made[-1] >= start
        return [*{content for content, _ in first}, second]

    assert asyncio.run(ask()) == [b"1", b"2"]


def test_content_takes_no_more_than_its_share_of_the_time() -> None:
    num_made = 0

    def make() -> tuple[bytes, str]:
        nonlocal num_made
        num_made += 1
        time.sleep(0.01)
        return b"", "text/plain"

    async def flood() -> None:
        shared, end = Shared(make), time.monotonic() + 0.5

        async def client() -> None:
            while time.monotonic() < end:
                await shared.get()

        await asyncio.gather(*(client() for _ in range(20)))

    asyncio.run(flood())

    assert 2 <= num_made <= 0.5 * MAX_SHARE / 0.01 + 2


def test_who_goes_away_takes_nothing_from_others_and_an_error_is_not_kept() -> None:
    results = iter([ValueError("once"), b"then"])

    def make() -> tuple[bytes, str]:
        result = next(results)
        if isinstance(result, ValueError):
            raise result
        return result, "text/plain"

    async def ask() -> bytes:
        shared = Shared(make)
        gone, other = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(ValueError, match="once"):
            await other
        content, _ = await shared.get()
        return content

    assert asyncio.run(ask()) == b"then"


def test_metrics_and_the_document_are_there_in_each_format(served: Running) -> None:
    text = httpx.get(f"{served.url}/metrics")
    open_metrics = httpx.get(f"{served.url}/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    document = httpx.get(f"{served.url}/openapi.json")

    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert open_metrics.text.endswith("# EOF\n")
    assert "yachay_model{" in text.text
    assert document.headers["content-type"] == "application/json"
    assert {"/metrics", "/v1/models/tiny:predict"} <= document.json()["paths"].keys()
