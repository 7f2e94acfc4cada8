"""Transform without TFX: the same preprocessing over examples in memory or in files, for folds and tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata
from tfx_bsl.public.tfxio import TFExampleBeamRecord

from ...errors import DataError
from .preprocessing import preprocessing_fn
from .settings import TransformConfig

BATCH_SIZE = 8192


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
    """
    custom_config = config.model_dump(mode="json")
    tfxio = TFExampleBeamRecord(physical_format="in_memory", schema=schema)

    def preprocess(inputs: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        return preprocessing_fn(inputs, custom_config)

    # In process: the default runner looks for a binary to download.
    options = PipelineOptions(["--runner=DirectRunner", "--direct_running_mode=in_memory"])
    with (
        TemporaryDirectory() as scratch,
        beam.Pipeline(options=options) as pipeline,
        tft_beam.Context(temp_dir=scratch),
    ):
        sources = [pipeline | "Examples" >> beam.Create(list(examples))]
        if files:
            paths = pipeline | "Files" >> beam.Create([str(path) for path in files])
            sources.append(paths | "Read" >> beam.io.ReadAllFromTFRecord())
        batches = sources | beam.Flatten() | "Decode" >> tfxio.BeamSource(BATCH_SIZE)
        transform_fn = (batches, tfxio.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(preprocess)
        _ = transform_fn | tft_beam.WriteTransformFn(str(output_dir))
        raw_metadata_dir = str(Path(output_dir) / tft.TFTransformOutput.RAW_METADATA_DIR)
        _ = DatasetMetadata(schema) | tft_beam.WriteMetadata(raw_metadata_dir, pipeline)
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
    layer, feature_spec = transform_output.transform_features_layer(), transform_output.raw_feature_spec()
    serialized = tf.data.Dataset.from_tensor_slices(tf.constant(list(examples), tf.string)).batch(BATCH_SIZE)
    transformed = serialized.map(lambda batch: layer(tf.io.parse_example(batch, feature_spec)))
    batches = list(transformed.as_numpy_iterator())
    if not batches:
        raise DataError("Expected examples to transform. Received: none. Give some.")
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
