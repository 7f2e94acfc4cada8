"""Threads of the numerical libraries."""

import os
from contextlib import AbstractContextManager, nullcontext

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

MANY_VALUES = 20_000_000
MANY_VALUES_OF_SLEEPERS = 1_000_000


def few_threads(num_values: int) -> AbstractContextManager[object]:
    """Returns a context with one OpenMP and BLAS thread unless there are many values, rows times columns.

    A small table gains little from more, and on a busy machine threads that spin for each other cost a hundredfold.
    """
    return _limited(num_values, MANY_VALUES)


def few_openmp_threads(num_values: int) -> AbstractContextManager[object]:
    """Returns what `few_threads` does, for code whose threads are OpenMP's alone: those that sleep cost a tenth."""
    sleeps = os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive"
    return _limited(num_values, MANY_VALUES_OF_SLEEPERS if sleeps else MANY_VALUES)


def _limited(num_values: int, many: int) -> AbstractContextManager[object]:
    return threadpool_limits(limits=1) if num_values < many else nullcontext()
