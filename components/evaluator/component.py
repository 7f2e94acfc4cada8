"""`Evaluator`: TFX's Evaluator of a prediction task and its settings."""

from tfx import types
from tfx.dsl.components.base import base_beam_component
from tfx.types import component_spec, standard_artifacts

from ... import __version__
from ...errors import ConfigurationError
from ..engine import Engine
from ..executor_path import BeamExecutorPath
from ..prediction_task import PredictionTask
from .artifacts import OutOfFoldPredictions
from .metric import task_metrics
from .settings import EvaluationSettings


class EvaluatorSpec(component_spec.ComponentSpec):
    """Interface of `Evaluator`."""

    PARAMETERS = {
        "task": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "engine": component_spec.ExecutionParameter(type=str),
        "version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        "predictions": component_spec.ChannelParameter(type=OutOfFoldPredictions, optional=True),
    }
    OUTPUTS = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class Evaluator(base_beam_component.BaseBeamComponent):
    """Measures a model on the split `eval`, slice by slice, and blesses it where it meets its thresholds.

    A model is blessed where its metrics, those of `components.evaluator.metric`, are within their bounds over all
    records, it is not worse than the last blessed model by more than `settings.change` allows, and it beats the best
    trivial prediction by more than chance. Arrays or TFX's own Evaluator do the work; both write TFMA's files, and
    arrays also `predictions.parquet` with what the models predicted.

    Args:
        examples: channel of `Examples`. The ingested examples.
        model: channel of `Model`. The candidate.
        task: `PredictionTask`.
        settings: `EvaluationSettings`. Defaults to no slices and no thresholds but that against trivial predictions.
        baseline_model: channel of `Model`. The last blessed model. Defaults to none.
        predictions: channel of `OutOfFoldPredictions` of the split `eval`, which are judged in place of what `model`
            predicts; it is blessed by them, and compared with no other. Defaults to none.
        engine: string. `"arrays"`, `"beam"`, or `"auto"` for what fits; see `components.engine`. Defaults to `"auto"`.

    Raises:
        ConfigurationError: if a threshold names no metric of the task or no model can meet it, or out-of-fold
            predictions come with a baseline or with the engine Beam.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = BeamExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        task: PredictionTask,
        settings: EvaluationSettings | None = None,
        baseline_model: types.BaseChannel | None = None,
        predictions: types.BaseChannel | None = None,
        engine: Engine = "auto",
    ) -> None:
        settings = settings or EvaluationSettings()
        settings.check(task_metrics(task))
        if predictions is not None and (baseline_model is not None or engine == "beam"):
            raise ConfigurationError(
                "Expected out-of-fold predictions alone, evaluated by arrays. Received: "
                f"{'a baseline model, which has seen the records' if baseline_model is not None else 'the engine Beam'}"
                ". Leave it out."
            )
        super().__init__(
            EvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                predictions=predictions,
                task=task.to_property(),
                settings=settings.to_property(),
                engine=engine,
                version=__version__,
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
