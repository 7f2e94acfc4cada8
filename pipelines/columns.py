"""What the ingest is asked to do, from the schema and the configuration."""

from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from ..components.example_gen.inputs import match_files
from ..components.example_gen.read import check_headers, data_paths
from ..components.example_gen.settings import IngestSpec, ReadSettings
from ..components.sequences import sequence_shape
from ..components.settings import check_settings
from .config.pipeline_config import PipelineConfig

_TYPES = {schema_pb2.INT: "int64", schema_pb2.FLOAT: "float32", schema_pb2.BYTES: "string"}


def ingest_columns(schema: schema_pb2.Schema, config: PipelineConfig) -> dict[str, dict[str, Any]]:
    """Returns `{column: {"type": ..., "required": ...}}` of each column of the raw data, in the schema's order."""
    columns = {}
    for feature in schema.feature:
        if feature.name not in config.data.bins:
            columns[feature.name] = {"type": _TYPES[feature.type], "required": feature.presence.min_fraction == 1}
            if shape := sequence_shape(feature):
                columns[feature.name] |= {"steps": shape.steps, "min_steps": shape.min_steps}
    return columns


def ingest_spec(schema: schema_pb2.Schema, config: PipelineConfig, task: str) -> IngestSpec:
    """Returns what the ingest of a task is asked to do.

    Raises:
        ConfigurationError: if a field does not fit.
    """
    read = {name: getattr(config.data, name) for name in ReadSettings.model_fields}
    given = {
        **read,
        "columns": ingest_columns(schema, config),
        "label": config.for_task(task).label,
        "split": config.split,
        "min_rows": config.evaluation.min_slice_rows,
        "is_split": not config.evaluation.is_out_of_fold,
    }
    return check_settings(IngestSpec, given, "ingest")


def check_data(data_uri: str, schema: schema_pb2.Schema, config: PipelineConfig, task: str) -> None:
    """Checks the headers of the data, in milliseconds and before TFX is imported.

    Args:
        data_uri: string. File, folder or pattern of the records; one of a span or a reader is left to the ingest.
        schema: `schema_pb2.Schema`. The curated schema.
        config: `PipelineConfig`.
        task: string. Name of the task.

    Raises:
        ConfigurationError: if the configuration names a column that the schema does not have.
        DataError: if nothing matches, or a file lacks columns.
    """
    spec = ingest_spec(schema, config, task)
    if "{" not in data_uri:
        check_headers(data_paths(match_files(data_uri), spec)[0], spec)
