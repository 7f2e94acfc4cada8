"""The export: a SavedModel that answers in a session as in Python."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from ..features import FeatureKind, Problem
from .config import TrainerConfig
from .family import FittedModel
from .metadata import RawFeature, model_metadata, raw_feature, write_metadata
from .train import TrainedModel

SERVING_DEFAULT = "serving_default"
SERVING_EXAMPLES = "serving_examples"
TRANSFORM_FEATURES = "transform_features"


class ServingModule(tf.Module):
    """A trained model with its transform graph, from raw features to answers.

    `tf.saved_model.save` of a Keras model saves copies of its variables, which a session restores while the signatures
    read the originals: it loads and then fails on every request. So this module tracks the variables themselves.

    Args:
        model: `FittedModel`.
        transform_output: `tft.TFTransformOutput`.
        features: sequence of `RawFeature`, those that the model uses.
        config: `TrainerConfig`.
    """

    def __init__(
        self,
        model: FittedModel,
        transform_output: tft.TFTransformOutput,
        features: Sequence[RawFeature],
        config: TrainerConfig,
    ) -> None:
        super().__init__(name="serving")
        self._model = model
        self._features = tuple(features)
        self._config = config
        spec = transform_output.raw_feature_spec()
        self._feature_spec = {feature.name: spec[feature.name] for feature in features}
        self.model_variables = list(model.variables)
        self.transform_layer = transform_output.transform_features_layer()

    def signatures(self) -> dict[str, Any]:
        """Returns the functions to save, by the name of their signature."""
        named = {feature.name: tf.TensorSpec([None], feature.dtype, feature.name) for feature in self._features}
        examples = tf.TensorSpec([None], tf.string, "examples")
        return {
            SERVING_DEFAULT: tf.function(self._serve_default, input_signature=[named]),
            SERVING_EXAMPLES: tf.function(self._serve_examples, input_signature=[examples]),
            TRANSFORM_FEATURES: tf.function(self._transform_examples, input_signature=[examples]),
        }

    def transform(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the transformed features of raw ones, each `(N,)`, missing values as their sentinel."""
        return self._transform(
            {feature.name: self._as_parsed(raw[feature.name], feature) for feature in self._features}
        )

    def _serve_default(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return self._answer(self.transform(raw))

    def _serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answer(self._transform_examples(examples))

    def _transform_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._transform(tf.io.parse_example(examples, self._feature_spec))

    def _transform(self, parsed: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        transformed = self.transform_layer(parsed)
        return {name: transformed[name] for name in self._feature_spec}

    def _answer(self, transformed: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        scores = self._model.scores(transformed)
        if self._config.problem is Problem.REGRESSION:
            return {"outputs": scores[:, 0]}
        classes = tf.gather(tf.constant(self._config.label_values), tf.argmax(scores, axis=1))
        return {"classes": classes, "scores": scores}

    def _as_parsed(self, values: tf.Tensor, feature: RawFeature) -> Any:
        """Returns `(N,)` values as `tf.io.parse_example` would have."""
        if not feature.optional:
            return tf.reshape(values, [-1, *self._feature_spec[feature.name].shape])
        missing = tf.math.is_nan(values) if feature.dtype == "float32" else tf.equal(values, feature.missing)
        rows = tf.where(~missing)
        indices = tf.concat([rows, tf.zeros_like(rows)], axis=1)
        return tf.SparseTensor(indices, tf.gather(values, rows[:, 0]), tf.stack([tf.size(values, tf.int64), 1]))


def export(
    trained: TrainedModel, transform_output: tft.TFTransformOutput, config: TrainerConfig, model_dir: str
) -> None:
    """Writes a SavedModel with the signatures and `assets.extra/yachay.json`.

    Args:
        trained: `TrainedModel`.
        transform_output: `tft.TFTransformOutput` of the transform that the model was trained on.
        config: `TrainerConfig`.
        model_dir: string. The folder to write.
    """
    schema, spec = transform_output.raw_metadata.schema, transform_output.raw_feature_spec()
    names = transform_output.transformed_feature_spec()
    features = [raw_feature(schema, spec, name, kind) for name, kind in config.features.items() if name in names]
    module = ServingModule(trained.model, transform_output, features, config)
    features = [dataclasses.replace(feature, default=value) for feature, value in _imputed(module, features)]
    tf.saved_model.save(module, model_dir, signatures=module.signatures())
    write_metadata(model_dir, model_metadata(trained, config, features))


def _imputed(module: ServingModule, features: Sequence[RawFeature]) -> list[tuple[RawFeature, float | None]]:
    """Returns each feature with the number that stands for a missing value, None where there is no one number.

    A standardised feature is a line that crosses 0 at the imputed mean, so powers of two around it tell the mean to the
    precision of `float32`.
    """
    powers = 2.0 ** np.arange(62)
    probes = np.concatenate([-powers[::-1], [0.0], powers])
    raw = {}
    for feature in features:
        if feature.dtype == "string":
            raw[feature.name] = tf.fill([len(probes) + 1], "")
        else:
            last = 0 if feature.missing is None else feature.missing
            raw[feature.name] = tf.constant(np.append(probes.astype(feature.dtype), np.array(last, feature.dtype)))
    transformed = module.transform(raw)
    values: list[tuple[RawFeature, float | None]] = []
    for feature in features:
        line = transformed[feature.name].numpy()
        if not feature.optional or feature.kind is FeatureKind.CATEGORICAL:
            values.append((feature, None))
        elif feature.kind is FeatureKind.BOOLEAN:
            values.append((feature, float(line[-1])))
        else:
            values.append((feature, float(np.interp(0.0, line[:-1], probes)) if line[0] < line[-2] else None))
    return values
