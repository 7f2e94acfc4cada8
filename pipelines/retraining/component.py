"""`RetrainTrigger`: starts a training on Kubeflow Pipelines where the monitor's result calls for one."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec

from ...components.drift_monitor.artifacts import MonitorReport
from ...components.executor_path import ExecutorPath
from .artifacts import RetrainDecision
from .settings import TriggerConfig


class RetrainTriggerSpec(component_spec.ComponentSpec):
    """Interface of `RetrainTrigger`."""

    PARAMETERS = {
        "config": component_spec.ExecutionParameter(type=str),
        "labels_uri": component_spec.ExecutionParameter(type=str),
        "labels_key": component_spec.ExecutionParameter(type=str),
        "records_uri": component_spec.ExecutionParameter(type=str),
        "host": component_spec.ExecutionParameter(type=str),
        "experiment": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {"monitoring": component_spec.ChannelParameter(type=MonitorReport)}
    OUTPUTS = {"decision": component_spec.ChannelParameter(type=RetrainDecision)}


class RetrainTrigger(base_component.BaseComponent):
    """Decides whether a training starts, and starts it through the API of Kubeflow Pipelines.

    The decision is a line of JSON in the step's log, in the state and in `decision`, also where none starts.

    Args:
        monitoring: channel of `MonitorReport`.
        config: `TriggerConfig`.
        labels_uri: string. Labels that came since; empty for none. Defaults to none.
        labels_key: string. The column that labels and log share. Defaults to `prediction_id`.
        records_uri: string. The folder of the original records, below which `retrain.labelled` lies: what the training
            reads. Defaults to none, which a run must name.
        host: string. URL of the API. Defaults to that within a cluster.
        experiment: string. Of the runs. Defaults to `Default`.
    """

    SPEC_CLASS = RetrainTriggerSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        monitoring: types.BaseChannel,
        config: TriggerConfig,
        labels_uri: str = "",
        labels_key: str = "",
        records_uri: str = "",
        host: str = "",
        experiment: str = "",
    ) -> None:
        super().__init__(
            RetrainTriggerSpec(
                monitoring=monitoring,
                config=config.to_property(),
                labels_uri=labels_uri,
                labels_key=labels_key,
                records_uri=records_uri,
                host=host,
                experiment=experiment,
                decision=types.Channel(type=RetrainDecision),
            )
        )
