"""Whether the folds of two trials show that one is better: when a trial is not worth its remaining folds, and whether
the best one is worth leaving the configuration for.

The differences on the same folds go into a one-sided paired t-test. Its variance is that of Nadeau and Bengio (Machine
Learning 52, 2003), greater by the share of the held-out part in the training part, for the training parts of folds
overlap.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student


def is_hopeless(
    scores: Sequence[float], best: Sequence[float], num_folds: int, level: float, higher_is_better: bool
) -> bool:
    """Returns whether a trial is worse than the best one, as far as its folds so far can show it.

    A race (Maron and Moore, NIPS 1993) whose rounds are folds.

    Args:
        scores: sequence of floats. The objective on the first folds.
        best: sequence of floats, `(num_folds,)`. That of the best trial.
        num_folds: int.
        level: float. The chance to stop a trial that is as good; 0 stops none.
        higher_is_better: bool.
    """
    if level == 0 or not 2 <= len(scores) < num_folds:
        return False
    return chance_of_lead(best[: len(scores)], scores, num_folds, higher_is_better) < level


def chance_of_lead(scores: Sequence[float], others: Sequence[float], num_folds: int, higher_is_better: bool) -> float:
    """Returns the p-value of one trial's lead over another: how often one that is as good leads by as much.

    It is of one comparison: that of the best of many trials errs downwards.

    Args:
        scores: sequence of floats, at least two. The objective on folds.
        others: sequence of floats. That of the other trial on the same folds.
        num_folds: int. Into which the records were divided.
        higher_is_better: bool.
    """
    ahead = (1 if higher_is_better else -1) * (np.asarray(scores) - np.asarray(others))
    error = float(ahead.std(ddof=1)) * np.sqrt(1 / len(ahead) + 1 / (num_folds - 1))
    if error == 0:
        return 0.0 if ahead.mean() > 0 else 1.0
    return float(student.sf(ahead.mean() / error, len(ahead) - 1))
