"""Class weights, oversampling, mixup and calibration."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.class_weight import compute_class_weight

from yachay.components.features import FeatureKind
from yachay.components.prediction_task import PredictionTask, SplitSettings
from yachay.components.splitter import Splitter
from yachay.components.trainer import train as training
from yachay.components.trainer.augment import augment, class_weights, mix, oversample
from yachay.components.trainer.calibration import Isotonic, Temperature, choose_calibration, log_loss
from yachay.components.trainer.columns import Column
from yachay.components.trainer.family import load_families
from yachay.components.trainer.settings import TrainerSettings, check_trainer
from yachay.components.trainer.table import Table
from yachay.components.trainer.target import Target
from yachay.components.trainer.train import train
from yachay.errors import ConfigurationError, ModelError

pytestmark = pytest.mark.integration

TASK = PredictionTask.model_validate(
    {"problem": "classification", "label": {"name": "y", "values": ["a", "b", "c"]}, "features": {"grade": "numeric"}}
)


def unbalanced(table: Table) -> Table:
    """Ten rows of class 0, fifty of class 1 and all hundred of class 2."""
    rows = [np.flatnonzero(table.labels == k)[:count] for k, count in enumerate((10, 50, 100))]
    return table.take(np.concatenate(rows))


def test_oversampling_repeats_rows_of_rare_classes_alone(make_table: Callable[..., Table]) -> None:
    table = unbalanced(make_table(3))

    more = oversample(table, 0.4, np.random.default_rng(0))

    assert np.bincount(more.labels).tolist() == [40, 50, 100]
    assert set(more.features["grade"][160:]) <= set(table.features["grade"][:10])


def test_balanced_class_weights_are_scikit_learns(make_table: Callable[..., Table]) -> None:
    table = unbalanced(make_table(3))

    weights = class_weights(table, ("a", "b", "c"), "balanced")

    expected = compute_class_weight("balanced", classes=np.arange(3), y=table.labels)
    np.testing.assert_allclose(weights, expected[table.labels], rtol=1e-6)
    assert set(class_weights(table, ("a", "b", "c"), {"a": 3.0})) == {1.0, 3.0}


def test_mixed_rows_lie_between_two_and_count_as_one(make_table: Callable[..., Table]) -> None:
    table = make_table(3)

    mixed = mix(table, 0.4, np.random.default_rng(0))

    rows = len(table)
    assert len(mixed) == 3 * rows
    assert mixed.weights is not None
    np.testing.assert_allclose(mixed.weights[rows : 2 * rows] + mixed.weights[2 * rows :], 1, rtol=1e-6)
    np.testing.assert_array_equal(mixed.features["grade"][rows : 2 * rows], mixed.features["grade"][2 * rows :])
    assert set(np.unique(mixed.features["course"])) <= set(np.unique(table.features["course"]))
    assert np.abs(mixed.features["grade"]).max() <= np.abs(table.features["grade"]).max()


def test_a_mixed_number_is_the_mean_that_its_features_are(make_table: Callable[..., Table]) -> None:
    table = make_table(0)
    table = dataclasses.replace(table, labels=2 * table.features["grade"])

    mixed = mix(table, 0.4, np.random.default_rng(0))

    np.testing.assert_allclose(mixed.labels, 2 * mixed.features["grade"], atol=1e-5)


def test_a_validation_part_is_never_augmented(
    make_table: Callable[..., Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    table = unbalanced(make_table(3)).in_canonical_order()
    settings = TrainerSettings(family="linear", oversampling=1.0)
    part, validation = table.split(settings.validation_share, settings.seed)

    def watched(rows: Table, *rest: Any) -> Table:
        seen.append(len(rows))
        return augment(rows, *rest)

    monkeypatch.setattr(training, "augment", watched)
    trained = train(table, TASK, settings)

    assert seen == [len(part), len(table)]
    assert trained.validation_metrics == training.score(
        load_families()["linear"].fit(augment(part, TASK, settings), None, load_families()["linear"].resolve({}), 42),
        validation,
        TASK,
    )


@pytest.mark.parametrize("family", ["boosted_trees", "random_forest", "linear", "xgboost", "svm"])
def test_a_row_that_counts_for_much_is_heeded(family: str, make_table: Callable[..., Table]) -> None:
    table = make_table(2)
    weights = np.where(table.labels == 1, 20.0, 1.0).astype(np.float32)
    of = load_families()[family]

    plain, weighted = (
        of.fit(rows, None, of.resolve({}), 1).predict(table.features)
        for rows in (table, dataclasses.replace(table, weights=weights))
    )

    assert weighted[:, 1].mean() > plain[:, 1].mean() + 0.005


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray]:
    """Scores that are too sure of themselves, and labels of the true chances."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (random.random((4000, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    sure = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    return sure.astype(np.float32), labels


def test_a_temperature_undoes_what_made_scores_too_sure(scored: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = scored

    found = Temperature.fit(scores, labels)
    calibrated = np.asarray(found(tf.constant(scores)))

    assert 2.7 < found.temperature < 3.3
    assert (calibrated.argmax(axis=1) == scores.argmax(axis=1)).mean() > 0.999
    assert log_loss(calibrated, labels) < log_loss(scores, labels) - 0.2


def test_isotonic_lines_are_scikit_learns(scored: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = scored

    calibrated = np.asarray(Isotonic.fit(scores, labels)(tf.constant(scores)))

    exact = scores.astype(np.float64)  # Of float32 scikit-learn takes near values for one.
    lines = [
        IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(exact[:, k], labels == k).predict(exact[:, k])
        for k in range(3)
    ]
    expected = np.stack(lines, axis=1)
    np.testing.assert_allclose(calibrated, expected / expected.sum(axis=1, keepdims=True), atol=1e-4)


def test_auto_takes_what_is_best_on_rows_it_was_not_fitted_to(scored: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = scored
    true = scores ** (1 / 3) / (scores ** (1 / 3)).sum(axis=1, keepdims=True)

    assert choose_calibration(scores, labels, "auto")[0] == "temperature"
    assert choose_calibration(true, labels, "auto")[0] in ("none", "temperature")
    assert choose_calibration(true, labels, "isotonic")[0] == "isotonic"


@pytest.mark.parametrize("calibration", ["temperature", "isotonic"])
def test_a_calibrated_model_is_exported_as_it_predicts(calibration: Any, make_table: Callable[..., Table]) -> None:
    table = make_table(3, num_rows=600).in_canonical_order()
    settings = TrainerSettings(family="xgboost", calibration=calibration, mixup=0.3, class_weights="balanced")

    trained = train(table, TASK, settings, is_validated=False)
    predicted = trained.model.predict(table.features)
    exported = trained.model.scores({name: tf.constant(values) for name, values in table.features.items()})

    assert trained.hyperparameters["calibration"] == calibration
    np.testing.assert_allclose(exported, predicted, atol=1e-5)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("is_validated", [True, False])
def test_a_calibration_by_folds_sees_each_row_as_models_of_other_groups_do(
    is_validated: bool, make_table: Callable[..., Table]
) -> None:
    splitter = Splitter(SplitSettings(method="group", key="town"))
    table = dataclasses.replace(make_table(3), keys=np.arange(300) % 10, splitter=splitter)
    settings = TrainerSettings(family="boosted_trees", calibration="temperature", calibration_folds=3)
    family, plain = load_families(())["boosted_trees"], settings.model_copy(update={"calibration": None})

    trained = train(table, TASK, settings, is_validated)

    scores = np.empty((300, 3), np.float32)
    for rows, held_out in splitter.folds(table.keys, table.labels, 3, settings.seed):
        assert not set(table.keys[rows]) & set(table.keys[held_out])
        model = family.fit(table.take(rows), None, family.resolve({}), settings.seed)
        scores[held_out] = model.predict(table.take(held_out).features)
    by_hand = Temperature.fit(scores, table.labels)
    assert by_hand.temperature > 1.1
    uncalibrated = train(table, TASK, plain, is_validated).model.predict(table.features)
    np.testing.assert_allclose(trained.model.predict(table.features), by_hand(uncalibrated), atol=1e-5)
    assert trained.hyperparameters["calibration"] == "temperature"


def test_class_weights_name_classes_of_the_label() -> None:
    with pytest.raises(ConfigurationError, match=r"model\.class_weights: expected one of a, b, c, received 'd'"):
        check_trainer(TASK, TrainerSettings(class_weights={"d": 2.0}))


@pytest.mark.parametrize("options", [{"oversampling": 1.0}, {"mixup": 0.4}, {"oversampling": 1.0, "mixup": 0.4}])
def test_a_part_of_an_augmented_table_shares_no_row_with_the_rest(
    options: dict[str, float], make_table: Callable[..., Table]
) -> None:
    table = unbalanced(make_table(3)).in_canonical_order()
    augmented = augment(table, TASK, TrainerSettings.model_validate(options))

    rest, part = augmented.split(0.2, 1)

    assert part.origins is not None
    assert rest.origins is not None
    assert len(part) == 32 == len(np.unique(part.origins[:, 0]))
    np.testing.assert_array_equal(part.features["grade"], table.features["grade"][part.origins[:, 0]])
    np.testing.assert_array_equal(part.labels, table.labels[part.origins[:, 0]])
    assert not np.isin(rest.origins, part.origins).any()
    assert len(rest) > 160 - len(part)


def test_a_support_vector_machine_is_not_sure_of_noise_that_oversampling_repeats(
    make_table: Callable[..., Table],
) -> None:
    table = unbalanced(make_table(3))
    table = dataclasses.replace(table, labels=np.random.default_rng(0).permutation(table.labels))
    family = load_families()["svm"]
    hyperparameters = family.resolve({"gamma": 1e5, "C": 100.0})

    plain, repeated = (
        family.fit(augment(table, TASK, TrainerSettings(oversampling=share)), None, hyperparameters, 1)
        for share in (0.0, 1.0)
    )

    sure = [model.predict(table.features).max(axis=1).mean() for model in (plain, repeated)]
    assert sure[1] < sure[0] + 0.1


@pytest.mark.parametrize("labels", [[0] * 10 + [1] * 2 + [2], [0, 1] * 40 + [0, 1, 2] * 7])
def test_a_support_vector_machine_does_with_few_rows_of_a_class(
    labels: list[int], make_table: Callable[..., Table], caplog: pytest.LogCaptureFixture
) -> None:
    table = make_table(3)
    table = dataclasses.replace(table.take(np.arange(len(labels))), labels=np.array(labels))
    if len(labels) > 20:
        latest = SplitSettings(method="time", key="day")
        table = dataclasses.replace(table, keys=np.arange(len(labels)), splitter=Splitter(latest))
    family = load_families()["svm"]

    scores = family.fit(table, None, family.resolve({}), 1).predict(table.features)

    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert "too few rows" in caplog.text


def test_mixed_whole_numbers_are_means_too(make_table: Callable[..., Table]) -> None:
    table = make_table(3)
    table = dataclasses.replace(table, features={**table.features, "grade": np.arange(len(table)) % 2})

    mixed = mix(table, 0.4, np.random.default_rng(0)).features["grade"][len(table) :]

    assert ((mixed > 0.1) & (mixed < 0.9)).any()


def test_balanced_weights_are_of_the_classes_that_have_rows(make_table: Callable[..., Table]) -> None:
    table = unbalanced(make_table(3))
    table = table.take(np.flatnonzero(table.labels != 1))

    assert class_weights(table, ("a", "b", "c"), "balanced").sum() == pytest.approx(len(table))


def test_isotonic_leaves_a_class_that_no_label_has(scored: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = scored

    calibrated = Isotonic.fit(scores, np.minimum(labels, 1))(tf.constant([[0.05, 0.05, 0.9]]))

    assert np.asarray(calibrated)[0].argmax() == 2


def test_auto_calibrates_nothing_on_one_row() -> None:
    assert choose_calibration(np.array([[0.5, 0.5]], np.float32), np.array([1]), "auto") == ("none", None)


def test_class_weights_leave_a_task_of_numbers_alone() -> None:
    task = PredictionTask.model_validate(
        {"problem": "regression", "label": {"name": "y"}, "features": {"grade": "numeric"}}
    )

    check_trainer(task, TrainerSettings(class_weights={"d": 2.0}))


@pytest.mark.parametrize("calibration_folds", [None, 3])
@pytest.mark.parametrize("family", ["linear", "svm", "boosted_trees"])
def test_a_class_whose_rows_are_all_held_out_is_an_error_that_names_it(
    family: str, calibration_folds: int | None, make_table: Callable[..., Table]
) -> None:
    table = make_table(3)
    # All rows of the class c are the latest, or of one group.
    is_last = table.labels == 2
    method = "time" if calibration_folds is None else "group"
    keys = np.where(is_last, 1000, np.arange(300) % 40)
    splitter = Splitter(SplitSettings(method=method, key="day"))
    table = dataclasses.replace(table, keys=keys.astype(np.int64), splitter=splitter)
    settings = TrainerSettings(family=family, calibration="temperature", calibration_folds=calibration_folds)

    with pytest.raises(ModelError, match=r"Expected rows of every class of 'y' beside .* Received: none of c:"):
        train(table, TASK, settings, is_validated=calibration_folds is None)


@pytest.mark.parametrize("family", ["linear", "keras"])
def test_a_bag_is_the_mean_of_the_models_of_the_folds_and_is_judged_on_what_each_has_not_seen(
    family: str, make_table: Callable[..., Table]
) -> None:
    splitter = Splitter(SplitSettings(method="time", key="day", gap=2))
    table = dataclasses.replace(make_table(3), keys=np.arange(300), splitter=splitter)
    given = {"max_epochs": 2, "hidden_units": [4]} if family == "keras" else {}
    settings = TrainerSettings(
        family=family, bagging_folds=3, calibration="temperature", hyperparameters={family: given}
    )

    trained = train(table, TASK, settings)

    chosen = load_families()[family]
    members, unseen, labels = [], [], []
    for place, (rows, held_out) in enumerate(table.folds(3, settings.seed, is_interleaved=True)):
        part, rest = table.take(rows), table.take(held_out)
        members.append(chosen.fit(part, rest, chosen.resolve(given), settings.seed + place))
        unseen.append(members[-1].predict(rest.features))
        labels.append(rest.labels)
    mean = np.mean([member.predict(table.features) for member in members], axis=0)
    expected = np.asarray(Temperature.fit(np.concatenate(unseen), np.concatenate(labels))(mean))
    np.testing.assert_allclose(trained.model.predict(table.features), expected, atol=1e-5)
    exported = trained.model.scores({name: tf.constant(values) for name, values in table.features.items()})
    np.testing.assert_allclose(exported, expected, atol=1e-5)
    accuracy = np.mean(np.concatenate(unseen).argmax(axis=1) == np.concatenate(labels))
    assert trained.validation_metrics["accuracy"] == pytest.approx(accuracy)
    assert trained.hyperparameters["bagging_folds"] == 3


def test_folds_that_calibrate_beside_those_of_a_bag_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"calibration_folds: expected none beside `bagging_folds`"):
        TrainerSettings(bagging_folds=3, calibration_folds=3)


@pytest.fixture
def ahead() -> Table:
    """Returns a table of forecasts of three steps: the first is linear in `grade`, the last a step of `grade`."""
    random = np.random.default_rng(0)
    grade, hue = (random.normal(size=900).astype(np.float32) for _ in range(2))
    labels = np.stack([grade, grade + (grade > 0), 3 * (grade > 0)], axis=1) + random.normal(0, 0.3, (900, 3))
    return Table(
        (Column("grade", FeatureKind.NUMERIC), Column("hue", FeatureKind.NUMERIC)),
        {"grade": grade, "hue": hue},
        labels.astype(np.float32),
        Target(steps=3, quantiles=(0.1, 0.5, 0.9)),
        keys=np.arange(900),
        splitter=Splitter(SplitSettings(method="time", key="time")),
    )


FORECAST = PredictionTask.model_validate(
    {
        "problem": "forecast",
        "label": {"name": "ahead", "steps": 3, "quantiles": [0.1, 0.5, 0.9]},
        "features": {"grade": "numeric", "hue": "numeric"},
    }
)


def test_a_stack_is_the_mixture_that_errs_least_on_unseen_rows(ahead: Table) -> None:
    given = {"boosted_trees": {"max_iter": 20}}
    settings = TrainerSettings(family="linear", stacked_with=("boosted_trees",), bagging_folds=2, hyperparameters=given)

    trained = train(ahead, FORECAST, settings)

    weights = np.array(list(trained.hyperparameters["stack"].values()))
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=2e-3)
    # What is linear has the linear model's weight, the step that of the trees.
    assert weights[0, 0] > 0.8
    assert weights[1, 2] > 0.8
    assert trained.family == "linear"
    alone = {candidate.family: candidate.metrics["pinball"] for candidate in trained.leaderboard}
    assert trained.validation_metrics["pinball"] < min(alone.values())
    exported = trained.model.scores({name: tf.constant(values) for name, values in ahead.features.items()})
    np.testing.assert_allclose(exported, trained.model.predict(ahead.features), atol=1e-4)


def test_groups_are_calibrated_each_on_its_own(ahead: Table) -> None:
    settings = TrainerSettings(family="linear", bagging_folds=2, calibration="conformal", calibration_by=("grade",))
    trained = train(ahead, FORECAST, settings)
    assert trained.hyperparameters["calibration"] == "conformal by grade"
    predictions = trained.model.predict(ahead.features)
    inside = (predictions[..., 0] <= ahead.labels) & (ahead.labels <= predictions[..., 2])
    for rows in (ahead.features["grade"] > 0, ahead.features["grade"] <= 0):
        assert inside[rows].mean() == pytest.approx(0.8, abs=0.03)
    exported = trained.model.scores({name: tf.constant(values) for name, values in ahead.features.items()})
    np.testing.assert_allclose(exported, predictions, atol=1e-4)


def test_groups_by_what_is_no_number_are_an_error(ahead: Table) -> None:
    settings = TrainerSettings(family="linear", bagging_folds=2, calibration="conformal", calibration_by=("grad",))
    with pytest.raises(ModelError, match=r"`model\.calibration_by` to name transformed numbers\..*'grad'\..*'grade'"):
        train(ahead, FORECAST, settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"family": "linear", "stacked_with": ["keras"]}, r"stacked_with: expected `bagging_folds`"),
        ({"stacked_with": ["keras"], "bagging_folds": 2}, r"stacked_with: expected `bagging_folds` and a `family`"),
        ({"calibration_by": ["grade"]}, r"calibration_by: expected none without `calibration: conformal`"),
    ],
)
def test_a_stack_needs_folds_and_groups_a_conformal_calibration(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainerSettings(**given)
