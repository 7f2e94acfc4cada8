"""Threads of the numerical libraries."""

from contextlib import AbstractContextManager, nullcontext

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

MANY_ROWS = 50_000


def few_threads(num_rows: int) -> AbstractContextManager[object]:
    """Returns a context with one OpenMP and BLAS thread unless there are many rows.

    A small table gains nothing from more, and on a busy machine threads that spin for each other cost a hundredfold.
    """
    return threadpool_limits(limits=1) if num_rows < MANY_ROWS else nullcontext()
