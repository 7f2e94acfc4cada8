"""What the index over runs shows of each of them."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

State = Literal["blessed", "not_blessed", "done", "failed", "unfinished", "unreadable"]


@dataclasses.dataclass(frozen=True)
class IndexedSlice:
    """A slice of a run's evaluation.

    Args:
        name: string. Its columns and values, as people read them.
        rows: int.
        metrics: mapping of metric to value.
    """

    name: str
    rows: int
    metrics: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class IndexedRun:
    """A run, as far as it got.

    Args:
        run_id: string.
        started: string. `"YYYY-MM-DD HH:MM"` in UTC, or empty where the id does not say it.
        group: string. Name of what shares a baseline: a pipeline's task on real or on synthetic data.
        pipeline: string.
        task: string.
        is_synthetic: bool. Whether its records are synthetic.
        state: string. `"done"` is a run without an evaluation, `"unfinished"` one without an end.
        problem: string. What went wrong, or what cannot be read.
        page: string or None. Relative URL of its evaluation page.
        rows: int or None. Number of records that were kept.
        seconds: float or None. Sum over its nodes.
        metrics: mapping of metric to value over all records.
        bounds: mapping of metric to the lowest and the highest value with which a model is blessed.
        directions: mapping of metric to `"up"` or `"down"`: which way is better.
        slices: tuple of `IndexedSlice`, the largest first.
        facts: mapping of a setting, or of what the model was made from, to its value in words.
    """

    run_id: str
    started: str
    group: str
    pipeline: str
    task: str
    is_synthetic: bool
    state: State
    problem: str = ""
    page: str | None = None
    rows: int | None = None
    seconds: float | None = None
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    bounds: Mapping[str, tuple[float | None, float | None]] = dataclasses.field(default_factory=dict)
    directions: Mapping[str, Literal["up", "down"]] = dataclasses.field(default_factory=dict)
    slices: tuple[IndexedSlice, ...] = ()
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)
