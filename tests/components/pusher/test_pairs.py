"""Our Pusher beside stock components of TFX, and theirs beside ours."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from signing_keys import make_keys
from small_model import EXAMPLES, save_small_model
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2
from tfx.components.evaluator import constants
from tfx.components.pusher import executor as stock_pusher
from tfx.dsl.io import filesystem_registry
from tfx.dsl.io.plugins import tensorflow_gfile
from tfx.types import artifact_utils, standard_artifacts

from yachay.components.examples import decode
from yachay.components.pusher.executor import Executor
from yachay.components.pusher.settings import PushSettings
from yachay.components.statistics_gen.compute import compute_statistics
from yachay.deployment.order import Order
from yachay.errors import DataError
from yachay.manifests.service import Service
from yachay.model_store.golden import read_golden
from yachay.model_store.location import open_store
from yachay.model_store.signature import check_signed_push
from yachay.model_store.store import latest_push
from yachay.serving.saved_model import load_saved_model
from yachay.serving.store import FolderSource

pytestmark = pytest.mark.usefixtures("forked")


def stock_examples(root: str, examples: list[bytes], split: str = "eval") -> standard_artifacts.Examples:
    """Returns examples as a stock ExampleGen leaves them: without any property of ours."""
    artifact = standard_artifacts.Examples()
    artifact.uri = f"{root}/examples"
    artifact.split_names = artifact_utils.encode_split_names([split])
    path = f"{root}/examples/Split-{split}/data_tfrecord-00000-of-00001.gz"
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for example in examples:
            writer.write(example)
    return artifact


def blessed(root: str) -> dict[str, list[Any]]:
    """Returns the inputs that a stock Trainer and a stock Evaluator would give."""
    model, blessing, evaluation = (
        standard_artifacts.Model(), standard_artifacts.ModelBlessing(), standard_artifacts.ModelEvaluation()
    )  # fmt: skip
    model.uri, blessing.uri, evaluation.uri = (f"{root}/{name}" for name in ("model", "blessing", "evaluation"))
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, 1)
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    tf.io.gfile.makedirs(blessing.uri)
    with tf.io.gfile.GFile(f"{blessing.uri}/BLESSED", "w") as file:
        file.write("")
    tf.io.gfile.makedirs(evaluation.uri)
    metrics = metrics_for_slice_pb2.MetricsForSlice()
    value = metrics.metric_keys_and_values.add()
    value.key.name, value.value.double_value.value = "accuracy", 0.75
    for name, record in (("metrics", metrics), ("validations", validation_result_pb2.ValidationResult())):
        with tf.io.TFRecordWriter(f"{evaluation.uri}/{name}-00000-of-00001.tfrecord") as writer:
            writer.write(record.SerializeToString())
    return {
        "model": [model],
        "model_blessing": [blessing],
        "evaluation": [evaluation],
        "statistics": [_statistics(root)],
    }


def _statistics(root: str) -> standard_artifacts.ExampleStatistics:
    """Returns the statistics that a stock StatisticsGen would give of `EXAMPLES`."""
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = f"{root}/statistics"
    artifact.split_names = artifact_utils.encode_split_names(["train"])
    statistics = compute_statistics([decode(EXAMPLES)], schema_pb2.Schema())
    tf.io.gfile.makedirs(f"{artifact.uri}/Split-train")
    with tf.io.gfile.GFile(f"{artifact.uri}/Split-train/FeatureStats.pb", "wb") as file:
        file.write(statistics.SerializeToString())
    return artifact


def run(root: Path, inputs: dict[str, list[Any]], **settings: Any) -> standard_artifacts.PushedModel:
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(root / "pushed")
    Path(pushed.uri).mkdir(parents=True, exist_ok=True)
    properties = {"store": str(root / "store"), "settings": PushSettings(**settings).to_property(), "deploy": ""}
    Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


@pytest.mark.end_to_end
def test_a_model_is_pushed_after_a_stock_example_gen(tmp_path: Path) -> None:
    save_small_model(tmp_path / "model/Format-Serving")

    pushed = run(tmp_path, {**blessed(str(tmp_path)), "examples": [stock_examples(str(tmp_path), EXAMPLES)]})

    found = latest_push(open_store(str(tmp_path / "store")))
    assert found is not None
    assert pushed.get_string_custom_property("pushed_destination") == found.model_uri
    metadata = json.loads((Path(found.model_uri) / "assets.extra/yachay.json").read_text())
    assert (metadata["original_names"], metadata["data_fingerprint"]) == ({}, "")
    assert metadata["metrics"] == {"accuracy": 0.75}


@pytest.mark.end_to_end
def test_no_record_lies_in_the_store_unless_that_is_asked_for(tmp_path: Path) -> None:
    save_small_model(tmp_path / "model/Format-Serving")
    inputs = {**blessed(str(tmp_path)), "examples": [stock_examples(str(tmp_path), EXAMPLES)]}
    store = open_store(str(tmp_path / "store"))
    real = [1000.0 * i / 7 for i in range(4)]

    private, public = make_keys(tmp_path)
    rows = {}
    for kind in ("synthetic", "none", "real", "real"):
        run(tmp_path, inputs, golden=kind, signing_key=str(private))
        found = latest_push(store)
        assert found is not None
        content = store.read(found.version, "golden.jsonl")
        assert content is not None
        assert found.golden == kind
        check_signed_push(store, found, public)
        rows[kind] = [one.row for one in read_golden(content)]

    assert [len(rows[kind]) for kind in ("synthetic", "none", "real")] == [66, 0, 6]
    assert not {row["income"] for row in rows["synthetic"]} & set(np.float32(real).tolist())
    assert {row["town"] for row in rows["synthetic"]} <= {"synthetic", None}
    assert [row["income"] for row in rows["real"]][:4] == pytest.approx(real)
    assert len(store.versions()) == 3


@pytest.mark.end_to_end
def test_a_model_in_a_store_of_tfx_is_read_by_its_file_system(tmp_path: Path) -> None:
    class Memory(tensorflow_gfile.TensorflowFilesystem):
        SUPPORTED_SCHEMES = ["ram://"]  # noqa: RUF012

    filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY.register(Memory, 10)
    root = "ram://pairs"
    inputs = blessed(root)
    local = save_small_model(tmp_path / "model")
    for path in local.rglob("*"):
        if path.is_file():
            target = f"{root}/model/Format-Serving/{path.relative_to(local).as_posix()}"
            tf.io.gfile.makedirs(target.rpartition("/")[0])
            tf.io.gfile.copy(str(path), target)

    pushed = run(tmp_path, {**inputs, "examples": [stock_examples(root, EXAMPLES)]})

    assert pushed.get_int_custom_property("pushed") == 1
    assert not Path("ram:").exists()


def test_a_model_that_the_stock_pusher_pushed_is_served(tmp_path: Path) -> None:
    save_small_model(tmp_path / "model/Format-Serving")
    inputs = blessed(str(tmp_path))
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    destination = {"filesystem": {"base_directory": str(tmp_path / "served")}}

    stock_pusher.Executor().Do(
        {"model": inputs["model"], "model_blessing": inputs["model_blessing"]},
        {"pushed_model": [pushed]},
        {"push_destination": json.dumps(destination), "custom_config": "null"},
    )

    version = FolderSource(tmp_path / "served").newest()
    assert [one.name for one in load_saved_model(version.path).features] == ["income", "visits", "town"]


def test_a_model_of_another_trainer_is_not_pushed_and_the_reason_is_kept(tmp_path: Path) -> None:
    model = save_small_model(tmp_path / "model/Format-Serving")
    (model / "assets.extra/yachay.json").unlink()

    pushed = run(tmp_path, {**blessed(str(tmp_path)), "examples": [stock_examples(str(tmp_path), EXAMPLES)]})

    assert pushed.get_int_custom_property("pushed") == 0
    assert "Expected assets.extra/yachay.json in" in pushed.get_string_custom_property("rejection")


def test_examples_without_a_split_to_check_with_are_rejected(tmp_path: Path) -> None:
    save_small_model(tmp_path / "model/Format-Serving")

    with pytest.raises(DataError, match=r"Expected examples with a split 'eval'.* Received: test\. Name one"):
        run(tmp_path, {**blessed(str(tmp_path)), "examples": [stock_examples(str(tmp_path), EXAMPLES, "test")]})


@pytest.mark.end_to_end
def test_a_deployment_that_fails_takes_nothing_from_the_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("YACHAY_OBJECT_STORE", str(tmp_path))
    save_small_model(tmp_path / "model/Format-Serving")
    inputs = {**blessed(str(tmp_path)), "examples": [stock_examples(str(tmp_path), EXAMPLES)]}
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    Path(pushed.uri).mkdir()
    properties = {"store": "s3://models/small", "settings": PushSettings().to_property(), "deploy": ORDER}

    with pytest.raises(Exception, match="Expected a kubeconfig that names a cluster"):
        Executor().Do(inputs, {"pushed_model": [pushed]}, properties)

    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version")


def _order() -> str:
    from yachay.deployment.canary import CanarySettings
    from yachay.deployment.settings import ANY_MODEL

    return Order(Service(name="checked", namespace="default", model=ANY_MODEL), CanarySettings(steps=[100])).to_json()


ORDER = _order()
