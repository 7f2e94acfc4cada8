"""`FeatureSelector`: leaves in the schema the features that earn their place."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ... import __version__
from ...errors import ConfigurationError
from ..executor_path import ExecutorPath
from ..prediction_task import PredictionTask
from .artifacts import FeatureRanking
from .settings import FeatureSelectionSettings

MIN_FEATURES = 2


class FeatureSelectorSpec(component_spec.ComponentSpec):
    """Interface of `FeatureSelector`."""

    PARAMETERS = {
        "task": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "seed": component_spec.ExecutionParameter(type=int),
        "version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {
        "selected_schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "ranking": component_spec.ChannelParameter(type=FeatureRanking),
    }


class FeatureSelector(base_component.BaseComponent):
    """Selects features by recursive feature addition on the training split.

    `selected_schema` is the schema without the features that were not selected; the label, the key of the split and
    every column that is no feature stay. A component that parses by it sees the selected features only.

    Args:
        examples: channel of `Examples`. The ingested examples; the split `train` is read.
        schema: channel of `Schema`. The curated schema.
        task: `PredictionTask`.
        settings: `FeatureSelectionSettings`. Defaults to its defaults.
        seed: int. Seed of the folds and of the ranking model. Defaults to 42.

    Raises:
        ConfigurationError: if there is nothing to select from.
    """

    SPEC_CLASS = FeatureSelectorSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        task: PredictionTask,
        settings: FeatureSelectionSettings | None = None,
        seed: int = 42,
    ) -> None:
        if len(task.features) < MIN_FEATURES:
            raise ConfigurationError(
                f"Expected at least {MIN_FEATURES} features to select from. Received: {len(task.features)}. "
                "Turn `feature_selection.enabled` off, or exclude fewer features."
            )
        super().__init__(
            FeatureSelectorSpec(
                examples=examples,
                schema=schema,
                task=task.to_property(),
                settings=(settings or FeatureSelectionSettings()).to_property(),
                seed=seed,
                version=__version__,
                selected_schema=types.Channel(standard_artifacts.Schema),
                ranking=types.Channel(FeatureRanking),
            )
        )
