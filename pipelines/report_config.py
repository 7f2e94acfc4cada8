"""What the evaluation report takes from a pipeline's configuration."""

from fnmatch import fnmatchcase

from ..components.evaluation_report.settings import ReportConfig
from .config.pipeline_config import PipelineConfig


def report_config(config: PipelineConfig, task: str, image: str = "", profile_page: str = "") -> ReportConfig:
    """Returns the settings of `EvaluationReport`.

    Args:
        config: `PipelineConfig`.
        task: string. Name of the task.
        image: string. The container image of the step.
        profile_page: string. Path of the page of what the data held when the pipeline was made; empty for none.
    """
    return ReportConfig(
        task=config.prediction_task(task),
        pipeline=config.name,
        task_name=task,
        title=config.title,
        description=config.tasks[task].description,
        is_synthetic=config.is_synthetic,
        evaluation=config.evaluation_settings(task),
        report=config.report,
        excluded=_excluded(config, config.never_inputs | config.exclude | config.tasks[task].exclude),
        seed=config.model.seed,
        source=config.data.source,
        licence=config.data.licence,
        image=image,
        profile_page=profile_page,
    )


def _excluded(config: PipelineConfig, reasons: dict[str, str]) -> dict[str, str]:
    """Returns `{column: reason}`: a pattern stands for the columns that it matches, a name also for one of no kind."""
    matched = {
        name: reason for pattern, reason in reasons.items() for name in config.columns if fnmatchcase(name, pattern)
    }
    return matched | {name: reason for name, reason in reasons.items() if "*" not in name}
