import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from yachay.components.features import FeatureKind
from yachay.components.prediction_task import Label, PredictionTask, SplitSettings
from yachay.components.splitter import Splitter
from yachay.components.trainer import columns
from yachay.components.trainer.columns import Column, index_array, index_matrix
from yachay.components.trainer.family import load_families
from yachay.components.trainer.settings import TrainerConfig, TrainerSettings, check_trainer
from yachay.components.trainer.table import Table
from yachay.components.trainer.target import Target
from yachay.components.trainer.train import score, train
from yachay.errors import ConfigurationError, DataError, ModelError

pytestmark = pytest.mark.integration

SMALL = {
    "keras": {"max_epochs": 3, "hidden_units": [8]},
    "boosted_trees": {"max_iter": 8},
    "random_forest": {"n_estimators": 8},
}


TASK = PredictionTask.model_validate(
    {
        "problem": "classification",
        "label": {"name": "outcome", "values": ["a", "b", "c"]},
        "features": {"grade": "numeric"},
    }
)
REGRESSION = PredictionTask.model_validate(
    {"problem": "regression", "label": {"name": "outcome"}, "features": {"grade": "numeric"}}
)


def settings(family: str) -> TrainerSettings:
    return TrainerSettings(family=family, hyperparameters=SMALL)


@pytest.mark.parametrize("family", ["boosted_trees", "random_forest", "linear", "keras", "xgboost", "svm", "ensemble"])
def test_the_order_of_the_rows_leaves_no_trace(family: Any, make_table: Callable[..., Table]) -> None:
    table = make_table(3, num_rows=200)
    shuffled = table.take(np.random.default_rng(5).permutation(len(table)))

    one, other = (train(rows.in_canonical_order(), TASK, settings(family)) for rows in (table, shuffled))

    assert one.validation_metrics == other.validation_metrics
    np.testing.assert_array_equal(one.model.predict(table.features), other.model.predict(table.features))


@pytest.mark.parametrize("family", ["boosted_trees", "random_forest", "linear", "keras", "xgboost", "svm", "ensemble"])
def test_a_training_without_metrics_on_a_validation_part_gives_the_same_model(
    family: Any, make_table: Callable[..., Table]
) -> None:
    table = make_table(3, num_rows=200).in_canonical_order()

    one, other = (train(table, TASK, settings(family), is_validated) for is_validated in (True, False))

    np.testing.assert_array_equal(one.model.predict(table.features), other.model.predict(table.features))
    assert one.hyperparameters == other.hyperparameters
    assert bool(other.validation_metrics) == (family == "keras")


def test_the_canonical_order_is_that_of_all_columns_at_once(make_table: Callable[..., Table]) -> None:
    random = np.random.default_rng(3)
    table = make_table(3, num_rows=500)
    ties = {
        "half": random.integers(0, 2, 500),
        "gaps": np.where(random.random(500) < 0.5, np.float32("nan"), np.float32(1)),
        "zeros": np.full(500, 7),
    }
    table = dataclasses.replace(table, features=ties | {"age": table.features["age"], "steps": np.ones((500, 2))})
    keys = [table.labels]
    for name in sorted(table.features):
        keys += [table.features[name]] if name != "steps" else list(table.features[name].T)

    expected = table.take(np.lexsort(keys))

    for name, values in table.in_canonical_order().features.items():
        np.testing.assert_array_equal(values, expected.features[name])
    np.testing.assert_array_equal(table.in_canonical_order().labels, expected.labels)


def test_a_large_table_becomes_the_same_matrix_some_rows_at_a_time(
    make_table: Callable[..., Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_table(3, num_rows=25)
    expected = index_matrix(table.columns, table.features, 255).numpy()

    monkeypatch.setattr(columns, "ROWS_AT_A_TIME", 10)

    np.testing.assert_array_equal(index_array(table.columns, table.features, 255), expected)


def test_auto_keeps_the_family_with_the_best_validation_macro_f1(make_table: Callable[..., Table]) -> None:
    trained = train(make_table(3).in_canonical_order(), TASK, settings("auto"))

    macro_f1 = {line.family: line.metrics["macro_f1"] for line in trained.leaderboard}
    assert set(macro_f1) == {"boosted_trees", "random_forest", "linear", "keras", "svm", "xgboost", "ensemble"}
    assert trained.family == trained.leaderboard[0].family
    assert macro_f1[trained.family] == max(macro_f1.values()) == trained.validation_metrics["macro_f1"]


def test_auto_keeps_the_regression_with_the_lowest_error(make_table: Callable[..., Table]) -> None:
    trained = train(make_table(0).in_canonical_order(), REGRESSION, settings("auto"))

    errors = {line.family: line.metrics["rmse"] for line in trained.leaderboard}
    assert errors[trained.family] == min(errors.values())


def test_a_part_for_validation_holds_its_share_of_each_class(make_table: Callable[..., Table]) -> None:
    rest, part = make_table(3).in_canonical_order().split(0.2, seed=1)

    assert (len(rest), len(part)) == (240, 60)
    assert np.bincount(part.labels).tolist() == [20, 20, 20]


def test_one_row_is_too_few_to_validate(make_table: Callable[..., Table]) -> None:
    with pytest.raises(DataError, match=r"Expected enough rows to keep 15% for validation\. Received: 3 rows"):
        train(make_table(3, num_rows=3), TASK, settings("linear"))


def test_scores_that_are_not_finite_are_rejected(make_table: Callable[..., Table]) -> None:
    table = make_table(3)
    huge = dataclasses.replace(table, features={**table.features, "grade": np.full(len(table), np.float32(3e38))})

    with pytest.raises(ModelError, match=r"Expected finite scores\. Received: NaN or infinity"):
        train(huge, TASK, settings("keras"))


class OneScore:
    def predict(self, features: Any) -> np.ndarray:
        return np.ones((len(features["grade"]), 1), np.float32)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (OneScore(), r"Expected `predict` of the model to return scores of the shape \(30, 3\)\. Received: \(30, 1\)"),
        (None, r"Expected `fit` of the model family to return a model .* Received: None\. Correct its `fit`"),
    ],
)
def test_a_model_with_other_scores_than_the_task_needs_is_named(
    model: Any, message: str, make_table: Callable[..., Table]
) -> None:
    with pytest.raises(ModelError, match=message):
        score(model, make_table(3, num_rows=30), TASK)


def test_an_unknown_hyperparameter_is_invalid_and_the_message_suggests_one() -> None:
    with pytest.raises(
        ConfigurationError, match=r"Invalid hyperparameters of 'linear':\n  - max_itre: no such field\. Did you mean"
    ):
        load_families()["linear"].resolve({"max_itre": 3})


@pytest.mark.parametrize(
    ("given", "task", "message"),
    [
        ({"family": "kears"}, TASK, r"model\.family: expected one of .*, received 'kears'\. Did you mean 'keras'\?"),
        (
            {"run_fn": "own.model.run_fn"},
            TASK,
            r"`model\.run_fn` to be the dotted path .*'own\.model\.run_fn' \(no such",
        ),
        ({"hyperparameters": {"liner": {}}}, TASK, r"model\.hyperparameters: .* Did you mean 'linear'\?"),
        (
            {"family": "random_forest"},
            REGRESSION.model_copy(update={"label": Label(name="outcome", quantiles=(0.1, 0.9))}),
            r"model\.family: expected a family for a regression of quantiles \(.*boosted_trees.*\), rec",
        ),
        (
            {"family": "boosted_trees", "calibration": "conformal"},
            REGRESSION.model_copy(update={"label": Label(name="outcome", quantiles=(0.1, 0.9))}),
            r"Expected 0\.5 among `label\.quantiles`.*Received: 0\.1, 0\.9\.",
        ),
    ],
)
def test_settings_that_cannot_be_trained_are_invalid(given: dict[str, Any], task: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_trainer(task, TrainerSettings(**given))


@pytest.mark.parametrize("num_classes", [0, 2])
def test_signs_hold_in_scikit_learn_and_in_the_exported_graph_which_agree(
    num_classes: int, make_table: Callable[..., Table]
) -> None:
    family = load_families()["boosted_trees"]
    table = make_table(num_classes, num_rows=400)
    ages = np.arange(-5, 6, dtype=np.float32)
    features = {name: np.repeat(values[:40], len(ages)) for name, values in table.features.items()}
    features["age"] = np.tile(ages, 40)

    def steps_of(signs: dict[str, int]) -> Any:
        model = family.fit(table, None, family.resolve({"monotonic_cst": signs}), 1)
        graph = model.scores({name: tf.constant(values) for name, values in features.items()}).numpy()
        np.testing.assert_allclose(graph, model.predict(features), rtol=1e-6)
        return np.diff(graph[:, -1].reshape(40, len(ages)), axis=1)

    free, rising, falling = steps_of({}), steps_of({"age": 1}), steps_of({"age": -1})

    assert (free < 0).any()
    assert (free > 0).any()
    assert rising.min() >= 0 < rising.max()
    assert falling.max() <= 0


def test_signs_of_a_feature_that_a_selection_left_out_have_no_effect(make_table: Callable[..., Table]) -> None:
    family = load_families()["boosted_trees"]
    table = make_table(0)
    others = dataclasses.replace(table, columns=tuple(one for one in table.columns if one.name != "age"))

    signed, free = (family.fit(others, None, family.resolve(given), 1) for given in ({"monotonic_cst": {"age": 1}}, {}))

    np.testing.assert_array_equal(signed.predict(table.features), free.predict(table.features))


SIGNED = REGRESSION.model_copy(update={"features": {"grade": FeatureKind.NUMERIC, "course": FeatureKind.CATEGORICAL}})


@pytest.mark.parametrize(
    ("signs", "task", "message"),
    [
        ({"grad": 1}, SIGNED, r"boosted_trees\.monotonic_cst: .* received 'grad'\. Did you mean 'grade'\?"),
        ({"course": 1}, SIGNED, "inputs that are numbers, received 'course', whose categories have no order"),
        ({"grade": 2}, SIGNED, r"boosted_trees\.monotonic_cst\.grade: Input should be -1 or 1\. Received: 2"),
        ({"grade": 1}, TASK, r"monotonic_cst: expected none, for of 3 classes no score has an order"),
    ],
)
def test_signs_that_do_not_fit_the_task_are_invalid(signs: dict[str, int], task: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_trainer(task, TrainerSettings(hyperparameters={"boosted_trees": {"monotonic_cst": signs}}))


def test_a_family_of_a_systems_own_module_is_trained_by_its_name(
    make_table: Callable[..., Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_families.py").write_text(
        "import dataclasses\n"
        "from yachay.components.trainer.family import load_families\n"
        "FAMILIES = [dataclasses.replace(load_families()['linear'], name='own_linear')]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    task = TASK.model_copy(update={"extensions": ("own_families",)})

    trained = train(make_table(3).in_canonical_order(), task, settings("own_linear"))

    assert trained.family == "own_linear"


def test_an_entry_point_of_an_installed_package_adds_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugin_family.py").write_text(
        "import dataclasses\n"
        "from yachay.components.trainer.families.linear import FAMILIES as ours\n"
        "FAMILIES = [dataclasses.replace(ours[0], name='plugin_linear')]\n"
    )
    (tmp_path / "plugin-1.0.dist-info").mkdir()
    (tmp_path / "plugin-1.0.dist-info" / "METADATA").write_text("Name: plugin\nVersion: 1.0\n")
    (tmp_path / "plugin-1.0.dist-info" / "entry_points.txt").write_text("[yachay.families]\nplugin = plugin_family\n")
    monkeypatch.syspath_prepend(tmp_path)

    assert "plugin_linear" in load_families()
    check_trainer(TASK, TrainerSettings(family="plugin_linear"))


def test_importing_the_families_imports_nothing_heavy() -> None:
    program = (
        "import sys; from yachay.components.trainer.family import load_families; load_families(); "
        "heavy = ('tensorflow', 'keras', 'sklearn', 'tfx', 'pandas', 'xgboost'); "
        "print([name for name in heavy if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_custom_config_of_the_trainer_may_be_json() -> None:
    config = TrainerConfig(task=TASK, settings=TrainerSettings(seed=7))

    assert TrainerConfig.from_custom_config(config.to_property()) == config
    assert TrainerConfig.from_custom_config(config.model_dump(mode="json")) == config


def test_an_unknown_field_of_the_custom_config_is_invalid() -> None:
    with pytest.raises(ConfigurationError, match=r"- settings\.sead: no such field\. Did you mean 'seed'\?"):
        TrainerConfig.from_custom_config({"task": TASK.model_dump(), "settings": {"sead": 1}})


def test_a_feature_that_cannot_be_an_input_of_a_signature_is_invalid() -> None:
    task = TASK.model_copy(update={"features": {"class": FeatureKind.CATEGORICAL}})

    with pytest.raises(ConfigurationError, match=r"Received: class\. Rename the columns"):
        check_trainer(task, TrainerSettings())


@pytest.mark.parametrize("family", ["boosted_trees", "keras", "auto"])
def test_labels_that_are_noise_are_at_chance_on_a_validation_part_of_other_groups(
    family: str,
) -> None:
    random = np.random.default_rng(4)
    groups = np.repeat(np.arange(150), 8)
    columns = (Column("trait", FeatureKind.NUMERIC), Column("noise", FeatureKind.NUMERIC))
    features = {
        "trait": random.normal(size=150)[groups].astype(np.float32),
        "noise": random.normal(size=len(groups)).astype(np.float32),
    }
    labels = random.integers(0, 3, 150)[groups]
    split = SplitSettings(method="group", key="household")
    table = Table(columns, features, labels, Target(3), groups, Splitter(split)).in_canonical_order()
    hyperparameters = {**SMALL, "boosted_trees": {"max_iter": 60, "max_depth": None}}

    trained = train(table, TASK, TrainerSettings(family=family, hyperparameters=hyperparameters))

    # 1.000 where rows of one group stood on both sides.
    assert trained.validation_metrics["accuracy"] < 0.6
    rest, part = table.split(0.15, seed=42)
    assert rest.keys is not None
    assert part.keys is not None
    assert not set(rest.keys) & set(part.keys)


def test_validation_is_later_than_training_where_the_split_is_by_time(make_table: Callable[..., Table]) -> None:
    table = make_table(0)
    times = np.random.default_rng(0).integers(0, 40, len(table))
    split = SplitSettings(method="time", key="day")
    timed = dataclasses.replace(table, keys=times, splitter=Splitter(split)).in_canonical_order()

    rest, part = timed.split(0.2, seed=42)

    assert rest.keys is not None
    assert part.keys is not None
    assert rest.keys.max() < part.keys.min()


@pytest.mark.slow
def test_several_gpus_share_each_batch_and_the_network_predicts_as_one(tmp_path: Path) -> None:
    program = """
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from yachay.components.features import FeatureKind
from yachay.components.trainer.columns import Column
from yachay.components.trainer.families import keras as family
from yachay.components.trainer.table import Table
from yachay.components.trainer.target import Target
real = tf.distribute.MirroredStrategy
tf.distribute.MirroredStrategy = lambda: real(["/cpu:0", "/cpu:1"])
logical = tf.config.list_logical_devices
tf.config.list_logical_devices = lambda kind=None: logical("CPU")
x = np.random.default_rng(0).normal(size=400).astype(np.float32)
table = Table((Column("x", FeatureKind.NUMERIC),), {"x": x}, (x > 0).astype(np.int64), Target(2))
model = family.fit(table, table, family.KerasHyperparameters(max_epochs=5), seed=1)
assert not any("Mirrored" in type(variable).__name__ for variable in model.variables)
print((model.predict({"x": x}).argmax(1) == table.labels).mean())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) > 0.9
