"""`NestedCrossValidator`: out-of-fold predictions of models whose hyperparameters were searched for in each fold."""

from tfx import types
from tfx.dsl.components.base import base_component

from ... import __version__
from ..cross_validator.component import CrossValidatorSpec, check_cross_validator
from ..evaluator.artifacts import OutOfFoldPredictions
from ..executor_path import ExecutorPath
from ..tuner.settings import TunerConfig


class NestedCrossValidator(base_component.BaseComponent):
    """`CrossValidator`, with a search in each fold on its training part: see `folds.py`.

    Args:
        examples: channel of `Examples`. The ingested examples; the split `eval` is read, which then has all records.
        schema: channel of `Schema`. The curated schema; features are selected in each fold.
        config: `TunerConfig`.

    Raises:
        ConfigurationError: as `CrossValidator`.
    """

    SPEC_CLASS = CrossValidatorSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(self, examples: types.BaseChannel, schema: types.BaseChannel, config: TunerConfig) -> None:
        check_cross_validator(config.training)
        super().__init__(
            CrossValidatorSpec(
                examples=examples,
                schema=schema,
                config=config.model_copy(update={"version": __version__}).to_property(),
                predictions=types.Channel(OutOfFoldPredictions),
            )
        )
