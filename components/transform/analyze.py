"""Transform without TFX: the same preprocessing over examples in memory or in files, for folds and tests."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2

from ...errors import DataError
from ..engine import choose_engine
from ..examples import BATCH_SIZE, read_examples
from .arrays import ArrayTransform
from .preprocessing import preprocessing_fn
from .settings import TransformConfig


def analyze(
    examples: Sequence[bytes],
    schema: schema_pb2.Schema,
    config: TransformConfig,
    output_dir: str | Path,
    files: Sequence[str | Path] = (),
) -> tft.TFTransformOutput:
    """Writes the transform graph of examples, laid out as TFX Transform's.

    Args:
        examples: sequence of serialized `tf.Example`.
        schema: `Schema` of the raw examples.
        config: `TransformConfig`.
        output_dir: path of the folder to write.
        files: sequence of paths of gzip-compressed TFRecord files with more examples. Defaults to none.

    Returns:
        `tft.TFTransformOutput` of `output_dir`.

    Raises:
        ConfigurationError: if `config.engine` is `"arrays"` and they cannot compute an analyzer.
        DataError: if a feature that is a number by its kind holds text, or an example does not fit the schema.
    """
    preprocess = functools.partial(preprocessing_fn, custom_config=config.model_dump(mode="json"))

    def batches() -> Iterator[Sequence[bytes]]:
        yield from _batches(examples)
        yield from read_examples(files)

    transform = None if config.engine == "beam" else ArrayTransform(preprocess, schema)
    unsupported = transform.unsupported if transform else ""
    rows = None if files else len(examples)
    if choose_engine(config.engine, "Transform", rows, len(schema.feature), unsupported) == "arrays" and transform:
        transform.analyze(batches)
        transform.write_graph(Path(output_dir))
        return _ArrayTransformOutput(str(output_dir), transform)
    from .beam_analysis import analyze_with_beam

    analyze_with_beam(preprocess, schema, examples, files, output_dir)
    return tft.TFTransformOutput(str(output_dir))


def transform_arrays(transform_output: tft.TFTransformOutput, examples: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    """Transforms examples with the graph that a model serves.

    Args:
        transform_output: `tft.TFTransformOutput`.
        examples: sequence of serialized `tf.Example`.

    Returns:
        Dict of feature name, the label's included, to array `(N,)` or `(N, steps)`.

    Raises:
        DataError: if there is no example.
    """
    if not len(examples):
        raise DataError("Expected examples to transform. Received: none. Give some.")
    if isinstance(transform_output, _ArrayTransformOutput):
        transformed = list(transform_output.transform.transform(_batches(examples)))
    else:
        layer, feature_spec = transform_output.transform_features_layer(), transform_output.raw_feature_spec()
        transformed = [layer(tf.io.parse_example(tf.constant(batch), feature_spec)) for batch in _batches(examples)]
    return {name: np.concatenate([batch[name].numpy() for batch in transformed]) for name in transformed[0]}


def _batches(examples: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(examples), BATCH_SIZE):
        yield examples[start : start + BATCH_SIZE]


class _ArrayTransformOutput(tft.TFTransformOutput):
    """The output of an analysis by arrays, which need not be loaded to transform examples."""

    def __init__(self, transform_output_dir: str, transform: ArrayTransform) -> None:
        super().__init__(transform_output_dir)
        self.transform = transform
