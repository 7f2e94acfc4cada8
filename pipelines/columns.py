"""What the ingest is asked to do, from the schema and the configuration."""

from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from ..components.example_gen.inputs import match_files
from ..components.example_gen.read import check_headers, data_paths
from ..components.example_gen.spec import spec_from_arguments
from ..errors import ConfigurationError
from .config.pipeline_config import PipelineConfig

_TYPES = {schema_pb2.INT: "int64", schema_pb2.FLOAT: "float32", schema_pb2.BYTES: "string"}


def ingest_columns(schema: schema_pb2.Schema, config: PipelineConfig) -> dict[str, dict[str, Any]]:
    """Returns `{column: {"type": ..., "required": ...}}` of every column of the raw data, in the order of the schema.

    Raises:
        ConfigurationError: if the configuration names a column that the schema does not have.
    """
    known = [feature.name for feature in schema.feature]
    named = {
        "label.name": [config.label.name],
        "features": [name for names in config.features.values() for name in names],
        "data.bands": [*config.data.bands, *(band.column for band in config.data.bands.values())],
        "split.key": [config.split.key] if config.split.key else [],
        "evaluation.slices": [name for columns in config.evaluation.slices for name in columns],
        "evaluation.fairness": config.evaluation.fairness,
    }
    for field, names in named.items():
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise ConfigurationError(
                f"Expected {field} to name columns of the schema {config.data.schema_name!r}. "
                f"Received: {', '.join(unknown)}. Correct the name, or add the column to the schema."
            )
    return {
        feature.name: {"type": _TYPES[feature.type], "required": feature.presence.min_fraction == 1}
        for feature in schema.feature
        if feature.name not in config.data.bands
    }


def ingest_arguments(schema: schema_pb2.Schema, config: PipelineConfig) -> dict[str, Any]:
    """Returns the arguments of `ColumnarExampleGen` and of `IngestSpec.from_arguments` but for the input.

    Raises:
        ConfigurationError: if the configuration names a column that the schema does not have.
    """
    return {
        "columns": ingest_columns(schema, config),
        "label": config.label.name,
        "label_values": config.label.values,
        "reader": config.data.reader,
        "separator": config.data.separator,
        "missing_values": config.data.missing_values,
        "drop_duplicates": config.data.drop_duplicates,
        "max_quarantined_share": config.data.max_quarantined_share,
        "bands": {name: band.model_dump() for name, band in config.data.bands.items()},
        "split_method": config.split.method,
        "split_key": config.split.key,
        "eval_share": config.split.eval_share,
        "split_salt": config.split.salt,
        "min_rows": config.evaluation.min_slice_rows,
    }


def check_data(data_uri: str, schema: schema_pb2.Schema, config: PipelineConfig) -> None:
    """Checks the headers of the data, in milliseconds and before TFX is imported.

    Args:
        data_uri: string. File, folder or pattern of the records; one with a span is left to the ingest.
        schema: `schema_pb2.Schema`. The curated schema.
        config: `PipelineConfig`.

    Raises:
        ConfigurationError: if the configuration names a column that the schema does not have.
        DataError: if nothing matches, or a file lacks columns.
    """
    spec = spec_from_arguments(**ingest_arguments(schema, config))
    if "{" not in data_uri:
        check_headers(data_paths(match_files(data_uri), spec)[0], spec)
