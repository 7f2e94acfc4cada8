import functools
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_transform import TFTransformOutput

from yachay.components.trainer.families.keras import FittedNetwork
from yachay.components.trainer.run_fn import read_training
from yachay.components.trainer.session_check import check_session
from yachay.components.trainer.table import make_table, read_transformed
from yachay.errors import ModelError

from .conftest import CLASSIFICATION, TASKS, add_values, write_transformed

pytestmark = pytest.mark.integration

FAMILIES = ("boosted_trees", "random_forest", "linear", "keras", "xgboost", "ensemble")
CUSTOMER = {"income": 1800.0, "visits": 9, "rating": 4.0, "town": "Lima", "branch": 5, "member": 1}


load = functools.cache(tf.saved_model.load)


def ask(model_dir: str, signature: str = "serving_default", **inputs: Any) -> dict[str, np.ndarray]:
    function = load(model_dir).signatures[signature]
    specs = function.structured_input_signature[1]
    answers = function(**{name: tf.constant([value], specs[name].dtype) for name, value in inputs.items()})
    return {name: answer.numpy() for name, answer in answers.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_classifier_predicts_in_a_session_as_in_python(
    family: str, trained: Callable[[str, str], str], examples: list[bytes]
) -> None:
    check = check_session(trained("classification", family), examples[:50])

    assert check.num_examples == 50
    assert {name: sorted(outputs) for name, outputs in check.differences.items()} == {
        "serving_default": ["classes", "scores"],
        "serving_examples": ["classes", "scores"],
        "transform_features": ["branch", "income", "member", "rating", "town", "visits"],
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_a_regression_predicts_in_a_session_as_in_python(
    family: str, trained: Callable[[str, str], str], examples: list[bytes]
) -> None:
    check = check_session(trained("regression", family), examples[:50])

    assert sorted(check.differences["serving_default"]) == ["outputs"]


def test_the_number_that_classes_are_a_cut_of_is_seen_in_training_only(
    trained: Callable[[str, str], str], examples: list[bytes]
) -> None:
    model_dir = trained("a cut", "two_step")
    check = check_session(model_dir, examples[:50])
    metadata = json.loads(Path(model_dir, "assets.extra/yachay.json").read_text())

    assert check.differences["transform_features"].keys() == CUSTOMER.keys()
    assert {feature["name"] for feature in metadata["features"]} == CUSTOMER.keys()
    assert "amount" not in json.dumps(metadata)
    assert ask(model_dir, **CUSTOMER)["scores"].sum() == pytest.approx(1)


@pytest.mark.parametrize("family", ["boosted_trees", "keras"])
@pytest.mark.parametrize("problem", ["quantiles", "forecast", "forecast of quantiles"])
def test_sequences_go_in_and_quantiles_of_steps_come_out_in_a_session_as_in_python(
    problem: str, family: str, trained: Callable[[str, str], str], examples: list[bytes]
) -> None:
    model_dir = trained(problem, family)
    check = check_session(model_dir, examples[:20])
    outputs = ask(model_dir, "serving_examples", examples=examples[0])
    label = TASKS[problem].label
    steps = (3,) if problem.startswith("forecast") else ()

    expected = {"outputs": (1, *steps)}
    if label.quantiles:
        expected |= {"lower": (1, *steps), "upper": (1, *steps), "quantiles": (1, *steps, 3)}
        assert (np.diff(outputs["quantiles"], axis=-1) >= 0).all()
        np.testing.assert_array_equal(outputs["outputs"], outputs["quantiles"][..., 1])
    assert {name: values.shape for name, values in outputs.items()} == expected
    assert sorted(check.differences["serving_default"]) == sorted(expected)


@pytest.mark.parametrize("family", ["linear", "random_forest", "recurrent"])
def test_every_family_forecasts(family: str, trained: Callable[[str, str], str], examples: list[bytes]) -> None:
    check_session(trained("forecast", family), examples[:20])


def test_a_sequence_is_an_input_of_its_steps_and_a_missing_value_in_it_counts_as_the_mean(
    trained: Callable[[str, str], str],
) -> None:
    model_dir = trained("forecast", "linear")
    metadata = json.loads(Path(model_dir, "assets.extra/yachay.json").read_text())
    features = {feature["name"]: feature for feature in metadata["features"]}
    customer = {**CUSTOMER, "days": ["Mon", "Tue"]}
    mean = features["past"]["default"]

    missing = ask(model_dir, **customer, past=[float("nan")] * 2 + [500.0] * 4)
    imputed = ask(model_dir, **customer, past=[mean] * 2 + [500.0] * 4)

    assert missing["outputs"].shape == (1, 3)
    np.testing.assert_allclose(missing["outputs"], imputed["outputs"], rtol=1e-4)
    assert [features["past"][key] for key in ("steps", "min_steps", "optional", "missing")] == [6, 2, True, "NaN"]
    assert [features["days"][key] for key in ("steps", "min_steps", "optional", "missing")] == [2, 2, False, ""]
    assert (metadata["steps"], metadata["quantiles"]) == (3, [])


def test_a_run_fn_of_ones_own_trains_a_keras_model_and_exports_it_with_the_signatures(
    examples: list[bytes], transform_output_of: Callable[[str], TFTransformOutput], tmp_path: Path
) -> None:
    transform_output = transform_output_of("forecast")
    write_transformed(tmp_path / "transformed-0.gz", transform_output, examples)
    training = read_training(
        SimpleNamespace(
            train_files=[str(tmp_path / "transformed-*")],
            transform_graph_path=transform_output.transform_savedmodel_dir.rpartition("/")[0],
            serving_model_dir=str(tmp_path / "model"),
            custom_config={
                "task": TASKS["forecast"].model_dump(mode="json"),
                "code_names": {"branch": {"5": {"en": "North", "es": "Norte"}, "4": "Centre"}},
            },
            hyperparameters=None,
        )
    )
    train, validation = training.split()
    network = keras.Sequential([keras.Input((6, 1)), keras.layers.GRU(4), keras.layers.Dense(3)])
    network.compile("adam", "mse")
    network.fit(train.features["past"][..., np.newaxis], train.labels, verbose=0)
    model = FittedNetwork(network, lambda features: features["past"][..., np.newaxis], lambda outputs: outputs)

    training.export(model, "recurrent", validation)

    check_session(tmp_path / "model", examples[:20])
    metadata = json.loads(Path(tmp_path, "model/assets.extra/yachay.json").read_text())
    assert metadata["family"] == "recurrent"
    names = {feature["name"]: feature["code_names"] for feature in metadata["features"]}
    assert names.pop("branch") == {"4": {"en": "Centre", "es": ""}, "5": {"en": "North", "es": "Norte"}}
    assert set(names.values()) == {None}
    assert metadata["validation_metrics"] == metadata["leaderboard"][0]["metrics"]


def test_raw_features_and_examples_give_the_same_scores(
    trained: Callable[[str, str], str], examples: list[bytes]
) -> None:
    example = tf.train.Example()
    for name, value in CUSTOMER.items():
        add_values(example, name, [value])
    model_dir = trained("classification", "boosted_trees")

    by_name = ask(model_dir, **CUSTOMER)
    by_example = ask(model_dir, "serving_examples", examples=example.SerializeToString())

    assert by_name["scores"].shape == (1, 3)
    assert by_name["scores"].sum() == pytest.approx(1, abs=1e-6)
    assert by_name["classes"].tolist() == [CLASSIFICATION.label.values[by_name["scores"].argmax()].encode()]
    np.testing.assert_array_equal(by_name["scores"], by_example["scores"])


def test_the_sentinel_of_a_feature_stands_for_a_missing_value(trained: Callable[[str, str], str]) -> None:
    model_dir = trained("regression", "linear")
    metadata = json.loads(Path(model_dir, "assets.extra/yachay.json").read_text())
    defaults = {feature["name"]: feature["default"] for feature in metadata["features"]}

    for name in ("visits", "rating", "member"):
        missing = {"visits": -(2**63), "rating": float("nan"), "member": -(2**63)}[name]
        absent = ask(model_dir, **{**CUSTOMER, name: missing})["outputs"]
        neighbours = [ask(model_dir, **{**CUSTOMER, name: value})["outputs"] for value in (3, 4)]
        expected = neighbours[0] + (neighbours[1] - neighbours[0]) * (defaults[name] - 3)
        np.testing.assert_allclose(absent, expected, rtol=1e-4, err_msg=name)
    unseen = ask(model_dir, **{**CUSTOMER, "town": "Iquitos"})["outputs"]
    np.testing.assert_array_equal(ask(model_dir, **{**CUSTOMER, "town": ""})["outputs"], unseen)


def test_the_metadata_says_what_the_model_asks_for_and_how_it_was_chosen(trained: Callable[[str, str], str]) -> None:
    metadata = json.loads(Path(trained("classification", "linear"), "assets.extra/yachay.json").read_text())

    features = {feature.pop("name"): feature for feature in metadata["features"]}
    rating = features["rating"].pop("default")
    assert 2.7 < rating < 3.3
    assert features["income"] == {
        "dtype": "float32", "kind": "numeric", "optional": False, "missing": None, "default": None,
        "domain": {"min": 0.0}, "steps": None, "min_steps": None, "codes": None, "code_names": None,
    }  # fmt: skip
    assert features["rating"] == {
        "dtype": "float32", "kind": "ordinal", "optional": True, "missing": "NaN", "domain": None,
        "steps": None, "min_steps": None, "codes": None, "code_names": None,
    }  # fmt: skip
    assert features["town"] == {
        "dtype": "string", "kind": "categorical", "optional": True, "missing": "", "default": None,
        "domain": {"values": ["Cusco", "Lima", "Puno", "Tacna"]}, "steps": None, "min_steps": None,
        "codes": None, "code_names": None,
    }  # fmt: skip
    assert features["branch"]["codes"] == [3, 4, 5, 6, 7, 8]
    assert features["visits"]["codes"] is None
    assert features["member"]["missing"] == -(2**63)
    assert features["member"]["default"] == 1.0
    assert features["visits"]["domain"] == {"min": 0, "max": 40}
    assert (metadata["format"], metadata["problem"], metadata["family"]) == (1, "classification", "linear")
    assert (metadata["label"], metadata["labels"]) == ("outcome", ["lost", "doubtful", "kept"])
    assert metadata["leaderboard"][0]["metrics"] == metadata["validation_metrics"]
    assert metadata["hyperparameters"]["C"] == 0.3
    assert metadata["versions"]["tensorflow"] == tf.__version__


def test_a_saved_keras_model_is_rejected(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, {"income": tf.io.FixedLenFeature([1], tf.float32)})
        return {"scores": model(parsed["income"])}

    tf.saved_model.save(model, str(tmp_path), signatures={"serving_examples": serve})
    example = tf.train.Example()
    example.features.feature["income"].float_list.value.append(1.0)

    with pytest.raises(ModelError, match=r"signature 'serving_examples' of .* to predict in a session(.|\n)*variable"):
        check_session(tmp_path, [example.SerializeToString()])


def test_a_prediction_that_differs_is_rejected_with_the_largest_difference(tmp_path: Path) -> None:
    answers = iter([0.25, 0.75])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        score = tf.numpy_function(lambda: np.float32(next(answers)), [], tf.float32)
        return {"scores": tf.fill([tf.size(examples)], score)}

    module = tf.Module()
    module.serve = serve
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_examples": module.serve})

    with pytest.raises(ModelError, match=r"output 'scores' of 'serving_examples' .* Received: 0\.5 largest difference"):
        check_session(tmp_path, [b""])


def test_a_folder_that_is_no_model_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Expected a SavedModel in"):
        check_session(tmp_path, [b""])


def test_an_example_without_a_required_feature_is_rejected(trained: Callable[[str, str], str]) -> None:
    example = tf.train.Example()
    example.features.feature["income"].float_list.value.append(1.0)

    with pytest.raises(ModelError, match=r"Expected every example to hold 1 of 'branch'\. Received: one with 0"):
        check_session(trained("regression", "linear"), [example.SerializeToString()])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2, -1], r"Expected every 'outcome' to be one of lost, doubtful, kept\. Received: 1 rows with another"),
        ([0, 1, 1, 0], r"Expected training rows of every class of 'outcome' .* Received: none of kept\."),
        ([], r"Expected training examples\. Received: none\."),
    ],
)
def test_labels_that_cannot_be_learnt_are_rejected(
    labels: list[int], message: str, transform_output_of: Callable[[str], TFTransformOutput]
) -> None:
    arrays = {"income": np.zeros(len(labels), np.float32), "outcome": np.array(labels, np.int64)}

    with pytest.raises(ModelError, match=message):
        make_table(transform_output_of("classification"), arrays, CLASSIFICATION)


def test_transformed_examples_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing-\*\. Received: no file\. Run Transform first"):
        read_transformed([str(tmp_path / "nothing-*")], {})
