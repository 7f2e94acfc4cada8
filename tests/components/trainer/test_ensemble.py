"""The mean of several families."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from yachay.components.features import FeatureKind
from yachay.components.trainer.families import ensemble
from yachay.components.trainer.families.ensemble import EnsembleHyperparameters
from yachay.components.trainer.family import load_families
from yachay.components.trainer.table import Table

FAMILIES = load_families()


def problems(num_classes: int = 3, **given: Any) -> list[str]:
    return list(ensemble.check(EnsembleHyperparameters(**given), {"grade": FeatureKind.NUMERIC}, num_classes))


@pytest.mark.parametrize("num_classes", [0, 3])
def test_its_scores_are_the_mean_of_those_of_its_families(num_classes: int, make_table: Callable[..., Table]) -> None:
    table, unseen = make_table(num_classes), make_table(num_classes, seed=2).features
    given = {"boosted_trees": {"max_iter": 5}, "xgboost": {"n_estimators": 5}}
    families = ("boosted_trees", "xgboost", "xgboost", "linear")
    model = ensemble.fit(table, None, EnsembleHyperparameters(families=families, hyperparameters=given), seed=3)

    members = [
        FAMILIES[name].fit(table, None, FAMILIES[name].resolve(given.get(name, {})), seed).predict(unseen)
        for seed, name in enumerate(families, start=3)
    ]
    np.testing.assert_allclose(model.predict(unseen), np.mean(members, axis=0), atol=1e-6)
    assert (members[1] != members[2]).any()


def test_what_does_not_fit_its_families_is_named() -> None:
    assert problems() == problems(0) == []
    assert problems(families=["linear", "svn"])[0].endswith("received 'svn'. Did you mean 'svm'?")
    assert "received 'keras'" in problems(families=["linear", "keras"])[0]  # It looks at a validation part.
    assert "received 'ensemble'" in problems(families=["linear", "ensemble"])[0]
    assert "received 'xgboost'" in problems(families=["linear", "svm"], hyperparameters={"xgboost": {}})[0]
    (line,) = problems(families=["linear", "svm"], hyperparameters={"linear": {"c": 1}})
    assert line == "hyperparameters.linear.c: no such field. Did you mean 'C'?"
