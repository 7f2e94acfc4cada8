"""Searches that ran side by side in pods of their own, as one."""

import dataclasses
from collections.abc import Sequence

from ..tuner.choice import choose
from ..tuner.record import Search, Trial


def merge(searches: Sequence[Search]) -> Search:
    """Returns searches of the same space and folds as one: their trials one after the other, numbered anew.

    The configuration as it is, which each has tried, is among them once.

    Args:
        searches: sequence of `Search`, at least one.
    """
    first = searches[0]
    kept = [
        trial for search in searches for trial in search.trials if search is first or trial.source != "configuration"
    ]
    trials: tuple[Trial, ...] = tuple(
        trial.model_copy(update={"number": number}) for number, trial in enumerate(kept, start=1)
    )
    choice = choose(
        trials,
        first.configured_trial,
        first.objective,
        first.higher_is_better,
        first.num_folds,
        first.keep_level,
    )
    return first.model_copy(
        update={
            **({} if choice is None else dataclasses.asdict(choice)),
            "trials": trials,
            "max_trials": sum(search.max_trials for search in searches),
            "seconds": max(search.seconds for search in searches),
            "num_resumed": sum(search.num_resumed for search in searches),
        }
    )
