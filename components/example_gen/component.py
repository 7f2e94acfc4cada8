"""`ColumnarExampleGen`: files of columns to `tf.Example` records in two splits."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts
from tfx.types.component_spec import ExecutionParameter

from . import driver, executor
from .artifacts import Quarantine
from .spec import spec_from_parameters


class ColumnarExampleGenSpec(component_spec.ComponentSpec):
    """Interface of `ColumnarExampleGen`."""

    PARAMETERS = {
        "input_pattern": ExecutionParameter(type=str),
        "reader": ExecutionParameter(type=str, optional=True),
        "columns": ExecutionParameter(type=str),
        "label": ExecutionParameter(type=str),
        "label_values": ExecutionParameter(type=str),
        "separator": ExecutionParameter(type=str, optional=True),
        "missing_values": ExecutionParameter(type=str),
        "drop_duplicates": ExecutionParameter(type=int),
        "max_quarantined_share": ExecutionParameter(type=float),
        "bands": ExecutionParameter(type=str),
        "split_method": ExecutionParameter(type=str),
        "split_key": ExecutionParameter(type=str, optional=True),
        "eval_share": ExecutionParameter(type=float),
        "split_salt": ExecutionParameter(type=str),
        "num_shards": ExecutionParameter(type=int),
        "min_rows": ExecutionParameter(type=int),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "quarantine": component_spec.ChannelParameter(type=Quarantine),
    }


class ColumnarExampleGen(base_component.BaseComponent):
    """Reads CSV, Parquet or what a reader yields, and writes `tf.Example` records in the splits `train` and `eval`.

    Records that do not fit go to `quarantine` with their raw line and the reason. The counts (`rows_read`, `rows_kept`,
    `rows_quarantined`, `rows_duplicate`), the `data_fingerprint`, the `original_names` (JSON, identifier to name in the
    file) and the `warnings` (JSON list) are custom properties of `examples`. Unchanged contents of the files come from
    the cache, changed ones never do.

    Args:
        input_pattern: string or `RuntimeParameter`. A file, a folder or a glob; `{SPAN}` and `{VERSION}` as in TFX.
        columns: mapping of column identifier to `{"type": "int64" | "float32" | "string", "required": bool}` and on
            request `"values"`, the only ones allowed; the label among them.
        label: string. The column to predict.
        label_values: sequence of strings. The classes; empty for a regression. Defaults to none.
        reader: string. Dotted path of a function `(path: str) -> Iterator[pyarrow.RecordBatch]`. Defaults to `None`:
            CSV or Parquet.
        separator: string. Of CSV fields. Defaults to `None`, found in the header.
        missing_values: sequence of strings that mean "no value". Defaults to the empty string.
        drop_duplicates: bool. Whether exact duplicates are refused. Defaults to `False`.
        max_quarantined_share: float in [0, 1]. With more refused records the run stops. Defaults to 0.01.
        bands: mapping of new column to `{"column": ..., "edges": [...]}`, intervals of a numeric column as strings.
            Defaults to none.
        split_method: `"hash"`, `"group"` or `"time"`. Defaults to `"hash"`.
        split_key: string. The column to split by. Defaults to `None`, the whole record.
        eval_share: float in (0, 1). Defaults to 0.2.
        split_salt: string. Another salt gives another split. Defaults to none.
        num_shards: int. Files a split. Defaults to 1.
        min_rows: int. With fewer kept records in a split the run stops. Defaults to 0.

    Raises:
        ConfigurationError: if the parameters do not fit together.
    """

    SPEC_CLASS = ColumnarExampleGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        input_pattern: str | data_types.RuntimeParameter,
        columns: Mapping[str, Mapping[str, Any]],
        label: str,
        label_values: Sequence[str] = (),
        reader: str | None = None,
        separator: str | None = None,
        missing_values: Sequence[str] = ("",),
        drop_duplicates: bool = False,
        max_quarantined_share: float = 0.01,
        bands: Mapping[str, Mapping[str, Any]] | None = None,
        split_method: str = "hash",
        split_key: str | None = None,
        eval_share: float = 0.2,
        split_salt: str = "",
        num_shards: int = 1,
        min_rows: int = 0,
    ) -> None:
        parameters = {
            "reader": reader,
            "columns": json.dumps(columns),
            "label": label,
            "label_values": json.dumps(list(label_values)),
            "separator": separator,
            "missing_values": json.dumps(list(missing_values)),
            "drop_duplicates": int(drop_duplicates),
            "max_quarantined_share": float(max_quarantined_share),
            "bands": json.dumps(bands or {}),
            "split_method": split_method,
            "split_key": split_key,
            "eval_share": float(eval_share),
            "split_salt": split_salt,
            "num_shards": num_shards,
            "min_rows": min_rows,
        }
        spec_from_parameters(parameters)
        super().__init__(
            ColumnarExampleGenSpec(
                input_pattern=input_pattern,
                **parameters,
                examples=types.Channel(type=standard_artifacts.Examples),
                quarantine=types.Channel(type=Quarantine),
            )
        )
