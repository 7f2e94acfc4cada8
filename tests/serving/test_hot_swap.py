import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from yachay.errors import ModelError

from .conftest import ROW, Running, push_model, score

pytestmark = pytest.mark.end_to_end

Serve = Callable[..., AbstractContextManager[Running]]


class Load:
    """Clients that ask without a pause, each over one connection."""

    def __init__(self, server: Running, num_clients: int = 4) -> None:
        self.statuses: Counter[int] = Counter()
        self.scores: set[float] = set()
        self.errors: list[Exception] = []
        self._url = f"{server.url}/v1/models/tiny:predict"
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(num_clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self._stop.is_set():
                try:
                    response = client.post(self._url, json={"instances": [ROW]})
                except httpx.HTTPError as error:
                    self.errors.append(error)
                    return
                self.statuses[response.status_code] += 1
                self.scores.add(round(response.json()["predictions"][0]["scores"][1], 5))


def version(server: Running) -> str:
    (found,) = httpx.get(f"{server.url}/v2/models/tiny").json()["versions"]
    return str(found)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_new_push_is_swapped_in_under_load_without_a_failed_request(serve: Serve, tmp_path: Path) -> None:
    push_model(tmp_path, 1)
    with serve(tmp_path, poll_seconds=0.05) as server, Load(server) as load:
        for number in (2, 3):
            push_model(tmp_path, number, shift=float(number))
            wait_for(lambda number=number: version(server) == str(number))
        wait_for(lambda: round(score(ROW, 3.0), 5) in load.scores)

    assert load.errors == []
    assert set(load.statuses) == {200}
    assert load.scores == {round(score(ROW, shift), 5) for shift in (0.0, 2.0, 3.0)}


def test_a_broken_push_leaves_the_old_one_in_service_and_says_so(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    push_model(tmp_path, 1)
    with serve(tmp_path, poll_seconds=0.05) as server, Load(server) as load:
        broken = push_model(tmp_path, 2)
        (broken / "2" / "saved_model.pb").write_bytes(b"no graph")
        wait_for(lambda: "Version 1 stays in service." in caplog.text)
        metrics = httpx.get(f"{server.url}/metrics").text
        is_ready = httpx.get(f"{server.url}/v2/models/tiny/ready").status_code
        push_model(tmp_path, 3)
        wait_for(lambda: version(server) == "3")

    assert 'yachay_model_load_failures_total{model_name="tiny"}' in metrics
    assert is_ready == 200
    assert set(load.statuses) == {200}
    assert load.errors == []


def test_a_server_starts_with_the_newest_push_that_can_be_used(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2, 10, 11):
        folder = push_model(tmp_path, number) / str(number)
        if number >= 10:
            (folder / "saved_model.pb").write_bytes(b"no graph")
    with serve(tmp_path, poll_seconds=0.05) as server:
        assert version(server) == "2"
        time.sleep(0.3)
        tries = caplog.text.count("Version 11 is not used: the one before is tried.")
        push_model(tmp_path, 12)
        wait_for(lambda: version(server) == "12")

    assert tries == 1
    assert "stays in service" not in caplog.text


def test_a_store_where_every_push_is_broken_names_what_is_wrong_with_the_newest(serve: Serve, tmp_path: Path) -> None:
    for number in (1, 2):
        (push_model(tmp_path, number) / str(number) / "saved_model.pb").write_bytes(b"no graph")

    with pytest.raises(ModelError, match="push-2 as they were pushed"), serve(tmp_path):
        pass


def test_a_store_that_is_gone_is_logged_and_counted_once(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yachay.serving import hot_swap

    monkeypatch.setattr(hot_swap, "MAX_POLL_SECONDS", 0.1)
    store = tmp_path / "store"
    store.mkdir()
    push_model(store, 1)
    with serve(store, poll_seconds=0.02) as server:
        before = failed_loads(server)
        store.rename(tmp_path / "gone")
        time.sleep(1)
        after = failed_loads(server)
        (tmp_path / "gone").rename(store)
        push_model(store, 2)
        wait_for(lambda: version(server) == "2")

    assert after == before + 1
    assert caplog.text.count("Received: no such folder. Version 1 stays in service.") == 1


def failed_loads(server: Running) -> float:
    metrics = httpx.get(f"{server.url}/metrics").text
    found = re.search(r'yachay_model_load_failures_total\{model_name="tiny"\} (\S+)', metrics)
    return float(found[1]) if found else 0.0


def test_a_push_that_is_under_way_is_left_alone(serve: Serve, tmp_path: Path) -> None:
    push_model(tmp_path, 1)
    (push_model(tmp_path, 2) / "push.json").unlink()

    with serve(tmp_path) as server:
        assert version(server) == "1"


def test_a_push_that_is_taken_back_brings_the_one_before(serve: Serve, tmp_path: Path) -> None:
    push_model(tmp_path, 1)
    taken_back = push_model(tmp_path, 2)
    with serve(tmp_path, poll_seconds=0.05) as server:
        assert version(server) == "2"
        shutil.rmtree(taken_back)
        wait_for(lambda: version(server) == "1")
