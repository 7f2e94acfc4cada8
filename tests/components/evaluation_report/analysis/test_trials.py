"""What the page says of a search: its trials, and what of them mattered."""

from typing import Any

import numpy as np
import pytest

from yachay.components.evaluation_report.analysis.trials import (
    explained_share,
    scores_beside_folds,
    summarize_search,
)
from yachay.components.tuner.record import Search
from yachay.schemas.search.mock import mock_search


def search_of(num_trials: int = 40, **changes: Any) -> Search:
    return Search.model_validate(mock_search(num_trials) | changes)


def test_the_trials_stand_with_what_was_varied_the_best_first() -> None:
    search = search_of()
    trials = summarize_search(search)

    assert len(trials.trials) == 40
    assert trials.ranked[0].number == trials.best == search.best
    assert [trial.status for trial in trials.ranked[-3:]] == ["out_of_time", "stopped", "failed"]
    assert trials.trials[0].parameters.keys() == {"learning_rate", "max_depth", "mixup"}
    assert trials.trials[1].parameters.keys() == {"max_depth", "mixup"}
    assert trials.configured == max(trial.score or 0 for trial in trials.trials[:2])
    numbers, scores = zip(*trials.best_so_far, strict=True)
    assert 4 not in numbers  # It was stopped.
    assert list(scores) == sorted(scores)
    assert scores[-1] == trials.ranked[0].score


def test_the_same_model_again_says_nothing_of_what_mattered() -> None:
    document = mock_search(9)
    document["spaces"] = {"xgboost": {"max_depth": document["spaces"]["xgboost"]["max_depth"]}}
    trials = [document["trials"][place] for place in range(0, 9, 2)]
    for place, trial in enumerate(trials):
        trial["hyperparameters"], trial["training"] = {"max_depth": place // 2}, {"mixup": 0.0}
    document["trials"] = [*trials, *(trial | {"number": trial["number"] + 20} for trial in trials)]

    assert summarize_search(Search.model_validate(document)).effects == ()


def test_the_parameter_that_the_scores_follow_matters_most() -> None:
    first, *others = summarize_search(search_of()).effects

    assert (first.name, first.family, first.is_range) == ("max_depth", "xgboost", True)
    assert first.share > 0.5 > max(effect.share for effect in others)
    assert first.good[1] <= 4
    assert {(effect.name, effect.family) for effect in others} == {
        ("family", ""), ("mixup", ""), ("max_depth", "random_forest"), ("learning_rate", "xgboost"),
    }  # fmt: skip


@pytest.mark.parametrize("value", [None, "sqrt"])
def test_a_configured_value_that_is_no_number_is_beside_a_range(value: str | None) -> None:
    search = search_of()
    first = search.trials[0]
    configured = first.model_copy(update={"hyperparameters": {**first.hyperparameters, "max_depth": value}})

    effects = summarize_search(search.model_copy(update={"trials": (configured, *search.trials[1:])})).effects

    found = {(effect.name, effect.family): effect for effect in effects}
    everywhere = {(effect.name, effect.family): effect for effect in summarize_search(search).effects}
    assert found["max_depth", "xgboost"].trials == everywhere["max_depth", "xgboost"].trials - 1
    assert found["max_depth", "xgboost"].is_range


def test_of_few_trials_nothing_is_said_to_matter() -> None:
    search = search_of(6)
    assert summarize_search(search.model_copy(update={"trials": search.trials[:5]})).effects == ()


def test_a_trial_on_easy_folds_alone_is_compared_as_if_on_all() -> None:
    search = search_of(6)
    folds = np.array([[0.5, 0.7], [0.6, 0.8], [0.55, np.nan]])
    trials = [
        trial.model_copy(
            update={
                "folds": tuple(
                    trial.folds[0].model_copy(update={"metrics": {"macro_f1": float(value)}})
                    for value in row
                    if np.isfinite(value)
                )
            }
        )
        for trial, row in zip((search.trials[0], search.trials[1], search.trials[2]), folds, strict=True)
    ]

    scores = scores_beside_folds(trials, search.model_copy(update={"num_folds": 2}))

    np.testing.assert_allclose(scores - scores[0], [0, 0.1, 0.05])


def test_groups_at_random_explain_nothing_and_groups_that_decide_all() -> None:
    random = np.random.default_rng(0)
    shares = [explained_share(random.integers(0, 3, 30), random.normal(size=30)) for _ in range(200)]

    assert np.mean(shares) < 0.05
    assert explained_share(np.repeat([0, 1], 10), np.repeat([0.5, 0.7], 10)) == pytest.approx(1)
    assert explained_share(np.repeat([0, 1], 10), np.ones(20)) == 0
