"""`RunTracker`: logs a run to MLflow, and registers the model that it pushed. `FailureTracker` logs one that failed."""

from typing import ClassVar

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ...errors import ConfigurationError
from ..evaluation_report.artifacts import EvaluationReport
from ..executor_path import ExecutorPath
from . import artifacts
from .settings import TrackerConfig


class RunTrackerSpec(component_spec.ComponentSpec):
    """Interface of `RunTracker`."""

    PARAMETERS = {
        "config": component_spec.ExecutionParameter(type=str),
        "store": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "report": component_spec.ChannelParameter(type=EvaluationReport),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation, optional=True),
        "transform_graph": component_spec.ChannelParameter(type=standard_artifacts.TransformGraph, optional=True),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies, optional=True),
        "tuner_results": component_spec.ChannelParameter(type=standard_artifacts.TunerResults, optional=True),
    }
    OUTPUTS = {"tracking": component_spec.ChannelParameter(type=artifacts.Tracking)}


class RunTracker(base_component.BaseComponent):
    """Logs a run to MLflow: parameters, metrics with intervals, slices, steps, data set, trials, families, files.

    A run whose model is not blessed is logged too. The pushed model is registered with the content hash of the push.
    What cannot be sent is kept in the spool, and `yachay track` sends it later; the component itself never fails. The
    properties of `tracking` are `state` (`"tracked"`, `"kept"` or `"lost"`), `url`, `model` and `reason`.

    Args:
        report: channel of `EvaluationReport`.
        examples: channel of `Examples`.
        schema: channel of `Schema`.
        statistics: channel of `ExampleStatistics`.
        model: channel of `Model`.
        pushed_model: channel of `PushedModel`.
        config: `TrackerConfig`.
        store: string. The model store, as the Pusher has it.
        evaluation: channel of `ModelEvaluation`, for the seconds of its node. Defaults to none.
        transform_graph: channel of `TransformGraph`, likewise. Defaults to none.
        anomalies: channel of `ExampleAnomalies`, likewise. Defaults to none.
        tuner_results: channel of `TunerResults`, likewise. Defaults to none.

    Raises:
        ConfigurationError: if no server is named.
    """

    SPEC_CLASS = RunTrackerSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        report: types.BaseChannel,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        statistics: types.BaseChannel,
        model: types.BaseChannel,
        pushed_model: types.BaseChannel,
        config: TrackerConfig,
        store: str,
        evaluation: types.BaseChannel | None = None,
        transform_graph: types.BaseChannel | None = None,
        anomalies: types.BaseChannel | None = None,
        tuner_results: types.BaseChannel | None = None,
    ) -> None:
        _check(config)
        super().__init__(
            RunTrackerSpec(
                report=report,
                examples=examples,
                schema=schema,
                statistics=statistics,
                model=model,
                pushed_model=pushed_model,
                evaluation=evaluation,
                transform_graph=transform_graph,
                anomalies=anomalies,
                tuner_results=tuner_results,
                config=config.to_property(),
                store=store,
                tracking=types.Channel(artifacts.Tracking),
            )
        )


class FailureTrackerSpec(component_spec.ComponentSpec):
    """Interface of `FailureTracker`."""

    PARAMETERS = {
        "config": component_spec.ExecutionParameter(type=str),
        "status": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, component_spec.ChannelParameter]] = {}
    OUTPUTS = {"tracking": component_spec.ChannelParameter(type=artifacts.Tracking)}


class FailureTracker(base_component.BaseComponent):
    """Logs a run on Kubeflow that failed to MLflow: the exit handler of a pipeline with `RunTracker`.

    A run that `RunTracker` has sent is left as it is, and `state` is `"left"`, as for a run that ended well. See
    `RunTracker` for the other properties of `tracking`.

    Args:
        config: `TrackerConfig`.
        status: string. The final status of the pipeline, in JSON; `FinalStatusStr()` stands for it in a pipeline.

    Raises:
        ConfigurationError: if no server is named.
    """

    SPEC_CLASS = FailureTrackerSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.FailureExecutor")

    def __init__(self, config: TrackerConfig, status: str) -> None:
        _check(config)
        super().__init__(
            FailureTrackerSpec(config=config.to_property(), status=status, tracking=types.Channel(artifacts.Tracking))
        )


def _check(config: TrackerConfig) -> None:
    if not config.uri:
        raise ConfigurationError(
            "Expected tracking.uri, or MLFLOW_TRACKING_URI, to name an MLflow server. Received: neither. Name it, or "
            "leave the tracker out."
        )
