"""Executor of `CuratedSchema`."""

from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils


class Executor(base_executor.BaseExecutor):
    """Writes the text to the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `schema.pbtxt`."""
        folder = Path(artifact_utils.get_single_uri(output_dict["schema"]))
        (folder / DEFAULT_FILE_NAME).write_text(exec_properties["schema_text"], encoding="utf-8")
