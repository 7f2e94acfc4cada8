"""Executor of `FeatureSelector`."""

import json
from typing import Any

from absl import logging
from google.protobuf import text_format
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ..artifact_files import read_schema, split_files
from ..examples import read_examples
from ..prediction_task import PredictionTask
from ..tfx_api import io_utils
from .records import sample_records
from .select import reduce_schema, select_features, selection_columns, unselected
from .settings import FeatureSelectionSettings

SCHEMA_FILE = "schema.pbtxt"
RANKING_FILE = "ranking.json"
TRAIN = "train"


class Executor(base_executor.BaseExecutor):
    """Reads the training split, selects, and writes the schema and the ranking."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `schema.pbtxt` and `ranking.json`.

        Raises:
            DataError: if a column is not in the schema, has several values, or there are too few records or no split
                `train`.
        """
        schema = read_schema(artifact_utils.get_single_instance(input_dict["schema"]))
        task = PredictionTask.from_property(exec_properties["task"])
        settings = FeatureSelectionSettings.from_property(exec_properties["settings"])
        columns = selection_columns(task)
        files = split_files(artifact_utils.get_single_instance(input_dict["examples"]), TRAIN)
        selection = select_features(
            sample_records(read_examples(files), schema, columns),
            task,
            settings,
            exec_properties["seed"],
        )
        logging.info("Selected %d of %d features: %s", len(selection.selected), len(task.features), selection.selected)
        reduced = text_format.MessageToString(reduce_schema(schema, unselected(task, selection)))
        ranking = json.dumps(selection.to_json(), indent=2) + "\n"
        for output, name, content in (("selected_schema", SCHEMA_FILE, reduced), ("ranking", RANKING_FILE, ranking)):
            io_utils.write_string_file(f"{artifact_utils.get_single_uri(output_dict[output])}/{name}", content)
