import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.types import standard_artifacts

from yachay import __version__
from yachay.components.feature_selection.artifacts import FeatureRanking
from yachay.components.feature_selection.component import FeatureSelector
from yachay.components.feature_selection.executor import Executor
from yachay.components.feature_selection.settings import FeatureSelectionSettings
from yachay.components.prediction_task import PredictionTask
from yachay.components.settings import check_settings
from yachay.errors import ConfigurationError, DataError

SCHEMA = """
feature { name: "signal" type: FLOAT } feature { name: "noise" type: FLOAT } feature { name: "constant" type: INT }
feature { name: "label" type: BYTES } feature { name: "group" type: INT }
"""
KINDS = {"signal": "numeric", "noise": "numeric", "constant": "categorical"}


def task(**changes: Any) -> PredictionTask:
    label = {"name": "label", "values": ["no", "yes"]}
    return PredictionTask.model_validate({"problem": "classification", "label": label, "features": KINDS} | changes)


def selector(**changes: Any) -> FeatureSelector:
    arguments = {
        "examples": types.Channel(standard_artifacts.Examples),
        "schema": types.Channel(standard_artifacts.Schema),
        "task": task(),
        "settings": FeatureSelectionSettings(threshold=0.05),
    }
    return FeatureSelector(**(arguments | changes))


def write_examples(folder: Path) -> types.Artifact:
    generator = np.random.default_rng(1)
    for split, sign in (("train", 1), ("eval", -1)):
        (folder / f"Split-{split}").mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / f"Split-{split}" / "data.gz"), "GZIP") as writer:
            for signal, noise in generator.normal(size=(120, 2)):
                record = tf.train.Example()
                features = record.features.feature
                features["signal"].float_list.value.append(signal)
                features["noise"].float_list.value.append(noise)
                features["constant"].int64_list.value.append(1)
                features["group"].int64_list.value.append(2)
                features["label"].bytes_list.value.append(b"yes" if sign * signal > 0 else b"no")
                writer.write(record.SerializeToString())
    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    examples.split_names = '["train", "eval"]'
    return examples


def artifact(kind: type[types.Artifact], folder: Path) -> types.Artifact:
    folder.mkdir()
    made = kind()
    made.uri = str(folder)
    return made


def test_writes_the_reduced_schema_and_the_ranking(tmp_path):
    schema = artifact(standard_artifacts.Schema, tmp_path / "schema")
    Path(schema.uri, "schema.pbtxt").write_text(SCHEMA)
    selected = artifact(standard_artifacts.Schema, tmp_path / "selected")
    ranking = artifact(FeatureRanking, tmp_path / "ranking")
    Executor().Do(
        {"examples": [write_examples(tmp_path / "examples")], "schema": [schema]},
        {"selected_schema": [selected], "ranking": [ranking]},
        selector().exec_properties,
    )
    reduced = text_format.Parse(Path(selected.uri, "schema.pbtxt").read_text(), schema_pb2.Schema())
    assert [feature.name for feature in reduced.feature] == ["signal", "label", "group"]
    document = json.loads(Path(ranking.uri, "ranking.json").read_text())
    assert document["selected"] == ["signal"]
    assert {feature["name"] for feature in document["ranking"]} == set(KINDS)


def test_on_a_root_in_a_store_it_reads_from_there_and_writes_there(tmp_path):
    folders = {name: f"ram://{tmp_path}/{name}" for name in ("schema", "selected", "ranking")}
    write_examples(tmp_path / "examples")
    examples = standard_artifacts.Examples()
    examples.uri = f"ram://{tmp_path}/examples"
    examples.split_names = '["train", "eval"]'
    for path in (tmp_path / "examples").rglob("*.gz"):
        tf.io.gfile.makedirs(f"ram://{path.parent}")
        tf.io.gfile.copy(str(path), f"ram://{path}")
    made = {
        name: kind() for name, kind in zip(folders, (standard_artifacts.Schema,) * 2 + (FeatureRanking,), strict=True)
    }
    for name, artifact_of in made.items():
        artifact_of.uri = folders[name]
        tf.io.gfile.makedirs(folders[name])
    with tf.io.gfile.GFile(f"{folders['schema']}/schema.pbtxt", "w") as file:
        file.write(SCHEMA)

    Executor().Do(
        {"examples": [examples], "schema": [made["schema"]]},
        {"selected_schema": [made["selected"]], "ranking": [made["ranking"]]},
        selector().exec_properties,
    )

    with tf.io.gfile.GFile(f"{folders['ranking']}/ranking.json") as file:
        assert json.loads(file.read())["selected"] == ["signal"]
    assert tf.io.gfile.exists(f"{folders['selected']}/schema.pbtxt")


def test_examples_without_a_split_train_are_an_error(tmp_path):
    examples = write_examples(tmp_path / "examples")
    examples.split_names = '["eval"]'
    schema = artifact(standard_artifacts.Schema, tmp_path / "schema")
    Path(schema.uri, "schema.pbtxt").write_text(SCHEMA)

    with pytest.raises(DataError, match=r"Expected examples with a split 'train'\. Received: eval\. Name one"):
        Executor().Do({"examples": [examples], "schema": [schema]}, {}, selector().exec_properties)


def test_the_order_of_the_features_reaches_the_executor():
    assert list(json.loads(selector().exec_properties["task"])["features"]) == list(KINDS)


def test_a_single_feature_is_rejected():
    with pytest.raises(ConfigurationError, match=r"Expected at least 2 features to select from\. Received: 1\."):
        selector(task=task(features={"signal": "numeric"}))


def test_a_single_fold_is_invalid():
    with pytest.raises(ConfigurationError, match=r"folds: Input should be greater than or equal to 2\. Received: 1"):
        check_settings(FeatureSelectionSettings, {"folds": 1}, "feature selection")


def test_another_version_of_the_library_does_not_take_a_result_from_the_cache():
    assert selector().exec_properties["version"] == __version__
