"""`CrossValidator`: out-of-fold predictions of all records."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ... import __version__
from ...errors import ConfigurationError
from ..evaluator.artifacts import OutOfFoldPredictions
from ..executor_path import ExecutorPath
from ..trainer.settings import check_trainer
from .settings import CrossValidatorConfig


class CrossValidatorSpec(component_spec.ComponentSpec):
    """Interface of `CrossValidator`."""

    PARAMETERS = {"config": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {"predictions": component_spec.ChannelParameter(type=OutOfFoldPredictions)}


class CrossValidator(base_component.BaseComponent):
    """Predicts each record of the split `eval` by a model that has not seen it, nor its group.

    In each fold features are selected, the preprocessing is analyzed and the model is trained as in the pipeline, on
    the other folds. `predictions` goes to the Evaluator in place of predictions of the model that is shipped, which is
    trained on all records.

    Args:
        examples: channel of `Examples`. The ingested examples; the split `eval` is read, which then has all records.
        schema: channel of `Schema`. The curated schema; features are selected in each fold.
        config: `CrossValidatorConfig`.

    Raises:
        ConfigurationError: if the trainer is a function of one's own, a family is unknown or cannot do the task, or the
            split is by time, so that the first records are in no fold that is held out.
    """

    SPEC_CLASS = CrossValidatorSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(self, examples: types.BaseChannel, schema: types.BaseChannel, config: CrossValidatorConfig) -> None:
        check_cross_validator(config)
        super().__init__(
            CrossValidatorSpec(
                examples=examples,
                schema=schema,
                config=config.model_copy(update={"version": __version__}).to_property(),
                predictions=types.Channel(OutOfFoldPredictions),
            )
        )


def check_cross_validator(config: CrossValidatorConfig) -> None:
    """Checks that all records can be predicted by models that have not seen them.

    Raises:
        ConfigurationError: as `CrossValidator`.
    """
    check_trainer(config.task, config.trainer)
    config.trainer.require_family()
    if config.method == "time":
        raise ConfigurationError(
            "Expected a split by hash or group. Received: one by time, whose first records are in no fold that is "
            "held out. Evaluate a part that is held out."
        )
