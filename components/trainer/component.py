"""`Trainer`: TFX's, with our families, or with a function of one's own."""

from tfx import types
from tfx.components.trainer.component import Trainer as TfxTrainer

from ... import __version__
from ..prediction_task import PredictionTask
from .settings import TrainerConfig, TrainerSettings, check_trainer

RUN_FN = "yachay.components.trainer.run_fn.run_fn"


class Trainer(TfxTrainer):
    """Trains a model of a prediction task on transformed examples and exports it with our signatures.

    Args:
        examples: channel of `Examples`. The transformed examples; the split `train` is read.
        transform_graph: channel of `TransformGraph`.
        schema: channel of `Schema`. The schema that Transform parsed by.
        task: `PredictionTask`.
        settings: `TrainerSettings`. Defaults to all families and the best of them.

    Raises:
        ConfigurationError: if a family is unknown or cannot do the task, or a hyperparameter does not fit.
    """

    def __init__(
        self,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        task: PredictionTask,
        settings: TrainerSettings | None = None,
    ) -> None:
        settings = settings or TrainerSettings()
        check_trainer(task, settings)
        config = TrainerConfig(task=task, settings=settings, version=__version__)
        super().__init__(
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            run_fn=settings.run_fn or RUN_FN,
            custom_config=config.model_dump(mode="json"),
        )
