"""A Dask cluster for a while: one of processes on this machine, or one that is there."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 30


@contextlib.contextmanager
def local_cluster(workers: int | None = None, memory_limit: str | None = None) -> Iterator[Client]:
    """Gives a Dask cluster on this machine, of processes with one thread each.

    Args:
        workers: int or None. Defaults to the number of cores.
        memory_limit: string or None. Of a worker, such as `"1GiB"`, beyond which Dask starts it anew. Defaults to its
            share of the machine's memory.

    Raises:
        UsageError: if the limit is no size.
    """
    import dask
    from distributed import Client, LocalCluster

    if memory_limit is not None:
        try:
            dask.utils.parse_bytes(memory_limit)
        except ValueError:
            raise UsageError(f"Expected a memory limit such as 1GiB. Received: {memory_limit!r}.") from None

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "60s"}),
        LocalCluster(
            n_workers=workers or os.cpu_count(), threads_per_worker=1, memory_limit=memory_limit or "auto",
            host="127.0.0.1", dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        client.register_worker_callbacks(_log_no_errors_of_tasks)
        yield client


def _log_no_errors_of_tasks() -> None:
    """Leaves the error of a task to who waits for it: a worker writes it with its traceback too."""
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)
    logging.getLogger("distributed.worker.memory").setLevel(logging.WARNING)


@contextlib.contextmanager
def connected(address: str) -> Iterator[Client]:
    """Gives the Dask cluster whose scheduler is at an address, such as `tcp://dask-scheduler:8786`.

    Raises:
        UsageError: if there is none, or a worker has not this version of Yachay.
    """
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(
            f"Expected a Dask scheduler at {address}. Received: {error or type(error).__name__}. "
            "Correct the address, such as tcp://HOST:8786."
        ) from None
    with client:
        check_workers(client, address, importlib.metadata.version("yachay"))
        yield client


def check_workers(client: Client, address: str, own: str) -> None:
    """Asks the workers for their version of Yachay: a task that a worker cannot read ends it.

    Raises:
        UsageError: if it is not `own` on each.
    """
    for worker, version in client.run(importlib.metadata.version, "yachay", on_error="return").items():
        if version != own:
            other = f"yachay {version}" if isinstance(version, str) else "none"
            raise UsageError(
                f"Expected yachay {own} on each worker of {address}. Received: {other} on {worker}. Give the workers "
                "this version's image."
            )
