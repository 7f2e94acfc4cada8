"""The arguments of a `run_fn`, beside those that TFX's own executor gives it."""

import json
from pathlib import Path
from typing import Any

import attr
import pytest
import tensorflow as tf
from tfx.components.trainer.executor import GenericExecutor
from tfx.types import standard_artifacts
from tfx_bsl.tfxio import dataset_options

from yachay.components.trainer.executor import Executor
from yachay.errors import ModelError

SEEN: list[Any] = []


def keep_arguments(fn_args: Any) -> None:
    SEEN.append(fn_args)
    Path(fn_args.serving_model_dir).mkdir(parents=True)


def leave_no_model(fn_args: Any) -> None:
    SEEN.append(fn_args)


def execution(folder: Path, run_fn: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(folder / "examples"), json.dumps(["train", "eval"])
    for split in ("train", "eval"):
        (folder / f"examples/Split-{split}").mkdir(parents=True)
        example = tf.train.Example(features=tf.train.Features(feature={"x": tf.train.Feature()}))
        with tf.io.TFRecordWriter(str(folder / f"examples/Split-{split}/data-00000-of-00001.gz"), "GZIP") as writer:
            writer.write(example.SerializeToString())
    inputs: dict[str, Any] = {"examples": [examples]}
    for key, kind, file in (
        ("transform_graph", standard_artifacts.TransformGraph, "graph"),
        ("schema", standard_artifacts.Schema, "schema.pbtxt"),
        ("hyperparameters", standard_artifacts.HyperParameters, "best.json"),
    ):
        artifact = kind()
        artifact.uri = str(folder / key)
        (folder / key).mkdir()
        (folder / key / file).write_text("{}")
        inputs[key] = [artifact]
    outputs: dict[str, Any] = {}
    for key, kind in (("model", standard_artifacts.Model), ("model_run", standard_artifacts.ModelRun)):
        artifact = kind()
        artifact.uri = str(folder / key)
        outputs[key] = [artifact]
    path = f"{__name__}.{run_fn.__name__}"
    properties = {"run_fn": path, "train_args": "{}", "eval_args": "{}", "custom_config": json.dumps({"seed": 3})}
    return inputs, outputs, properties


def test_a_run_fn_gets_what_tfxs_executor_gives_it(tmp_path: Path) -> None:
    inputs, outputs, properties = execution(tmp_path, keep_arguments)

    Executor().Do(inputs, outputs, properties)

    ours = attr.asdict(SEEN.pop(), recurse=False)
    tfxs = attr.asdict(GenericExecutor()._GetFnArgs(inputs, outputs, properties), recurse=False)
    accessor, tfx_accessor = ours.pop("data_accessor"), tfxs.pop("data_accessor")
    assert ours == tfxs
    assert accessor.data_view_decode_fn == tfx_accessor.data_view_decode_fn
    options = dataset_options.RecordBatchesOptions(batch_size=8, num_epochs=1)
    [ours_batch], [tfx_batch] = (
        list(one.record_batch_factory(ours["train_files"], options, None)) for one in (accessor, tfx_accessor)
    )
    assert ours_batch == tfx_batch


def test_a_run_fn_that_leaves_no_model_has_failed(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"leave_no_model to write a SavedModel to `serving_model_dir`"):
        Executor().Do(*execution(tmp_path, leave_no_model))
