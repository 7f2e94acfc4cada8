"""The trials of a search: what was tried, and what of it mattered."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...tuner.record import Search, Trial
from ...tuner.settings import Choices, Range
from ..report import ParameterEffect, TrialRow, Trials

MIN_TRIALS = 6
NUM_GROUPS = 3
_BEST_SHARE = 1 / 3

Values = NDArray[np.float64]


def summarize_search(search: Search) -> Trials:
    """Returns what the page shows of a search, its trials in the order of their numbers."""
    configured = search.configured_trial
    return Trials(
        objective=search.objective,
        higher_is_better=search.higher_is_better,
        oracle=search.oracle,
        num_folds=search.num_folds,
        num_records=search.num_records,
        seconds=search.seconds,
        num_resumed=search.num_resumed,
        best=search.best,
        taken=search.taken,
        configured=None if configured is None else configured.score,
        p_value=search.p_value,
        keep_level=search.keep_level,
        trials=tuple(
            TrialRow(
                number=trial.number,
                source=trial.source,
                family=trial.family,
                parameters=_searched(search, trial),
                status=trial.status,
                score=trial.score,
                folds=tuple(_of_folds(trial, search.objective)),
                seconds=trial.seconds,
                message=trial.message,
            )
            for trial in search.trials
        ),
        effects=tuple(sorted(_effects(search), key=lambda effect: -effect.share)),
    )


def _searched(search: Search, trial: Trial) -> dict[str, Any]:
    """Returns the values of what the search varies, the family apart."""
    given = {**trial.hyperparameters, **trial.training}
    names = [*search.spaces.get(trial.family, ()), *search.training]
    return {name: given[name] for name in names if name in given}


def _of_folds(trial: Trial, objective: str) -> Iterator[float | None]:
    return (fold.metrics.get(objective) for fold in trial.folds)


def _effects(search: Search) -> Iterator[ParameterEffect]:
    """Yields the effect of the family, of the training options, and of the hyperparameters of each family."""
    known = [trial for trial in search.trials if trial.rounds_share == 1 and any(_known(trial, search.objective))]
    # The same model again, which an oracle may propose, is no second observation.
    trials = list({_model_of(trial, search): trial for trial in known}.values())
    if len(trials) < MIN_TRIALS:
        return
    sign = 1.0 if search.higher_is_better else -1.0
    scores = dict(zip((trial.number for trial in trials), sign * scores_beside_folds(trials, search), strict=True))
    families = list(dict.fromkeys(trial.family for trial in trials))
    if len(families) > 1:
        yield from _effect("family", "", [(trial.family, scores[trial.number]) for trial in trials], None)
    for name, space in search.training.items():
        values = [(trial.training[name], scores[trial.number]) for trial in trials if name in trial.training]
        yield from _effect(name, "", values, space)
    for family in families:
        for name, space in search.spaces.get(family, {}).items():
            values = [
                (trial.hyperparameters[name], scores[trial.number])
                for trial in trials
                if trial.family == family and name in trial.hyperparameters
            ]
            yield from _effect(name, family, values, space)


def _model_of(trial: Trial, search: Search) -> str:
    return json.dumps([trial.family, _searched(search, trial), list(_of_folds(trial, search.objective))])


def _known(trial: Trial, objective: str) -> Iterator[bool]:
    return (value is not None for value in _of_folds(trial, objective))


def scores_beside_folds(trials: Sequence[Trial], search: Search) -> Values:
    """Returns a score of each trial, `(N,)`, as if all had been tried on the same folds.

    A trial that was stopped early has some folds only, and folds differ in how hard they are: the least squares of a
    value for each trial and one for each fold.
    """
    places = [
        (row, fold, value)
        for row, trial in enumerate(trials)
        for fold, value in enumerate(_of_folds(trial, search.objective))
        if value is not None
    ]
    design = np.zeros((len(places), len(trials) + search.num_folds))
    for place, (row, fold, _) in enumerate(places):
        design[place, [row, len(trials) + fold]] = 1
    solved = np.linalg.lstsq(design, np.array([value for _, _, value in places]), rcond=None)[0]
    return np.asarray(solved[: len(trials)])


def _effect(
    name: str, family: str, known: Sequence[tuple[Any, float]], space: Range | Choices | None
) -> Iterator[ParameterEffect]:
    """Yields the effect of a parameter, of values and scores that rise; nothing of too few trials."""
    if isinstance(space, Range):
        # The configuration may hold what is no number: `gamma: null`, `max_features: sqrt`.
        known = [(value, score) for value, score in known if isinstance(value, int | float)]
    if len(known) < MIN_TRIALS or len({json.dumps(value) for value, _ in known}) < 2:
        return
    values, scores = [value for value, _ in known], np.array([score for _, score in known])
    best = np.argsort(-scores, kind="stable")[: max(2, round(_BEST_SHARE * len(scores)))]
    groups: NDArray[Any]
    if isinstance(space, Range):
        numbers = np.array(values, np.float64)
        groups = np.searchsorted(np.quantile(numbers, np.arange(1, NUM_GROUPS) / NUM_GROUPS), numbers)
        good: tuple[Any, ...] = (float(numbers[best].min()), float(numbers[best].max()))
    else:
        texts = [json.dumps(value) for value in values]
        groups = np.unique(texts, return_inverse=True)[1]
        good = tuple(json.loads(text) for text in dict.fromkeys(texts[place] for place in best))
    yield ParameterEffect(
        name=name, family=family, trials=len(known), share=explained_share(groups, scores),
        is_range=isinstance(space, Range), good=good,
    )  # fmt: skip


def explained_share(groups: NDArray[Any], scores: Values) -> float:
    """Returns the share of the variance of scores that groups explain, less what chance would (Kelley's epsilon²)."""
    codes = np.unique(groups, return_inverse=True)[1]
    counts = np.bincount(codes)
    total = float(np.var(scores, ddof=1))
    if total == 0 or len(counts) == len(scores):
        return 0.0
    means = np.bincount(codes, scores) / counts
    within = float(np.sum((scores - means[codes]) ** 2)) / (len(scores) - len(counts))
    return max(0.0, 1 - within / total)
