"""Whether whole numbers are codes, counts or levels.

Counts and levels have an order, and so have their frequencies: neighbours are about as frequent. Codes have none: their
frequencies jump, and the numbers leave gaps. The measure is von Neumann's ratio (1941) of the square roots of the
frequencies, over all whole numbers between the least and the largest: the mean square of the differences of neighbours
over twice the variance, 1 where the order is by chance and near 0 where it is smooth. The square root of a count of
rows that are drawn at random has a variance of 1/4 whatever the count: a variance of that size shows nothing.
"""

import re

import numpy as np

from .names import words_of
from .wording import say

MIN_CODES = 11
MAX_CODES = 60
MIN_LEVELS = 3
MIN_LEVELS_BY_LABEL = 4
MIN_COUNTS = 8
MIN_GAPS = 0.5
MIN_RATIO = 0.5
MIN_VARIANCE = 4.0
LEVEL = 1e-4

_MAX_RANGE = 100_000
_LEVEL_NAME = re.compile(
    r"(^|_)(level|grade|order|rank|stage|score|rating|education|satisfaction|severity|year|yr|semester|cycle|"
    r"nivel|grado|orden|rango|etapa|puntaje|educacion|satisfaccion|anio|ano|semestre|ciclo)s?(_|$)"
)


def are_codes(numbers: np.ndarray) -> bool:
    """Returns whether whole numbers of shape `(N,)`, `MIN_CODES` different ones or more, look like codes."""
    counts = _frequencies(numbers)
    num_distinct = 0 if counts is None else int(np.count_nonzero(counts))
    if counts is None or not MIN_CODES <= num_distinct <= MAX_CODES:
        return False
    if 1 - num_distinct / len(counts) >= MIN_GAPS:
        return True
    ratio, variance = _order(counts)
    return ratio >= MIN_RATIO and variance >= MIN_VARIANCE


def are_counts(numbers: np.ndarray) -> bool:
    """Returns whether few whole numbers of shape `(N,)` are counts: `MIN_COUNTS` or more, with smooth frequencies."""
    counts = _frequencies(numbers)
    if counts is None or int(np.count_nonzero(counts)) < MIN_COUNTS:
        return False
    ratio, variance = _order(counts)
    return ratio < MIN_RATIO and variance >= MIN_VARIANCE


def level_basis(name: str, numbers: np.ndarray, targets: np.ndarray | None) -> str:
    """Returns why few whole numbers are levels with an order; empty where nothing says so.

    Args:
        name: string. In the file.
        numbers: array of floats of shape `(N,)`, NaN where there is no value.
        targets: array of floats of shape `(N,)`: a label with an order, NaN where there is none; None without one.
    """
    levels = np.unique(numbers[~np.isnan(numbers)])
    if len(levels) < MIN_LEVELS:
        return ""
    if named := _LEVEL_NAME.search(words_of(name)):
        return say("levels: its name says {word!r}", word=named[2])
    if targets is None or len(levels) < MIN_LEVELS_BY_LABEL:
        return ""
    from scipy import stats

    is_known = ~np.isnan(numbers) & ~np.isnan(targets)
    numbers, targets = numbers[is_known], targets[is_known]
    means = [targets[numbers == level].mean() for level in levels if (numbers == level).any()]
    steps = np.diff(means)
    if not ((steps > 0).all() or (steps < 0).all()) or stats.spearmanr(numbers, targets).pvalue > LEVEL:
        return ""
    return say("levels: the label goes with their order")


def _frequencies(numbers: np.ndarray) -> np.ndarray | None:
    """Returns how often each whole number from the least to the largest occurs; None if the range is too large.

    Numbers with a common step, such as tens, are counted in steps.
    """
    present = numbers[~np.isnan(numbers)]
    if not len(present):
        return None
    offsets = (present - present.min()).astype(np.int64)
    step = int(np.gcd.reduce(np.unique(offsets))) or 1
    offsets //= step
    return np.bincount(offsets) if offsets.max() <= _MAX_RANGE else None


def _order(counts: np.ndarray) -> tuple[float, float]:
    """Returns von Neumann's ratio of the frequencies' square roots, and their variance."""
    roots = np.sqrt(counts)
    variance = float(roots.var())
    return (float((np.diff(roots) ** 2).mean() / (2 * variance)) if variance else 1.0), variance
