"""What TFX's Trainer calls."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import tensorflow_transform as tft

from .config import TrainerConfig
from .export import export
from .table import make_table, read_transformed
from .train import train


class TrainerArguments(Protocol):
    """What is read of TFX's `FnArgs`."""

    train_files: Sequence[str]
    transform_graph_path: str
    serving_model_dir: str
    custom_config: Mapping[str, Any] | str


def run_fn(fn_args: TrainerArguments) -> None:
    """Trains on the transformed `train` split and writes the SavedModel with its metadata.

    The `eval` split is never read: it is the Evaluator's.
    """
    config = TrainerConfig.from_custom_config(fn_args.custom_config)
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    arrays = read_transformed(fn_args.train_files, transform_output.transformed_feature_spec())
    trained = train(make_table(transform_output, arrays, config), config)
    export(trained, transform_output, config, fn_args.serving_model_dir)
