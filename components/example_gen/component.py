"""`ColumnarExampleGen`: files of columns to `tf.Example` records in two splits."""

from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts
from tfx.types.component_spec import ExecutionParameter

from ... import __version__
from ..executor_path import ExecutorPath
from ..settings import check_settings
from . import driver
from .artifacts import Quarantine
from .settings import IngestSpec
from .typed_tables import load_reader


class ColumnarExampleGenSpec(component_spec.ComponentSpec):
    """Interface of `ColumnarExampleGen`."""

    PARAMETERS = {
        "input_pattern": ExecutionParameter(type=str),
        "spec": ExecutionParameter(type=str),
        "version": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "quarantine": component_spec.ChannelParameter(type=Quarantine),
    }


class ColumnarExampleGen(base_component.BaseComponent):
    """Reads CSV, Parquet or what a reader yields, and writes `tf.Example` records in the splits `train` and `eval`.

    Records that do not fit go to `quarantine` with their raw line and the reason; what a reader changed or left out is
    noted beside them. The counts (`rows_read`, `rows_kept`, `rows_quarantined`, `rows_duplicate`), the
    `data_fingerprint`, the `original_names` (JSON, identifier to name in the file) and the `warnings` (JSON list) are
    custom properties of `examples`. Unchanged contents of the files come from the cache, changed ones, and other
    versions of this library, never do.

    Args:
        input_pattern: string or `RuntimeParameter`. A file, a folder or a glob; `{SPAN}` and `{VERSION}` as in TFX.
        spec: `IngestSpec`, or a mapping of its fields: which columns to read, what is predicted, which rows are
            rejected, how the others are divided.

    Raises:
        ConfigurationError: if a field of the spec does not fit, or its reader cannot be imported.
    """

    SPEC_CLASS = ColumnarExampleGenSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        input_pattern: str | data_types.RuntimeParameter,
        spec: IngestSpec | Mapping[str, Any],
    ) -> None:
        if not isinstance(spec, IngestSpec):
            spec = check_settings(IngestSpec, spec, "spec of ColumnarExampleGen")
        if spec.reader:
            load_reader(spec.reader, spec.reader_options)
        super().__init__(
            ColumnarExampleGenSpec(
                input_pattern=input_pattern,
                spec=spec.to_property(),
                version=__version__,
                examples=types.Channel(type=standard_artifacts.Examples),
                quarantine=types.Channel(type=Quarantine),
            )
        )
