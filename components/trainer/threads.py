"""Threads of the numerical libraries."""

from contextlib import AbstractContextManager, nullcontext

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

MANY_VALUES = 20_000_000


def few_threads(num_values: int) -> AbstractContextManager[object]:
    """Returns a context with one OpenMP and BLAS thread unless there are many values, rows times columns.

    A small table gains little from more, and on a busy machine threads that spin for each other cost a hundredfold.
    """
    return threadpool_limits(limits=1) if num_values < MANY_VALUES else nullcontext()
