"""What the push of a pipeline's model says of its training, for the monitor."""

from ..components.drift_monitor.reference import ReferenceConfig, SliceColumn
from .config.pipeline_config import PipelineConfig


def reference_config(config: PipelineConfig, task: str) -> ReferenceConfig:
    """Returns what the `Pusher` needs: the task, and the columns of `evaluation.fairness` as groups to watch.

    Args:
        config: `PipelineConfig`.
        task: string. Name of the task.
    """
    return ReferenceConfig(
        task=config.prediction_task(task),
        slices=tuple(_slice_column(config, name) for name in config.evaluation_settings(task).fairness),
    )


def _slice_column(config: PipelineConfig, name: str) -> SliceColumn:
    bins = config.data.bins.get(name)
    return SliceColumn(name=name) if bins is None else SliceColumn(name=name, column=bins.column, edges=bins.edges)
