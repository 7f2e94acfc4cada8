"""Windows of a log: by time, or by rows of one model version."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .settings import WindowSize

Micros: TypeAlias = NDArray[np.int64]
"""Times as microseconds since 1970-01-01 UTC."""

_MONDAY = 4 * 86_400 * 1_000_000
"""1970-01-05: weeks begin on Mondays."""


@dataclasses.dataclass(frozen=True)
class Windows:
    """How a log is divided. The windows of a time are the same in each call: they begin at multiples of it.

    Args:
        size: `WindowSize`.
        starts: mapping of model version to the times of its windows' first rows, ascending; of windows by rows only.
    """

    size: WindowSize
    starts: Mapping[str, Micros] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_rows(cls, size: WindowSize, times: Mapping[str, Micros]) -> "Windows":
        """Returns windows of `size.rows` rows by the times of all rows; rows of one time stay together."""
        starts = {}
        for version, of_version in times.items():
            places = np.arange(0, len(of_version), size.rows)
            starts[version] = np.unique(np.partition(of_version, places)[places]) if len(places) else of_version
        return cls(size, starts)

    def of(self, version: str, times: Micros) -> NDArray[np.int64]:
        """Returns the window of each row, a number that ascends with its time."""
        if self.size.seconds:
            numbers: NDArray[np.int64] = (times - _MONDAY) // (self.size.seconds * 1_000_000)
            return numbers
        return np.searchsorted(self.starts[version], times, side="right") - 1

    def bounds(self, version: str, window: int) -> tuple[int, int | None]:
        """Returns when a window begins and when the next does, in microseconds; None for the last one of rows."""
        if self.size.seconds:
            span = self.size.seconds * 1_000_000
            return _MONDAY + window * span, _MONDAY + (window + 1) * span
        starts: Any = self.starts[version]
        return int(starts[window]), int(starts[window + 1]) if window + 1 < len(starts) else None
