"""Executor of `CuratedSchema`."""

from typing import Any

from google.protobuf import text_format
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ...schemas import parse_schema
from ..sequences import stored_schema
from ..tfx_api import SCHEMA_FILE_NAME, io_utils


class Executor(base_executor.BaseExecutor):
    """Writes the schema of the stored examples to the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `schema.pbtxt`."""
        stored = stored_schema(parse_schema(exec_properties["schema_text"]))
        path = f"{artifact_utils.get_single_uri(output_dict['schema'])}/{SCHEMA_FILE_NAME}"
        io_utils.write_string_file(path, text_format.MessageToString(stored))
