"""When a trial is not worth its remaining folds."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student


def is_hopeless(
    scores: Sequence[float], best: Sequence[float], num_folds: int, level: float, higher_is_better: bool
) -> bool:
    """Returns whether a trial is worse than the best one, as far as its folds so far can show it.

    A race (Maron and Moore, NIPS 1993) whose rounds are folds: the differences to the best trial on the same folds go
    into a one-sided paired t-test. Its variance is that of Nadeau and Bengio (Machine Learning 52, 2003), greater by
    the share of the held-out part in the training part, for the training parts of folds overlap.

    Args:
        scores: sequence of floats. The objective on the first folds.
        best: sequence of floats, `(num_folds,)`. That of the best trial.
        num_folds: int.
        level: float. The chance to stop a trial that is as good; 0 stops none.
        higher_is_better: bool.
    """
    num_done = len(scores)
    if level == 0 or num_done < 2 or num_done >= num_folds:
        return False
    ahead = (1 if higher_is_better else -1) * (np.asarray(scores) - np.asarray(best[:num_done]))
    error = float(ahead.std(ddof=1)) * np.sqrt(1 / num_done + 1 / (num_folds - 1))
    if error == 0:
        return bool(ahead.mean() < 0)
    return bool(student.cdf(ahead.mean() / error, num_done - 1) < level)
