"""`CuratedSchema`: hands a schema that people wrote and reviewed to the components that need one."""

from typing import ClassVar

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ..executor_path import ExecutorPath


class CuratedSchemaSpec(component_spec.ComponentSpec):
    """Interface of `CuratedSchema`."""

    PARAMETERS = {"schema_text": component_spec.ExecutionParameter(type=str)}
    INPUTS: ClassVar[dict[str, component_spec.ChannelParameter]] = {}
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class CuratedSchema(base_component.BaseComponent):
    """Writes the schema of the ingested examples, from a curated one that is given as text.

    Both are the same but for sequences; see `components.sequences`.

    TFX's `ImportSchemaGen` takes a path, which is not that of the image on a cluster, and whose content its cache key
    does not cover.

    Args:
        schema_text: string. A `tensorflow_metadata.proto.v0.Schema` in text form.
    """

    SPEC_CLASS = CuratedSchemaSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(self, schema_text: str) -> None:
        super().__init__(CuratedSchemaSpec(schema_text=schema_text, schema=types.Channel(standard_artifacts.Schema)))
