"""`Trainer`: TFX's interface, with our families, or with a function of one's own."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts, standard_component_specs

from ... import __version__
from ..executor_path import ExecutorPath
from ..prediction_task import PredictionTask
from ..tfx_api import json_utils
from .settings import CodeNames, TrainerConfig, TrainerSettings, check_trainer

RUN_FN = "yachay.components.trainer.run_fn.run_fn"


class Trainer(base_component.BaseComponent):
    """Trains a model of a prediction task on transformed examples and exports it with our signatures.

    Args:
        examples: channel of `Examples`. The transformed examples; the split `train` is read.
        transform_graph: channel of `TransformGraph`.
        schema: channel of `Schema`. The schema that Transform parsed by.
        task: `PredictionTask`.
        settings: `TrainerSettings`. Defaults to all families and the best of them.
        hyperparameters: channel of `HyperParameters`, or None. What a `Tuner` found, in place of the settings'.
            Defaults to None.
        code_names: `CodeNames` or None. Names of the codes of features, for the model's metadata, which the predict
            API's page shows. Defaults to None.

    Raises:
        ConfigurationError: if a family is unknown or cannot do the task, or a hyperparameter does not fit.
    """

    SPEC_CLASS = standard_component_specs.TrainerSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        task: PredictionTask,
        settings: TrainerSettings | None = None,
        hyperparameters: types.BaseChannel | None = None,
        code_names: CodeNames | None = None,
    ) -> None:
        settings = settings or TrainerSettings()
        check_trainer(task, settings)
        config = TrainerConfig(task=task, settings=settings, version=__version__, code_names=code_names or {})
        super().__init__(
            standard_component_specs.TrainerSpec(
                examples=examples,
                transform_graph=transform_graph,
                schema=schema,
                hyperparameters=hyperparameters,
                train_args=trainer_pb2.TrainArgs(),
                eval_args=trainer_pb2.EvalArgs(),
                run_fn=settings.run_fn or RUN_FN,
                custom_config=json_utils.dumps(config.model_dump(mode="json")),
                model=types.Channel(type=standard_artifacts.Model),
                model_run=types.Channel(type=standard_artifacts.ModelRun),
            )
        )
