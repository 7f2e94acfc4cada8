"""Executor of `Evaluator`."""

from typing import Any

from tfx import types

from ..prediction_task import PredictionTask
from ..tfx_api import evaluator_executor as executor
from ..tfx_api import json_utils, proto_utils
from .eval_config import eval_config
from .settings import EvaluationSettings


class Executor(executor.Executor):
    """Runs TFX's Evaluator with the `EvalConfig` of the task and its settings."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the evaluation and the blessing.

        Raises:
            DataError: if the split `eval` has a label that does not fit the task.
        """
        config = eval_config(
            PredictionTask.from_property(exec_properties["task"]),
            EvaluationSettings.from_property(exec_properties["settings"]),
        )
        super().Do(
            input_dict,
            output_dict,
            {"eval_config": proto_utils.proto_to_json(config), "example_splits": json_utils.dumps(["eval"])},
        )
