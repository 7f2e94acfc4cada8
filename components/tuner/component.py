"""`Tuner`: with the oracles of KerasTuner over our families, by inner folds, in the place of TFX's own."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ... import __version__
from ..executor_path import ExecutorPath
from .checks import check_search
from .settings import TunerConfig


class TunerSpec(component_spec.ComponentSpec):
    """Interface of `Tuner`; its outputs are those of TFX's."""

    PARAMETERS = {"config": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {
        "best_hyperparameters": component_spec.ChannelParameter(type=standard_artifacts.HyperParameters),
        "tuner_results": component_spec.ChannelParameter(type=standard_artifacts.TunerResults),
    }


class Tuner(base_component.BaseComponent):
    """Searches for the family and the hyperparameters that are best by inner folds of the split `train`.

    Each inner fold selects features and analyzes the preprocessing on its own training part; the split `eval` is not
    read. `best_hyperparameters` holds a `Tuned`, which the Trainer takes; `tuner_results` holds the `Search`, see
    `record.py`. What is done of a search is kept beside these, or in `tune.folder`: one that was killed, or has a
    greater budget, goes on from there.

    Args:
        examples: channel of `Examples`. The ingested examples; the split `train` is read.
        schema: channel of `Schema`. The curated schema; features are selected in each fold.
        config: `TunerConfig`.

    Raises:
        ConfigurationError: if the trainer is a function of one's own, a family is unknown or cannot do the task, or a
            space does not fit its family.
    """

    SPEC_CLASS = TunerSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(self, examples: types.BaseChannel, schema: types.BaseChannel, config: TunerConfig) -> None:
        task, trainer = config.training.task, config.training.trainer
        tune = config.tune.model_copy(update={"enabled": True})
        check_search(task, trainer, tune)
        super().__init__(
            TunerSpec(
                examples=examples,
                schema=schema,
                config=config.model_copy(update={"tune": tune, "version": __version__}).to_property(),
                best_hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
                tuner_results=types.Channel(type=standard_artifacts.TunerResults),
            )
        )
