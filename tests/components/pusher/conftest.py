import os
from collections.abc import Iterator

import pytest

from yachay.fork_server import ADDRESS, fork_server
from yachay.pipelines.executor_modules import executor_modules


@pytest.fixture(scope="session")
def fork_server_of_candidates() -> Iterator[str]:
    with fork_server(executor_modules(["yachay.components.pusher.executor.Executor"]), os.environ) as address:
        yield address


@pytest.fixture
def forked(fork_server_of_candidates: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a run, the servers of candidates are forked from one that has their imports."""
    monkeypatch.setenv(ADDRESS, fork_server_of_candidates)
