"""Models and examples for the Evaluator, and the Evaluator run on them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from yachay.components.evaluator.executor import Executor
from yachay.components.evaluator.settings import EvaluationSettings
from yachay.components.prediction_task import PredictionTask

ARGUMENTS = ["--direct_running_mode=in_memory", "--direct_num_workers=1"]


class Fixed(tf.Module):
    """Predicts what it finds in a column of the examples, in some shape."""

    def __init__(self, output: str, shape: tuple[int, ...], column: str = "prediction") -> None:
        super().__init__()
        self._output = output
        self._shape = shape
        self._column = column

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        size = int(np.prod(self._shape))
        parsed = tf.io.parse_example(examples, {self._column: tf.io.FixedLenFeature([size], tf.float32)})
        return {self._output: tf.reshape(parsed[self._column], [-1, *self._shape]), "column": parsed[self._column]}


def save_model(folder: Path, task: PredictionTask, shape: tuple[int, ...], column: str = "prediction") -> None:
    """Writes the artifact of a model that predicts what stands in a column."""
    module = Fixed(task.prediction_key, shape, column)
    tf.saved_model.save(module, str(folder / "Format-Serving"), signatures={"serving_examples": module.serve})


def write_examples(folder: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Writes the artifact of examples with the split `eval`; None is no value, a list several."""
    (folder / "Split-eval").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "Split-eval" / "data.gz"), options="GZIP") as writer:
        for values in zip(*columns.values(), strict=True):
            given = {name: value for name, value in zip(columns, values, strict=True) if value is not None}
            features = {name: _feature(value) for name, value in given.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def run_evaluator(
    root: Path, task: PredictionTask, settings: EvaluationSettings, engine: str, *, has_baseline: bool = False
) -> tuple[standard_artifacts.ModelEvaluation, standard_artifacts.ModelBlessing]:
    """Runs the Evaluator on `examples`, `model` and `baseline` of a folder."""
    kinds = {"examples": standard_artifacts.Examples, "model": standard_artifacts.Model}
    kinds |= {"baseline": standard_artifacts.Model} if has_baseline else {}
    artifacts = {name: kind() for name, kind in kinds.items()}
    for name, artifact in artifacts.items():
        artifact.uri = str(root / name)
    artifacts["examples"].split_names = artifact_utils.encode_split_names(["eval"])
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(root / engine / "evaluation"), str(root / engine / "blessing")
    inputs = {"examples": "examples", "model": "model", "baseline": "baseline_model"}
    Executor(Executor.Context(beam_pipeline_args=list(ARGUMENTS), tmp_dir=str(root), unique_id="1")).Do(
        {inputs[name]: [artifact] for name, artifact in artifacts.items()},
        {"evaluation": [evaluation], "blessing": [blessing]},
        {"task": task.to_property(), "settings": settings.to_property(), "engine": engine, "version": "1"},
    )
    return evaluation, blessing


def _feature(value: Any) -> tf.train.Feature:
    values = value if isinstance(value, list) else np.ravel(np.asarray(value)).tolist()
    if not values:
        return tf.train.Feature()
    if all(isinstance(one, bool | int) for one in values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    if all(isinstance(one, float) for one in values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[one.encode() for one in values]))
