"""Clusters that are there."""

import re

import pytest

from yachay import __version__
from yachay.errors import UsageError
from yachay.pipelines import dask_cluster
from yachay.pipelines.dask_cluster import check_workers, connected, local_cluster


def test_a_cluster_whose_workers_have_this_version_is_used() -> None:
    with local_cluster(1, "1GiB") as own, connected(own.scheduler.address) as client:
        assert client.submit(sum, [1, 2]).result() == 3


def test_the_error_of_a_task_is_not_logged_beside(capfd: pytest.CaptureFixture[str]) -> None:
    with local_cluster(1, "1GiB") as client, pytest.raises(ZeroDivisionError):
        client.submit(divmod, 1, 0).result()
    assert "Traceback" not in capfd.readouterr().err


def test_workers_of_another_version_are_named() -> None:
    with local_cluster(1, "1GiB") as own:
        [worker] = own.scheduler_info()["workers"]
        message = f"Expected yachay 9.9 on each worker of ADDRESS. Received: yachay {__version__} on {worker}."
        with pytest.raises(UsageError, match=re.escape(message)):
            check_workers(own, "ADDRESS", "9.9")


def test_no_scheduler_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(UsageError, match=r"a Dask scheduler at tcp://127\.0\.0\.1:1"), connected("tcp://127.0.0.1:1"):
        pass
