"""What `yachay monitor --retrain` does beside watching."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import frame
from .outcome import print_summary

if TYPE_CHECKING:
    from ..components.drift_monitor.result import MonitorResult
    from ..pipelines.config.pipeline_config import PipelineConfig
    from ..pipelines.registry import PipelineFolder
    from ..pipelines.retraining.here import Retraining


def make_retraining(
    folder: "PipelineFolder", config: "PipelineConfig", task: str, data: str | None, workdir: Path
) -> "Retraining":
    """Returns what a retraining needs, checked before the log is read.

    Raises:
        ConfigurationError: if the configuration has no section `retrain`.
        UsageError: if there are no original records, or nothing can be trained here.
    """
    from ..pipelines.local.run import resolve_data
    from ..pipelines.retraining.here import Retraining

    retraining = Retraining(folder, config, task, resolve_data(folder, config, data), workdir)
    retraining.check()
    return retraining


def retrain_after(retraining: "Retraining", result: "MonitorResult") -> None:
    """Decides on what the monitor found, prints the decision as one line of JSON, and trains where it says so.

    Raises:
        YachayError: if the training fails, or the state cannot be read or written.
    """
    from ..components.drift_monitor.labels import read_labels
    from ..pipelines.retraining.here import retrain
    from ..pipelines.runs.output import redirected_to

    settings = retraining.config.monitor
    task = retraining.config.prediction_task(retraining.task)
    labels = read_labels(settings.labels, task, settings.labels_key) if settings.labels else None
    _, summary = retrain(
        retraining, result, labels, lambda line: click.echo(line, err=frame.is_json()), capture=redirected_to
    )
    if summary is not None:
        print_summary(summary)
