"""A number that is known in training only, predicted and cut into classes."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from yachay.components.prediction_task import PredictionTask
from yachay.components.trainer.families import two_step
from yachay.components.trainer.families.two_step import TwoStepHyperparameters, find_ends
from yachay.components.trainer.family import families_for
from yachay.components.trainer.settings import TrainerSettings, check_trainer
from yachay.components.trainer.table import Table
from yachay.components.trainer.target import Target
from yachay.errors import ConfigurationError, ModelError

LABEL: dict[str, Any] = {"name": "class", "values": ["A", "B", "C"], "ordered": True}
FIELDS: dict[str, Any] = {"problem": "classification", "label": LABEL, "features": {"grade": "numeric"}}
CUT = PredictionTask.model_validate({**FIELDS, "label": {**LABEL, "cut_of": "score"}})


@pytest.fixture
def make_cut(make_table: Callable[..., Table]) -> Callable[..., Table]:
    """Returns a function that makes a table of which the classes are a cut of a number, falling where asked."""

    def make(num_classes: int = 3, num_rows: int = 600, seed: int = 0, falling: bool = False) -> Table:
        table = make_table(0, num_rows, seed)
        number = np.asarray(table.labels)
        ends = np.linspace(-0.5, 2.5, num_classes - 1) if num_classes > 2 else np.array([1.0])
        labels = np.digitize(number, ends).astype(np.int64)
        labels = num_classes - 1 - labels if falling else labels
        return dataclasses.replace(table, labels=labels, target=Target(num_classes), cut_of=number)

    return make


def fit(table: Table, **hyperparameters: Any) -> two_step.FittedTwoStep:
    return two_step.fit(table, None, TwoStepHyperparameters(**hyperparameters), 1)


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("num_classes", [2, 3, 5])
@pytest.mark.parametrize("family", ["linear", "xgboost"])
def test_the_export_gives_the_chances_that_python_does(
    family: str, num_classes: int, falling: bool, make_cut: Callable[..., Table]
) -> None:
    model = fit(make_cut(num_classes, falling=falling), family=family)
    unseen = make_cut(num_classes, seed=2, falling=falling)
    scores = model.predict(unseen.features)
    exported = model.scores({name: tf.constant(values) for name, values in unseen.features.items()}).numpy()

    np.testing.assert_allclose(exported, scores, atol=1e-5)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert np.mean(scores.argmax(axis=1) == unseen.labels) > 1.5 / num_classes


def test_the_ends_are_those_of_the_rule_and_labels_off_it_are_a_share_at_random(make_cut: Callable[..., Table]) -> None:
    table = make_cut(num_rows=4000, falling=True)
    random = np.random.default_rng(3)
    is_random = random.random(len(table)) < 0.2
    labels = np.where(is_random, random.permutation(table.labels), table.labels)
    cut = fit(dataclasses.replace(table, labels=labels))._cut

    assert cut.direction == -1
    np.testing.assert_allclose(-cut.ends[::-1], [-0.5, 2.5], atol=0.02)
    assert 0.1 < cut.at_random < 0.3
    assert 0.2 < cut.spread < 1.5


def test_rows_without_the_number_are_left_out_and_none_with_it_is_an_error(make_cut: Callable[..., Table]) -> None:
    table = make_cut()
    assert table.cut_of is not None
    partly = dataclasses.replace(table, cut_of=np.where(np.arange(600) < 300, table.cut_of, np.float32(np.nan)))
    known = table.take(np.arange(300))

    np.testing.assert_array_equal(fit(partly).predict(table.features), fit(known).predict(table.features))
    for cut_of in (None, np.full(600, np.nan, np.float32)):
        with pytest.raises(ModelError, match=r"the number that the classes are a cut of, `label\.cut_of`"):
            fit(dataclasses.replace(table, cut_of=cut_of))


def test_an_end_is_infinite_where_no_row_is_beyond_it_and_ends_ascend() -> None:
    assert find_ends(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1]), 3).tolist() == [3.0, np.inf]
    assert find_ends(np.array([1.0, 1.0, 1.0]), np.array([0, 0, 1]), 2).tolist() == [np.inf]
    # Class 1 ends best below where class 0 does.
    assert find_ends(np.arange(4.0), np.array([2, 0, 2, 2]), 3).tolist() == [-np.inf, -np.inf]
    ends = find_ends(np.arange(6.0), np.array([2, 2, 2, 0, 0, 1]), 3)
    assert ends.tolist() == sorted(ends)


def test_only_a_label_that_is_a_cut_has_this_family() -> None:
    uncut = PredictionTask.model_validate(FIELDS)

    assert "two_step" in families_for(CUT)
    assert "two_step" not in families_for(uncut)
    with pytest.raises(ConfigurationError, match=r"expected a family for a classification .*, received 'two_step'"):
        check_trainer(uncut, TrainerSettings(family="two_step"))


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"family": "keras"}, r"two_step\.family: expected one of boosted_trees, .*, received 'keras'"),
        ({"hyperparameters": {"alpa": 1}}, r"two_step\.hyperparameters\.alpa: no such field\. Did you mean 'alpha'"),
        (
            {"family": "boosted_trees", "hyperparameters": {"monotonic_cst": {"grad": 1}}},
            r"two_step\.hyperparameters\.monotonic_cst.* 'grad'",
        ),
    ],
)
def test_a_regression_that_does_not_fit_is_named(hyperparameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_trainer(CUT, TrainerSettings(family="two_step", hyperparameters={"two_step": hyperparameters}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label": {**LABEL, "cut_of": "grade"}}, "expected no 'grade', for the label is a cut of it"),
        ({"label": {**LABEL, "cut_of": "class"}}, "expected another column than the label's own"),
        ({"label": {**LABEL, "ordered": False, "cut_of": "score"}}, "expected `ordered: true` with it"),
        (
            {"problem": "regression", "label": {"name": "y", "cut_of": "score"}},
            "expected none, for a regression has no classes",
        ),
        ({"label": {**LABEL, "cut_share": 0.2}}, "expected `cut_of` and two classes in `values` with it"),
    ],
)
def test_a_cut_that_contradicts_the_task_is_rejected(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PredictionTask.model_validate({**FIELDS, **fields})
