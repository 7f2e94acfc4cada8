"""Whether a search can be made, found out before any work."""

from ...errors import ConfigurationError
from ..evaluator.metric import task_metrics
from ..prediction_task import PredictionTask
from ..trainer.family import families_for, load_families
from ..trainer.settings import TrainerSettings, check_trainer
from .settings import TuneSettings, find_tuning_problems


def check_search(task: PredictionTask, trainer: TrainerSettings, tune: TuneSettings) -> None:
    """Checks that a task can be searched for with some settings.

    Args:
        task: `PredictionTask`.
        trainer: `TrainerSettings`.
        tune: `TuneSettings`, enabled.

    Raises:
        ConfigurationError: if the trainer is a function of one's own, a family is unknown or cannot do the task, or a
            space does not fit its family.
    """
    trainer.require_family()
    check_trainer(task, trainer)
    families, metrics = load_families(task.extensions), task_metrics(task)
    problems = list(
        find_tuning_problems(tune, trainer, families, families_for(task), metrics, task.features, task.label.values)
    )
    if problems:
        raise ConfigurationError("\n".join(["Invalid settings of the Tuner:", *(f"  - {one}" for one in problems)]))
