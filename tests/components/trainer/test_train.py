import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from yachay.components.features import FeatureKind, Problem
from yachay.components.trainer.config import TrainerConfig
from yachay.components.trainer.hyperparameters import resolve_hyperparameters
from yachay.components.trainer.table import Table
from yachay.components.trainer.train import train
from yachay.errors import ConfigurationError, ModelError

SMALL = {
    "keras": {"max_epochs": 3, "hidden_units": [8]},
    "boosted_trees": {"max_iter": 8},
    "random_forest": {"n_estimators": 8},
}


def configure(**fields: Any) -> TrainerConfig:
    given: dict[str, Any] = {
        "features": {"grade": FeatureKind.NUMERIC},
        "label": "outcome",
        "label_values": ("a", "b", "c"),
        "hyperparameters": SMALL,
    }
    return TrainerConfig(**(given | fields))


@pytest.mark.parametrize("family", ["boosted_trees", "random_forest", "linear", "keras"])
def test_the_order_of_the_rows_leaves_no_trace(family: Any, make_table: Callable[..., Table]) -> None:
    table = make_table(3, num_rows=200)
    shuffled = table.take(np.random.default_rng(5).permutation(len(table)))

    one, other = (train(rows.in_canonical_order(), configure(family=family)) for rows in (table, shuffled))

    assert one.validation_metrics == other.validation_metrics
    np.testing.assert_array_equal(one.model.predict(table.features), other.model.predict(table.features))


def test_auto_keeps_the_family_with_the_best_validation_macro_f1(make_table: Callable[..., Table]) -> None:
    trained = train(make_table(3).in_canonical_order(), configure(family="auto"))

    macro_f1 = {line.family: line.metrics["macro_f1"] for line in trained.leaderboard}
    assert set(macro_f1) == {"boosted_trees", "random_forest", "linear", "keras"}
    assert trained.family == trained.leaderboard[0].family
    assert macro_f1[trained.family] == max(macro_f1.values()) == trained.validation_metrics["macro_f1"]


def test_auto_keeps_the_regression_with_the_lowest_error(make_table: Callable[..., Table]) -> None:
    config = configure(family="auto", problem=Problem.REGRESSION, label_values=())

    trained = train(make_table(0).in_canonical_order(), config)

    errors = {line.family: line.metrics["rmse"] for line in trained.leaderboard}
    assert errors[trained.family] == min(errors.values())


def test_a_part_for_validation_holds_its_share_of_each_class(make_table: Callable[..., Table]) -> None:
    rest, part = make_table(3).in_canonical_order().split(0.2, seed=1)

    assert (len(rest), len(part)) == (240, 60)
    assert np.bincount(part.labels).tolist() == [20, 20, 20]


def test_one_row_is_too_few_to_validate(make_table: Callable[..., Table]) -> None:
    with pytest.raises(
        ModelError, match=r"Expected enough training rows to keep 15% for validation\. Received: 3 rows"
    ):
        train(make_table(3, num_rows=3), configure(family="linear"))


def test_scores_that_are_not_finite_are_refused(make_table: Callable[..., Table]) -> None:
    table = make_table(3)
    huge = dataclasses.replace(table, features={**table.features, "grade": np.full(len(table), np.float32(3e38))})

    with pytest.raises(ModelError, match=r"Expected finite scores\. Received: NaN or infinity"):
        train(huge, configure(family="keras"))


def test_an_unknown_hyperparameter_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigurationError, match=r"of 'linear' \(C, alpha, max_iter\)\. Received:\n  - depth: Extra"):
        resolve_hyperparameters("linear", {"depth": 3})


def test_the_custom_config_of_the_trainer_may_be_json() -> None:
    config = TrainerConfig.from_custom_config('{"features": {"a": "numeric"}, "label": "y", "problem": "regression"}')

    assert config.features == {"a": FeatureKind.NUMERIC}
    assert config.problem is Problem.REGRESSION


def test_an_unknown_field_of_the_custom_config_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Received: lable\."):
        TrainerConfig.from_custom_config({"features": {}, "lable": "y"})


def test_a_feature_that_cannot_be_an_input_of_a_signature_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Received: class, 1st_grade\. Rename the columns"):
        configure(features={"class": FeatureKind.CATEGORICAL, "1st_grade": FeatureKind.NUMERIC})
