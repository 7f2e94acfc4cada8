"""Executor of `Trainer`."""

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from ...dotted import import_callable
from ...errors import ModelError
from ..tfx_api import fn_args_utils, io_utils, json_utils, path_utils, tfxio_utils

TRAIN, EVAL = "train", "eval"


class Executor(base_executor.BaseExecutor):
    """Calls `run_fn` with TFX's `FnArgs`.

    TFX's `GenericExecutor` does the same with options that `Trainer` does not have, and imports Beam and TFDV for them.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains, and checks that there is a model.

        Raises:
            ConfigurationError: if `run_fn` cannot be imported.
            ModelError: if it leaves no model.
        """
        arguments = _arguments(input_dict, output_dict, exec_properties)
        path = exec_properties["run_fn"]
        import_callable(path, "`model.run_fn`")(arguments)
        if not fileio.exists(arguments.serving_model_dir):
            raise ModelError(
                f"Expected {path} to write a SavedModel to `serving_model_dir`. Received: no such folder. "
                "Export with `read_training(fn_args).export(...)`."
            )


def _arguments(
    input_dict: Mapping[str, list[types.Artifact]],
    output_dict: Mapping[str, list[types.Artifact]],
    exec_properties: Mapping[str, Any],
) -> Any:
    """Returns the `FnArgs` of TFX's `GenericExecutor`."""
    examples = input_dict["examples"]
    model = artifact_utils.get_single_uri(output_dict["model"])
    graph, schema = (
        artifact_utils.get_single_uri(input_dict[key]) if input_dict.get(key) else None
        for key in ("transform_graph", "schema")
    )
    schema_path = schema and io_utils.get_only_uri_in_dir(schema)
    hyperparameters = None
    if input_dict.get("hyperparameters"):
        file = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["hyperparameters"]))
        hyperparameters = json.loads(fileio.open(file, "r").read())
    return fn_args_utils.FnArgs(
        train_files=_files(examples, TRAIN),
        eval_files=_files(examples, EVAL),
        schema_path=schema_path,
        schema_file=schema_path,
        transform_graph_path=graph,
        transform_output=graph,
        data_accessor=_accessor(examples),
        serving_model_dir=path_utils.serving_model_dir(model),
        eval_model_dir=path_utils.eval_model_dir(model),
        model_run_dir=artifact_utils.get_single_uri(output_dict["model_run"]),
        hyperparameters=hyperparameters,
        custom_config=json_utils.loads(exec_properties["custom_config"]),
    )


def _files(examples: list[types.Artifact], split: str) -> list[str]:
    return [io_utils.all_files_pattern(uri) for uri in artifact_utils.get_split_uris(examples, split)]


def _accessor(examples: list[types.Artifact]) -> Any:
    """Returns the `DataAccessor` of examples, which imports TFX's readers when it is used."""

    def dataset(*arguments: Any) -> Any:
        return tfxio_utils.get_tf_dataset_factory_from_artifact(examples, ["Trainer"])(*arguments)

    def record_batches(*arguments: Any) -> Any:
        return tfxio_utils.get_record_batch_factory_from_artifact(examples, ["Trainer"])(*arguments)

    return fn_args_utils.DataAccessor(dataset, record_batches, None)
