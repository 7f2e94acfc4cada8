"""`StatisticsGen`: TFX's, with arrays in one process where Beam is not needed."""

from tfx import types
from tfx.dsl.components.base import base_beam_component
from tfx.types import component_spec, standard_artifacts

from ... import __version__
from ..engine import Engine
from ..executor_path import BeamExecutorPath


class StatisticsGenSpec(component_spec.ComponentSpec):
    """Interface of `StatisticsGen`."""

    PARAMETERS = {
        "engine": component_spec.ExecutionParameter(type=str),
        "version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {"statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics)}


class StatisticsGen(base_beam_component.BaseBeamComponent):
    """Computes the statistics of each split of the examples.

    The statistics are TensorFlow Data Validation's, in its files, whichever engine computes them.

    Args:
        examples: channel of `Examples`. The ingested examples.
        schema: channel of `Schema`. Which features are categorical, and the domains.
        engine: string. `"arrays"`, `"beam"` or `"auto"`; see `components.engine`. Defaults to `"auto"`.
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = BeamExecutorPath(f"{__package__}.executor.Executor")

    def __init__(self, examples: types.BaseChannel, schema: types.BaseChannel, engine: Engine = "auto") -> None:
        super().__init__(
            StatisticsGenSpec(
                examples=examples,
                schema=schema,
                engine=engine,
                version=__version__,
                statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
