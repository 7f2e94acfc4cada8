"""Which trial is trained: the best one, unless its lead over the configuration as it is may be chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from .race import chance_of_lead
from .record import Trial, best_of


@dataclasses.dataclass(frozen=True)
class Choice:
    """What of the trials of a search is trained; see `Search` for each field."""

    best: int
    configured: int | None
    p_value: float | None
    taken: int


def choose(
    trials: Sequence[Trial],
    configured: Trial | None,
    objective: str,
    higher_is_better: bool,
    num_folds: int,
    keep_level: float,
) -> Choice | None:
    """Returns which trial is the best one and which is taken; None where none was completed.

    Args:
        trials: sequence of `Trial`.
        configured: `Trial` or None. The one that is the configuration; see `configured_of`.
        objective: string. The metric.
        higher_is_better: bool. Of the objective.
        num_folds: int.
        keep_level: float. The level of significance at which the best trial must lead the configuration; at 0.5 any
            lead will do.
    """
    best = best_of([trial for trial in trials if trial.status == "completed"], higher_is_better)
    if best is None:
        return None
    if configured is None:
        return Choice(best.number, None, None, best.number)
    if configured.number == best.number:
        return Choice(best.number, best.number, None, best.number)
    p_value = chance_of_lead(best.scores(objective), configured.scores(objective), num_folds, higher_is_better)
    taken = best if p_value < keep_level else configured
    return Choice(best.number, configured.number, p_value, taken.number)


def configured_of(trials: Sequence[Trial], family: str, higher_is_better: bool) -> Trial | None:
    """Returns the trial that is the configuration as it is; None where none was completed.

    Args:
        trials: sequence of `Trial`.
        family: string. The configured one. Where it is `"auto"` or was not searched in, the best of the trials that
            have a family as configured.
        higher_is_better: bool.
    """
    done = [trial for trial in trials if trial.source == "configuration" and trial.status == "completed"]
    return best_of([trial for trial in done if trial.family == family] or done, higher_is_better)
