"""Executor of `Evaluator`."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from absl import logging
from tfx import types
from tfx.types import artifact_utils

from ...errors import ConfigurationError
from ...files import scratch_folder
from ..array_executor import ArrayExecutor
from ..artifact_files import local_copy, local_folder, num_rows, split_files, unreadable
from ..engine import Engine, choose_engine
from ..prediction_task import PredictionTask
from ..splitter import Splitter
from ..tfx_api import evaluator_constants as constants
from ..tfx_api import io_utils, json_utils, path_utils, proto_utils
from .arrays import evaluate_arrays
from .baseline import difference
from .eval_config import complete_config, eval_config
from .model import Model
from .out_of_fold import OutOfFold
from .predictions_file import write_predictions
from .records import read_records
from .settings import EvaluationSettings
from .tfma_files import write_evaluation
from .trivial import TRIVIAL_P_VALUE, why_untestable

SPLIT = "eval"

Artifacts = Mapping[str, list[types.Artifact]]


class Executor(ArrayExecutor):
    """Evaluates by arrays, or runs TFX's Evaluator with the `EvalConfig` of the task and its settings."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the evaluation and the blessing.

        Raises:
            DataError: if the split `eval` has no record, or a label that does not fit the task.
            ModelError: if a model has no signature for examples.
            ConfigurationError: if arrays are asked for, or out-of-fold predictions given, and cannot do the work.
        """
        task = PredictionTask.from_property(exec_properties["task"])
        settings = EvaluationSettings.from_property(exec_properties["settings"])
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        input_dict = _comparable(input_dict, task)
        is_out_of_fold = bool(input_dict.get("predictions"))
        if _engine(examples, len(task.features) + 1, exec_properties["engine"], is_out_of_fold) == "arrays":
            self._evaluate(input_dict, output_dict, task, settings)
            return
        from ..tfx_api import evaluator_executor

        evaluator_executor.Executor(self._context).Do(
            input_dict,
            output_dict,
            {
                "eval_config": proto_utils.proto_to_json(eval_config(task, settings)),
                "example_splits": json_utils.dumps([SPLIT]),
            },
        )

    def _evaluate(
        self, input_dict: Artifacts, output_dict: Artifacts, task: PredictionTask, settings: EvaluationSettings
    ) -> None:
        models = {key: input_dict[key] for key in ("model", "baseline_model") if input_dict.get(key)}
        artifacts = {key: artifact_utils.get_single_instance(found) for key, found in models.items()}
        paths = {key: path_utils.serving_model_path(artifact.uri) for key, artifact in artifacts.items()}
        files = split_files(artifact_utils.get_single_instance(input_dict["examples"]), SPLIT)
        columns = tuple(dict.fromkeys(name for spec in settings.slices for name in spec))
        if input_dict.get("predictions"):
            with scratch_folder() as scratch:
                uri = artifact_utils.get_single_uri(input_dict["predictions"])
                records = read_records(files, task, columns, OutOfFold(local_copy(uri, scratch / "folds"), task))
        else:
            records = read_records(files, task, columns, *(Model(path, task) for path in paths.values()))
        config = complete_config(eval_config(task, settings), has_baseline="baseline_model" in paths)
        slices = evaluate_arrays(task, settings, records)
        names = [spec.name for spec in config.model_specs]
        groups = None if records.keys is None else Splitter(task.split).periods(records.keys)
        explanations = {} if groups is None else {TRIVIAL_P_VALUE: why_untestable(task, len(np.unique(groups)))}
        with local_folder(artifact_utils.get_single_uri(output_dict["evaluation"])) as folder:
            validation = write_evaluation(
                folder, config, slices, dict(zip(names, paths.values(), strict=True)), explanations
            )
            write_predictions(records, folder)
        if validation.missing_thresholds:
            logging.info("No threshold is configured: the model is neither blessed nor rejected.")
            return
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        _bless(blessing, artifacts["model"], artifacts.get("baseline_model"), is_blessed=validation.validation_ok)


def _comparable(input_dict: dict[str, list[types.Artifact]], task: PredictionTask) -> dict[str, list[types.Artifact]]:
    """Returns the inputs without a last blessed model that predicts something else than the task asks for now."""
    if not input_dict.get("baseline_model"):
        return input_dict
    baseline = artifact_utils.get_single_instance(input_dict["baseline_model"])
    other = difference(path_utils.serving_model_path(baseline.uri), task)
    if not other:
        return input_dict
    logging.warning("Not compared with the last blessed model, which predicts something else (%s)", other)
    return {name: found for name, found in input_dict.items() if name != "baseline_model"}


def _engine(examples: types.Artifact, columns: int, engine: Engine, is_out_of_fold: bool) -> Literal["arrays", "beam"]:
    """Returns what evaluates; out-of-fold predictions are arrays already, however many."""
    unsupported = unreadable(examples)
    if not is_out_of_fold:
        return choose_engine(engine, "Evaluator", num_rows(examples), columns, unsupported)
    if unsupported:
        raise ConfigurationError(
            "Expected examples that out-of-fold predictions can be compared with: gzip-compressed TFRecord files of "
            f"`tf.Example`. Received: {unsupported}. Ingest with `ColumnarExampleGen`, or write "
            "`evaluation.method: holdout` in the configuration."
        )
    logging.info("Evaluator: engine arrays, for the predictions are out-of-fold")
    return "arrays"


def _bless(
    blessing: types.Artifact, model: types.Artifact, baseline: types.Artifact | None, *, is_blessed: bool
) -> None:
    """Notes the verdict and the models on the blessing, as TFX's Evaluator does."""
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline is not None:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    name = constants.BLESSED_FILE_NAME if is_blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(f"{blessing.uri}/{name}", "")
    value = constants.BLESSED_VALUE if is_blessed else constants.NOT_BLESSED_VALUE
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
    logging.info("Blessed: %s, noted in %s", is_blessed, blessing.uri)
