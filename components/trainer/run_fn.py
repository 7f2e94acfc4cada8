"""What TFX's Trainer calls, and what a `run_fn` of a system's own reads and writes with.

def run_fn(fn_args):
    training = read_training(fn_args)
    train, validation = training.split()
    network = ...  # any Keras model of train.features, each (N,) or (N, steps)
    model = FittedNetwork(network, to_inputs=lambda features: features["load"], to_scores=lambda outputs: outputs)
    training.export(model, "my_network", validation)
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import tensorflow_transform as tft

from ..prediction_task import PredictionTask
from ..settings import check_settings
from .distribution import TF_CONFIG, distributed, is_chief, start_workers
from .export import export
from .family import FittedModel
from .settings import CodeNames, TrainerConfig, TrainerSettings, Tuned
from .table import Table, make_table, read_transformed
from .train import Candidate, TrainedModel, score, train
from .workers import run_workers


class TrainerArguments(Protocol):
    """What is read of TFX's `FnArgs`."""

    train_files: Sequence[str]
    transform_graph_path: str
    serving_model_dir: str
    custom_config: Mapping[str, Any] | str
    hyperparameters: Mapping[str, Any] | None


@dataclasses.dataclass(frozen=True)
class Training:
    """What a `run_fn` trains with.

    Args:
        task: `PredictionTask`.
        settings: `TrainerSettings`.
        table: `Table` of the transformed `train` split, in canonical order.
        transform_output: `tft.TFTransformOutput`.
        model_dir: string. The folder to export to.
        code_names: `CodeNames`. For the metadata. Defaults to none.
    """

    task: PredictionTask
    settings: TrainerSettings
    table: Table
    transform_output: tft.TFTransformOutput
    model_dir: str
    code_names: CodeNames = dataclasses.field(default_factory=dict)

    def split(self) -> tuple[Table, Table]:
        """Returns the rows to train on and the validation part, divided as the split of the data is."""
        return self.table.split(self.settings.validation_share, self.settings.seed)

    def export(
        self,
        model: FittedModel,
        family: str,
        validation: Table | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes the SavedModel with the signatures and metadata that the Evaluator, the Pusher and the server read.

        Args:
            model: `FittedModel`, such as a `families.keras.FittedNetwork`.
            family: string. A name for the kind of model.
            validation: `Table`. Where given, the metrics on it go into the metadata. Defaults to None.
            hyperparameters: mapping of what to note in the metadata. Defaults to none.
        """
        metrics = score(model, validation, self.task) if validation is not None else {}
        leaderboard = (Candidate(family, metrics, 0.0),) if metrics else ()
        trained = TrainedModel(model, family, dict(hyperparameters or {}), metrics, leaderboard)
        self.write(trained)

    def write(self, trained: TrainedModel) -> None:
        """Writes the SavedModel of what our families trained."""
        export(trained, self.transform_output, self.task, self.settings.seed, self.model_dir, self.code_names)


def read_training(fn_args: TrainerArguments) -> Training:
    """Returns the task, the settings and the transformed `train` split of a Trainer's run.

    The `eval` split is never read: it is the Evaluator's.

    Raises:
        ConfigurationError: if the `custom_config` is not that of our `Trainer`.
        ModelError: if there are no examples, or a label does not fit the task.
    """
    config = TrainerConfig.from_custom_config(fn_args.custom_config)
    settings = config.settings
    if fn_args.hyperparameters is not None:
        settings = check_settings(Tuned, fn_args.hyperparameters, "hyperparameters of the Tuner").apply(settings)
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    arrays = read_transformed(fn_args.train_files, transform_output.transformed_feature_spec())
    table = make_table(transform_output, arrays, config.task).before_eval()
    return Training(config.task, settings, table, transform_output, fn_args.serving_model_dir, config.code_names)


def run_fn(fn_args: TrainerArguments) -> None:
    """Trains on the transformed `train` split and writes the SavedModel with its metadata."""
    settings = TrainerConfig.from_custom_config(fn_args.custom_config).settings
    if settings.strategy == "multi_worker":
        if settings.workers > 1 and TF_CONFIG not in os.environ:
            run_workers(settings.workers, {name: getattr(fn_args, name) for name in TrainerArguments.__annotations__})
            return
        start_workers()
    training = read_training(fn_args)
    with distributed(training.settings.strategy):
        trained, keeps = train(training.table, training.task, training.settings), is_chief()
    if not keeps:
        return  # The first worker writes the same model.
    training.write(trained)
