"""Settings of a cross-validation."""

from typing import Annotated, Literal

from pydantic import Field

from ..engine import Engine
from ..feature_selection.settings import FeatureSelectionSettings
from ..features import Problem
from ..prediction_task import PredictionTask
from ..settings import Settings
from ..trainer.settings import TrainerSettings
from ..transform.settings import TransformSettings

MIN_FOLDS = 2

FoldMethod = Literal["stratified", "shuffled", "grouped", "time"]


class CrossValidatorConfig(Settings):
    """What the folds of a cross-validation do: the preprocessing and the training of the pipeline.

    Args:
        task: `PredictionTask`. Its split says how folds are divided: by class, group or time.
        trainer: `TrainerSettings`. Of a family or `"auto"`, not of a `run_fn`.
        transform: `TransformSettings`. Defaults to our preprocessing.
        feature_selection: `FeatureSelectionSettings`. Features are selected in each fold. Defaults to no selection.
        folds: int. At least 2. Defaults to 5.
        workers: int or None. How many folds run at a time; see `run_folds`. Defaults to None, what is soonest.
        engine: string. Of the analysis; see `components.engine`. Defaults to `"auto"`.
        version: string. Set by `CrossValidator`: after an upgrade of the library no result is taken from TFX's cache.
    """

    task: PredictionTask
    trainer: TrainerSettings = TrainerSettings()
    transform: TransformSettings = TransformSettings()
    feature_selection: FeatureSelectionSettings = FeatureSelectionSettings()
    folds: Annotated[int, Field(ge=MIN_FOLDS)] = 5
    workers: Annotated[int, Field(ge=1)] | None = None
    engine: Engine = "auto"
    version: str = ""

    @property
    def method(self) -> FoldMethod:
        """How the records are divided."""
        if self.task.split.method == "group":
            return "grouped"
        if self.task.split.method == "time":
            return "time"
        return "stratified" if self.task.problem is Problem.CLASSIFICATION else "shuffled"
