"""The networks: they begin at the ridge regression, quantiles ascend, TensorFlow's graph gives Keras's numbers."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import Ridge

from yachay.components.features import FeatureKind
from yachay.components.trainer.columns import Column
from yachay.components.trainer.families.sequences import FAMILIES, NetworkHyperparameters, _linear_inputs, _ridge
from yachay.components.trainer.table import Table
from yachay.components.trainer.target import Target
from yachay.errors import ModelError

pytestmark = pytest.mark.integration

PAST, AHEAD = 12, 4
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
SMALL = {"units": 8, "head_units": 8, "max_epochs": 1}
COLUMNS = (
    Column("temperature_c", FeatureKind.NUMERIC, 0, PAST),
    Column("pressure_hpa", FeatureKind.NUMERIC, 0, PAST),
    Column("sun_ahead", FeatureKind.NUMERIC, 0, AHEAD),
    Column("hour_sin_1", FeatureKind.NUMERIC),
    Column("station", FeatureKind.CATEGORICAL, 3),
)


def table(rows: int, seed: int, quantiles: tuple[float, ...] = QUANTILES) -> Table:
    random = np.random.default_rng(seed)
    series = random.normal(0, 1, (rows, PAST + AHEAD)).cumsum(axis=1).astype(np.float32)
    features = {
        "temperature_c": series[:, :PAST],
        "pressure_hpa": random.normal(0, 1, (rows, PAST)).astype(np.float32),
        "sun_ahead": random.uniform(-1, 1, (rows, AHEAD)).astype(np.float32),
        "hour_sin_1": random.uniform(-1, 1, rows).astype(np.float32),
        "station": random.integers(0, 3, rows),
    }
    labels = 10 + 3 * series[:, PAST:] + features["sun_ahead"]
    return Table(COLUMNS, features, labels.astype(np.float32), Target(steps=AHEAD, quantiles=quantiles))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_graph_and_library_agree_and_quantiles_ascend(family: object) -> None:
    hyperparameters = family.resolve({**SMALL, "products": ["hour_sin_1"]})  # type: ignore[attr-defined]
    model = family.fit(table(600, 0), table(200, 1), hyperparameters, 42)  # type: ignore[attr-defined]
    unseen = table(50, 2)
    predicted = model.predict(unseen.features)
    assert predicted.shape == (50, AHEAD, len(QUANTILES))
    assert (np.diff(predicted, axis=-1) > 0).all()
    tensors = {name: tf.constant(values) for name, values in unseen.features.items()}
    np.testing.assert_allclose(model.scores(tensors).numpy(), predicted, atol=1e-4)
    naive = np.abs(unseen.labels - unseen.labels.mean(axis=0)).mean()
    assert np.abs(predicted[..., 2] - unseen.labels).mean() < 0.7 * naive


def test_without_quantiles_the_forecast_is_one_number_a_step() -> None:
    family = FAMILIES[0]
    hyperparameters = family.resolve({"units": 4, "head_units": 4, "max_epochs": 1})
    model = family.fit(table(300, 0, ()), table(100, 1, ()), hyperparameters, 42)
    assert model.predict(table(20, 2).features).shape == (20, AHEAD)


def test_the_linear_part_is_that_of_scikit_learn_with_products() -> None:
    random = np.random.default_rng(0)
    past = random.normal(3, 2, (9000, 4, 2)).astype(np.float32)
    others = random.normal(0, 1, (9000, 3)).astype(np.float32)
    hyperparameters = NetworkHyperparameters(ridge=(30.0,), products=("hour",), product_steps=3)
    values = np.concatenate([past[:, -1], past[:, 1:].mean(axis=1)], axis=1)
    inputs = np.concatenate([past.reshape(9000, -1), others, values * others[:, :1]], axis=1)
    labels = (inputs @ random.normal(0, 1, (15, 3)) + random.normal(0, 1, (9000, 3)) + 5).astype(np.float32)

    given = [tf.constant(past), tf.constant(others)]
    kernel, bias = _ridge(given, labels, given, labels, hyperparameters)

    np.testing.assert_allclose(_linear_inputs(past, others, hyperparameters), inputs, rtol=1e-5, atol=1e-6)
    fitted = Ridge(30.0).fit(inputs.astype(np.float64), labels.astype(np.float64))
    np.testing.assert_allclose(kernel, fitted.coef_.T, atol=1e-4)
    np.testing.assert_allclose(bias, fitted.intercept_, atol=1e-4)


def test_each_step_has_the_penalty_of_the_least_validation_error() -> None:
    random = np.random.default_rng(0)
    past, others = (random.normal(0, 1, shape).astype(np.float32) for shape in ((400, 12, 2), (400, 3)))
    # What one step has of the inputs, and noise in the other.
    labels = np.stack([past[:, 0, 0], random.normal(0, 1, 400)], axis=1).astype(np.float32)
    learned, judged = ([past[rows], others[rows]] for rows in (slice(0, 200), slice(200, 400)))

    def solve(*penalties: float) -> list[np.ndarray]:
        return _ridge(learned, labels[:200], judged, labels[200:], NetworkHyperparameters(ridge=penalties))

    chosen, weak, strong = solve(0.1, 1e4), solve(0.1), solve(1e4)
    for array, first, second in zip(chosen, weak, strong, strict=True):
        np.testing.assert_array_equal(array[..., 0], first[..., 0])
        np.testing.assert_array_equal(array[..., 1], second[..., 1])


def test_products_of_what_is_no_number_are_an_error() -> None:
    hyperparameters = FAMILIES[0].resolve({"products": ["hour_sin"]})
    with pytest.raises(
        ModelError, match=r"to name transformed numbers\. Received: 'hour_sin'\. Did you mean 'hour_sin_1'"
    ):
        FAMILIES[0].fit(table(20, 0), table(20, 1), hyperparameters, 42)


def test_without_a_sequence_all_inputs_are_one_step() -> None:
    columns = tuple(column for column in COLUMNS if column.steps is None)
    learned, judged = (dataclasses.replace(table(300, seed, ()), columns=columns) for seed in (0, 1))
    hyperparameters = FAMILIES[0].resolve({"units": 4, "head_units": 4, "max_epochs": 1})
    model = FAMILIES[0].fit(learned, judged, hyperparameters, 42)
    assert model.predict(judged.features).shape == (300, AHEAD)


def test_the_same_seed_gives_the_same_forecasts() -> None:
    family = FAMILIES[2]
    hyperparameters = family.resolve(SMALL)
    first, second = (
        family.fit(table(300, 0), table(100, 1), hyperparameters, 7).predict(table(9, 2).features) for _ in "ab"
    )
    np.testing.assert_array_equal(first, second)


def test_training_without_a_validation_part_is_an_error() -> None:
    with pytest.raises(ModelError, match="a validation part for early stopping"):
        FAMILIES[0].fit(table(20, 0), None, FAMILIES[0].resolve({}), 42)
