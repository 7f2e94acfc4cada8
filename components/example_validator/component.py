"""`ExampleValidator`: TFX's, made a gate."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ... import __version__
from ..executor_path import ExecutorPath


class ExampleValidatorSpec(component_spec.ComponentSpec):
    """Interface of `ExampleValidator`."""

    PARAMETERS = {"version": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {"anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies)}


class ExampleValidator(base_component.BaseComponent):
    """Compares statistics with the schema and stops the run where an anomaly is an error.

    TFX's own component records anomalies and lets the run go on. This one writes the same files.

    Args:
        statistics: channel of `ExampleStatistics`.
        schema: channel of `Schema`. What the examples must fit.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(self, statistics: types.BaseChannel, schema: types.BaseChannel) -> None:
        super().__init__(
            ExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                version=__version__,
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
