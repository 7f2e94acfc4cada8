"""Routes whose content takes time: made once for all who wait, after they asked, and at a pace."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from yachay.serving import server as server_module
from yachay.serving.costly_routes import BURST, EVERY_SECONDS, Shared

from .conftest import Running, running


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


def test_content_is_made_a_few_times_at_once_and_then_at_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    made: list[float] = []
    sleep = asyncio.sleep

    async def wait(seconds: float) -> None:
        nonlocal now
        now += max(seconds, 0.0)
        await sleep(0)

    def make() -> tuple[bytes, str]:
        made.append(now)
        return b"", "text/plain"

    async def flood() -> None:
        nonlocal now
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
        monkeypatch.setattr(asyncio, "sleep", wait)
        shared = Shared(make)
        for _ in range(BURST + 3):
            await asyncio.gather(*(shared.get() for _ in range(20)))
        now += 1000.0
        await shared.get()

    asyncio.run(flood())

    start = 100.0
    assert made == [start] * BURST + [start + (1 + place) * EVERY_SECONDS for place in range(3)] + [now]


def test_those_who_wait_get_it_in_different_rounds_of_the_event_loop() -> None:
    async def ask() -> list[int]:
        num_rounds = 0

        async def count() -> None:
            nonlocal num_rounds
            while True:
                num_rounds += 1
                await asyncio.sleep(0)

        async def wait() -> int:
            await shared.get()
            return num_rounds

        shared, counting = Shared(lambda: (b"", "text/plain")), asyncio.create_task(count())
        rounds = await asyncio.gather(*(wait() for _ in range(20)))
        counting.cancel()
        return rounds

    assert len({*asyncio.run(ask())}) == 20


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


def test_the_document_of_a_version_is_made_once(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = server_module.make_document
    monkeypatch.setattr(server_module, "make_document", lambda *given: made.append(given[1].version) or make(*given))

    with running(model_dir) as server:
        documents = [httpx.get(f"{server.url}/openapi.json").content for _ in range(3)]

    assert len({*documents}) == 1
    assert made == ["5"]
