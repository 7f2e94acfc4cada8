"""The export: a SavedModel that predicts in a session as in Python."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from ...model_store.tree_table import TREES_FILE
from ..features import FeatureKind, Problem
from ..prediction_task import PredictionTask
from ..text import Text
from ..tfx_api import SavedTransformLoader, saved_objects
from .codes import known_codes
from .columns import coded, transformed_columns
from .family import FittedModel
from .metadata import RawFeature, model_metadata, raw_feature, write_metadata
from .train import TrainedModel
from .tree_table import HasTrees, TreeTableError, make_tree_table

logger = logging.getLogger(__name__)

SERVING_DEFAULT = "serving_default"
SERVING_EXAMPLES = "serving_examples"
TRANSFORM_FEATURES = "transform_features"


class ServingModule(tf.Module):
    """A trained model with its transform graph, from raw features to predictions.

    `tf.saved_model.save` of a Keras model saves copies of its variables, which a session restores while the signatures
    read the originals: it loads and then fails on every request. So this module tracks the variables themselves.

    Args:
        model: `FittedModel`.
        transform_output: `tft.TFTransformOutput`.
        features: sequence of `RawFeature`, those that the model uses.
        columns: sequence of strings. The transformed features that the model reads.
        task: `PredictionTask`.
    """

    def __init__(
        self,
        model: FittedModel,
        transform_output: tft.TFTransformOutput,
        features: Sequence[RawFeature],
        columns: Sequence[str],
        task: PredictionTask,
    ) -> None:
        super().__init__(name="serving")
        self._model = model
        self._features = tuple(features)
        self._columns = tuple(columns)
        self._task = task
        spec = transform_output.raw_feature_spec()
        self._feature_spec = {feature.name: spec[feature.name] for feature in features}
        self.model_variables = list(model.variables)
        # The layer of `transform_features_layer` is this loader, in a Keras model that a save traces three times more.
        self._transform_graph = SavedTransformLoader(transform_output.transform_savedmodel_dir)
        self.transform_objects = saved_objects(self._transform_graph)

    def signatures(self) -> dict[str, Any]:
        """Returns the functions to save, by the name of their signature."""
        examples = tf.TensorSpec([None], tf.string, "examples")
        return {
            SERVING_DEFAULT: self.over_raw_features(self._serve_default),
            SERVING_EXAMPLES: _as_signature(self._serve_examples, examples),
            TRANSFORM_FEATURES: _as_signature(self._transform_examples, examples),
        }

    def over_raw_features(self, function: Callable[[Any], Any]) -> Any:
        """Returns a function of a dict of raw features as one that is traced once."""
        return _as_signature(function, {feature.name: _input_spec(feature) for feature in self._features})

    def transform(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the transformed features of raw ones, each `(N,)` or `(N, steps)`; a sentinel is a missing value."""
        return self._transform(
            {feature.name: self._as_parsed(raw[feature.name], feature) for feature in self._features}
        )

    def _serve_default(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return to_outputs(self._model.scores(self.transform(raw)), self._task)

    def _serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return to_outputs(self._model.scores(self._transform_examples(examples)), self._task)

    def _transform_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._transform(tf.io.parse_example(examples, self._feature_spec))

    def _transform(self, parsed: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        transformed = self._transform_graph.apply_transform_model(parsed)
        return {name: transformed[name] for name in self._columns}

    def _as_parsed(self, values: tf.Tensor, feature: RawFeature) -> Any:
        """Returns `(N,)` or `(N, steps)` values as `tf.io.parse_example` would have."""
        if feature.steps or not feature.optional:
            return tf.reshape(values, [-1, *self._feature_spec[feature.name].shape])
        missing = tf.math.is_nan(values) if feature.dtype == "float32" else tf.equal(values, feature.missing)
        rows = tf.where(~missing)
        indices = tf.concat([rows, tf.zeros_like(rows)], axis=1)
        return tf.SparseTensor(indices, tf.gather(values, rows[:, 0]), tf.stack([tf.size(values, tf.int64), 1]))


def to_outputs(scores: tf.Tensor, task: PredictionTask) -> dict[str, tf.Tensor]:
    """Returns the outputs of a signature.

    A classification has `classes` `(N,)` and `scores` `(N, K)`; any other `outputs`, `(N,)` or of a forecast `(N, H)`.
    With quantiles `outputs` is the quantile nearest to .5, `lower` the first, `upper` the last, and `quantiles` all of
    them, `(N, Q)` or `(N, H, Q)`.
    """
    if task.problem is Problem.CLASSIFICATION:
        classes = tf.gather(tf.constant(list(task.label.values)), tf.argmax(scores, axis=1))
        return {"classes": classes, "scores": scores}
    quantiles = task.label.quantiles
    if quantiles:
        middle = int(np.argmin(np.abs(np.array(quantiles) - 0.5)))
        return {
            "outputs": scores[..., middle],
            "lower": scores[..., 0],
            "upper": scores[..., -1],
            "quantiles": scores,
        }
    return {"outputs": scores if task.problem is Problem.FORECAST else scores[:, 0]}


def export(
    trained: TrainedModel,
    transform_output: tft.TFTransformOutput,
    task: PredictionTask,
    seed: int,
    model_dir: str,
    code_names: Mapping[str, Mapping[int, Text]],
) -> None:
    """Writes a SavedModel with the signatures and `assets.extra/yachay.json`.

    The signatures ask for the task's features only, never for the key of the split.

    Args:
        trained: `TrainedModel`. Its `model` may be any `FittedModel`.
        transform_output: `tft.TFTransformOutput` of the transform that the model was trained on.
        task: `PredictionTask`.
        seed: int. For the metadata.
        model_dir: string. The folder to write.
        code_names: mapping of feature to the names of its codes. For the metadata.
    """
    schema, spec = transform_output.raw_metadata.schema, transform_output.raw_feature_spec()
    columns = transformed_columns(transform_output, task)
    features = [raw_feature(schema, spec, name, kind) for name, kind in task.features.items() if name in spec]
    module = ServingModule(trained.model, transform_output, features, [column.name for column in columns], task)
    vocabularies = {column.name: transform_output.vocabulary_by_name(column.name) for column in coded(columns)}
    codes = known_codes(module.transform, features, vocabularies)
    features = [
        dataclasses.replace(
            feature,
            default=value,
            codes=codes.get(feature.name),
            code_names=_code_names(feature, code_names.get(feature.name)),
        )
        for feature, value in _imputed(module, features)
    ]
    tf.saved_model.save(module, model_dir, signatures=module.signatures())
    write_metadata(model_dir, model_metadata(trained, task, seed, features))
    _write_tree_table(model_dir, trained.model, module, features, vocabularies)


def _write_tree_table(
    model_dir: str,
    model: FittedModel,
    module: ServingModule,
    features: Sequence[RawFeature],
    vocabularies: Mapping[str, Sequence[bytes]],
) -> None:
    """Writes the table that a server evaluates, where the model is trees; without one it evaluates the SavedModel."""
    trees = model.as_trees() if isinstance(model, HasTrees) else None
    if trees is None:
        return
    try:
        table = make_tree_table(
            trees,
            module.over_raw_features(lambda raw: trees.matrix(module.transform(raw))),
            lambda raw: model.scores(module.transform(raw)),
            features,
            vocabularies,
        )
    except TreeTableError as error:
        logger.warning("No table of trees is exported, the predict API will evaluate the SavedModel. %s", error)
        return
    with tf.io.gfile.GFile(f"{model_dir}/{TREES_FILE}", "wb") as file:
        file.write(table.to_bytes())


def _code_names(feature: RawFeature, names: Mapping[int, Text] | None) -> dict[str, dict[str, str]] | None:
    if names is None or feature.dtype != "int64":
        return None
    return {str(code): name.model_dump() for code, name in sorted(names.items())}


def _as_signature(function: Callable[[Any], Any], spec: Any) -> Any:
    # AutoGraph would rewrite our functions and the layer of Transform, which hold TensorFlow operations only: half the
    # seconds of an export.
    return tf.function(tf.autograph.experimental.do_not_convert(function), input_signature=[spec], autograph=False)


def _input_spec(feature: RawFeature) -> tf.TensorSpec:
    return tf.TensorSpec([None, feature.steps] if feature.steps else [None], feature.dtype, feature.name)


def _imputed(module: ServingModule, features: Sequence[RawFeature]) -> list[tuple[RawFeature, float | None]]:
    """Returns each feature with the number that stands for a missing value, None where there is no one number.

    A standardised feature is a line that crosses 0 at the imputed mean, so powers of two around it give the mean to the
    precision of `float32`.
    """
    powers = 2.0 ** np.arange(62)
    probes = np.concatenate([-powers[::-1], [0.0], powers])
    raw = {}
    for feature in features:
        last = 0 if feature.missing is None else feature.missing
        values = (
            np.full(len(probes) + 1, "", object)
            if feature.dtype == "string"
            else np.append(probes.astype(feature.dtype), np.array(last, feature.dtype))
        )
        raw[feature.name] = tf.constant(np.tile(values[:, np.newaxis], feature.steps) if feature.steps else values)
    transformed = module.transform(raw)
    values_of: list[tuple[RawFeature, float | None]] = []
    for feature in features:
        may_be_missing = feature.missing is not None
        if feature.name not in transformed or not may_be_missing or feature.kind is FeatureKind.CATEGORICAL:
            values_of.append((feature, None))
            continue
        line = transformed[feature.name].numpy().reshape(len(probes) + 1, -1)[:, 0]
        if feature.kind is FeatureKind.BOOLEAN:
            values_of.append((feature, float(line[-1])))
        else:
            values_of.append((feature, float(np.interp(0.0, line[:-1], probes)) if line[0] < line[-2] else None))
    return values_of
