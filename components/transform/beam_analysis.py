"""TensorFlow Transform's analysis by Beam, for what arrays cannot compute."""

from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata
from tfx_bsl.public.tfxio import TFExampleBeamRecord

from ...files import scratch_folder
from ..examples import BATCH_SIZE
from .arrays import Preprocess


def analyze_with_beam(
    preprocess: Preprocess,
    schema: schema_pb2.Schema,
    examples: Sequence[bytes],
    files: Sequence[str | Path],
    output_dir: str | Path,
) -> None:
    """Writes the transform graph of examples in memory and in gzip-compressed TFRecord files."""
    tfxio = TFExampleBeamRecord(physical_format="in_memory", schema=schema)
    # In process: the default runner looks for a binary to download.
    options = PipelineOptions(["--runner=DirectRunner", "--direct_running_mode=in_memory"])
    with (
        scratch_folder() as scratch,
        beam.Pipeline(options=options) as pipeline,
        tft_beam.Context(temp_dir=str(scratch)),
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
