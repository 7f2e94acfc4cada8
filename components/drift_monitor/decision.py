"""One decision over many features, windows and predictions, with the share of false alarms under control."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def adjusted(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Returns p-values adjusted so that those below `a` hold one false alarm or more with a probability of `a` at most.

    Holm's step-down of Bonferroni's correction (Scandinavian Journal of Statistics 1979): it holds however the tests
    depend on each other, as those of related features do.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted
