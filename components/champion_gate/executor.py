"""Executor of `ChampionGate`."""

import tempfile
from pathlib import Path
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ..evaluation_report.report import COMPARISON, NewestComparison
from ..evaluator.arrays import evaluate_arrays
from ..evaluator.model import Model
from ..evaluator.records import read_records
from ..evaluator.settings import EvaluationSettings
from ..example_gen.settings import IngestSpec
from ..prediction_task import PredictionTask
from ..retraining.objects import open_objects
from ..retraining.settings import RetrainSettings
from ..tfx_api import evaluator_constants as constants
from ..tfx_api import io_utils, model_utils, path_utils
from .compare import hold_out, judge


class Executor(base_executor.BaseExecutor):
    """Passes the Evaluator's blessing on, where the champion is no better."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the blessing.

        Raises:
            DataError: if the newest rows cannot be read or compared.
            ModelError: if a model cannot predict.
        """
        verdict = artifact_utils.get_single_instance(input_dict["model_blessing"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        champions, newest_uri = input_dict.get("baseline_model") or [], exec_properties["newest_uri"]
        if not model_utils.is_model_blessed(verdict):
            comparison = NewestComparison(passes=False, reason="The gate did not bless the candidate.")
        elif not newest_uri:
            comparison = NewestComparison(
                passes=True, reason="No newest labelled rows are named: the gate's verdict stands."
            )
        elif not champions:
            comparison = NewestComparison(passes=True, reason="There is no champion: the gate's verdict stands.")
        else:
            comparison = _compare(model, artifact_utils.get_single_instance(champions), newest_uri, exec_properties)
        logging.info("%s", comparison.reason)
        for key in (
            constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY,
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY,
        ):
            blessing.set_string_custom_property(key, verdict.get_string_custom_property(key))
        blessing.set_string_custom_property(COMPARISON, comparison.model_dump_json())
        name = constants.BLESSED_FILE_NAME if comparison.passes else constants.NOT_BLESSED_FILE_NAME
        io_utils.write_string_file(f"{blessing.uri}/{name}", "")
        value = constants.BLESSED_VALUE if comparison.passes else constants.NOT_BLESSED_VALUE
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)


def _compare(
    model: types.Artifact, champion: types.Artifact, newest_uri: str, properties: dict[str, Any]
) -> NewestComparison:
    task = PredictionTask.from_property(properties["task"])
    settings = RetrainSettings.from_property(properties["settings"])
    folder_uri, _, name = newest_uri.rstrip("/").rpartition("/")
    with tempfile.TemporaryDirectory(prefix="yachay-") as scratch:
        newest = Path(scratch, name)
        newest.write_bytes(open_objects(folder_uri).read(name))
        files = hold_out(newest, IngestSpec.from_property(properties["spec"]), Path(scratch))
        models = [Model(path_utils.serving_model_path(one.uri), task) for one in (model, champion)]
        records = read_records(files, task, (), *models)
        [overall] = evaluate_arrays(task, EvaluationSettings(beats_trivial=False), records)
    return judge(overall.num_rows, overall.metrics, overall.baseline_metrics or {}, task, settings)
