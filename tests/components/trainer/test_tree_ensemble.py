from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from yachay.components.trainer.family import Family, load_families
from yachay.components.trainer.table import Table
from yachay.components.trainer.tree_ensemble import Tree, TreeEnsemble, round_down

FAMILIES = load_families()
TREE_FAMILIES = (FAMILIES["boosted_trees"], FAMILIES["random_forest"], FAMILIES["xgboost"])


def stump(threshold: float) -> Tree:
    leaf = [-1, 1, 2]
    return Tree(
        feature=np.array([0, 0, 0]),
        threshold=np.array([threshold, np.inf, np.inf]),
        left=np.array([1, *leaf[1:]]),
        right=np.array([2, *leaf[1:]]),
        value=np.array([[0.0], [10.0], [20.0]]),
    )


def test_a_threshold_between_two_float32_values_parts_them_as_in_float64() -> None:
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    values = np.array([low, high], np.float32)
    # Nearer to `high` than to `low`: rounded to the nearest, it would send `high` left.
    threshold = 0.1 * np.float64(low) + 0.9 * np.float64(high)

    answers = TreeEnsemble([stump(threshold)], np.zeros(1), "identity")(values[:, np.newaxis])

    assert (values.astype(np.float64) <= threshold).tolist() == [True, False]
    assert answers.numpy().ravel().tolist() == [10.0, 20.0]


def test_a_value_on_the_threshold_goes_left() -> None:
    answers = TreeEnsemble([stump(2.0)], np.ones(1), "identity")(tf.constant([[2.0], [2.5]]))

    assert answers.numpy().ravel().tolist() == [11.0, 21.0]


def test_rounding_down_never_passes_the_value() -> None:
    values = np.array([0.1, -0.1, 1e30, 1e300, -1e300, 0.5, np.inf])

    rounded = round_down(values)

    assert rounded.dtype == np.float32
    assert (rounded.astype(np.float64) <= values).all()
    assert rounded[[3, 4]].tolist() == [np.finfo(np.float32).max, -np.inf]
    np.testing.assert_allclose(rounded[:3], values[:3], rtol=2e-7)


def test_a_threshold_that_tensorflow_would_take_for_zero_parts_zero_from_its_neighbours() -> None:
    tiny = np.finfo(np.float32).smallest_normal
    values = np.array([[-tiny], [0.0], [tiny]], np.float32)

    below = TreeEnsemble([stump(-1e-40)], np.zeros(1), "identity")(values)
    above = TreeEnsemble([stump(1e-40)], np.zeros(1), "identity")(values)

    assert below.numpy().ravel().tolist() == [10.0, 20.0, 20.0]
    assert above.numpy().ravel().tolist() == [10.0, 10.0, 20.0]


@pytest.mark.parametrize("num_classes", [0, 2, 3])
@pytest.mark.parametrize(
    "family", [*TREE_FAMILIES, FAMILIES["linear"], FAMILIES["svm"]], ids=lambda family: family.name
)
def test_the_exported_scores_agree_with_the_library(
    family: Family, num_classes: int, make_table: Callable[..., Table]
) -> None:
    table = make_table(num_classes)
    model = family.fit(table, None, family.hyperparameters(), seed=1)
    unseen = make_table(num_classes, num_rows=500, seed=2).features

    exported = model.scores({name: tf.constant(values) for name, values in unseen.items()})

    assert exported.shape == (500, num_classes or 1)
    np.testing.assert_allclose(exported, model.predict(unseen), atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", TREE_FAMILIES, ids=lambda family: family.name)
def test_the_exported_scores_agree_where_values_lie_on_thresholds_and_codes_were_never_seen(
    family: Family, make_table: Callable[..., Table]
) -> None:
    table = make_table(3)
    model = family.fit(table, None, family.hyperparameters(), seed=1)
    thresholds = next(variable for variable in model.variables if variable.name.startswith("threshold")).numpy()
    ties = np.unique(thresholds[np.isfinite(thresholds)])
    ties = np.concatenate([ties, np.nextafter(ties, np.float32(np.inf)), np.nextafter(ties, np.float32(-np.inf))])
    features = {
        "grade": ties,
        "age": np.random.default_rng(0).permutation(ties),
        "course": np.arange(len(ties)) % 8,
        "origin": np.arange(len(ties)) % 400,
    }

    exported = model.scores({name: tf.constant(values) for name, values in features.items()})

    np.testing.assert_allclose(exported, model.predict(features), atol=1e-5, rtol=0)
