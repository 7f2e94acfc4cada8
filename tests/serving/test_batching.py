import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from yachay.serving.batching import Batcher, Outputs
from yachay.serving.contract import Array
from yachay.serving.inputs import Inputs


def rows(*values: float) -> Inputs:
    return Inputs(len(values), {"float32": np.array([values], np.float32)})


async def ask(batcher: Batcher, inputs: Inputs, watch: Callable[[Outputs], None]) -> Outputs:
    return await batcher.submit(inputs, watch)


class Doubling:
    """Doubles, and keeps how many rows each batch had and in which thread of control it was predicted."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.in_loop: list[bool] = []

    def __call__(self, matrices: Mapping[str, Array]) -> dict[str, Array]:
        self.sizes.append(matrices["float32"].shape[1])
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.in_loop.append(False)
        else:
            self.in_loop.append(True)
        if (matrices["float32"] < 0).any():
            raise ValueError("negative")
        return {"outputs": matrices["float32"][0] * 2}


def batch_all(model: Doubling, requests: list[Inputs], max_loop_rows: int, beside: Any = None) -> list[Any]:
    async def run() -> list[Any]:
        batcher = Batcher(model, 8, lambda *_: None, max_loop_rows)
        jobs = [asyncio.ensure_future(batcher.submit(each, lambda _: None)) for each in requests]
        if beside is not None:
            asyncio.get_running_loop().call_soon(beside)
        found = await asyncio.gather(*jobs, return_exceptions=True)
        await asyncio.to_thread(batcher.close)
        return found

    return asyncio.run(run())


def values_of(results: list[Outputs]) -> list[list[float]]:
    return [result["outputs"].tolist() for result in results]


def test_the_event_loop_goes_on_between_two_batches() -> None:
    model = Doubling()
    seen: list[int] = []

    def look() -> None:
        seen.append(len(model.sizes))
        if len(model.sizes) < 10:
            asyncio.get_running_loop().call_soon(look)

    results = batch_all(model, [rows(index, index) for index in range(20)], 4, look)

    assert values_of(results) == [[2.0 * index] * 2 for index in range(20)]
    assert model.sizes == [4] * 10
    assert all(model.in_loop)
    assert set(range(1, 10)) <= set(seen)


@pytest.mark.parametrize(("max_loop_rows", "in_loop"), [(0, False), (2, False), (3, True), (100, True)])
def test_what_is_too_large_for_the_event_loop_is_predicted_in_a_thread(max_loop_rows: int, in_loop: bool) -> None:
    model = Doubling()

    results = batch_all(model, [rows(1, 2, 3)], max_loop_rows)

    assert values_of(results) == [[2.0, 4.0, 6.0]]
    assert model.in_loop == [in_loop]


@pytest.mark.parametrize("max_loop_rows", [0, 8])
def test_a_request_that_fails_takes_no_other_with_it(max_loop_rows: int) -> None:
    first, failed, last = batch_all(Doubling(), [rows(1), rows(-1), rows(3)], max_loop_rows)

    assert values_of([first, last]) == [[2.0], [6.0]]
    assert isinstance(failed, ValueError)


@pytest.mark.parametrize("max_loop_rows", [0, 4])
def test_a_request_whose_client_went_away_is_neither_predicted_nor_forgotten_in_the_queue(max_loop_rows: int) -> None:
    model = Doubling()
    watched: list[Outputs] = []

    async def run() -> None:
        batcher = Batcher(model, 4, lambda *_: None, max_loop_rows)
        started, go_on = threading.Event(), threading.Event()
        if not max_loop_rows:
            # The thread is busy with a batch of its own while clients come and go.
            batcher._predict = lambda matrices: (started.set(), go_on.wait(10), model(matrices))[-1]
        kept = asyncio.ensure_future(batcher.submit(rows(1), watched.append))
        if not max_loop_rows:
            await asyncio.to_thread(started.wait, 10)
        gone = [asyncio.ensure_future(ask(batcher, rows(2, 2), watched.append)) for _ in range(100)]
        while sum(not each.done() for each in gone) and batcher._num_queued_rows < 3:
            await asyncio.sleep(0)
        queued = batcher._num_queued_rows
        for each in gone:
            each.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        if not max_loop_rows:
            assert batcher._num_queued_rows == queued
            go_on.set()
        assert (await kept)["outputs"].tolist() == [2.0]
        await asyncio.to_thread(batcher.close)
        for _ in range(200):
            await asyncio.sleep(0)
        assert batcher._num_queued_rows == 0

    asyncio.run(run())

    assert len(model.sizes) < 50
    assert len(watched) < 50
