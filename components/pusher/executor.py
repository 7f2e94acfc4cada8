"""Executor of `Pusher`."""

import itertools
import json
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from ..metrics.evaluation import read_evaluation
from ..trainer.session_check import check_session
from .store import push

NUM_CHECKED_RECORDS = 64


class Executor(base_executor.BaseExecutor):
    """Checks the blessing and the signatures, then pushes."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed.

        Raises:
            ModelError: if a signature fails in a session loader or answers otherwise than in the Python loader.
        """
        model, blessing, evaluation, examples = (
            artifact_utils.get_single_instance(input_dict[key])
            for key in ("model", "model_blessing", "evaluation", "examples")
        )
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not model_utils.is_model_blessed(blessing):
            pushed.set_int_custom_property("pushed", 0)
            return
        model_path = Path(path_utils.serving_model_path(model.uri))
        check_session(model_path, _records(examples))
        result = push(
            model_path,
            Path(exec_properties["store"]),
            {
                "original_names": json.loads(examples.get_string_custom_property("original_names")),
                "data_fingerprint": examples.get_string_custom_property("data_fingerprint"),
                "metrics": read_evaluation(Path(evaluation.uri)).metrics,
                "blessed": True,
                "baseline": blessing.get_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY)
                or None,
            },
        )
        pushed.set_int_custom_property("pushed", 1)
        pushed.set_string_custom_property("pushed_destination", str(result.model_path))
        pushed.set_string_custom_property("pushed_version", str(result.version))
        Path(pushed.uri, "destination.txt").write_text(f"{result.model_path}\n", encoding="utf-8")


def _records(examples: types.Artifact) -> list[bytes]:
    files = tf.io.gfile.glob(f"{artifact_utils.get_split_uri([examples], 'eval')}/*")
    dataset = tf.data.TFRecordDataset(sorted(files), compression_type="GZIP")
    return list(itertools.islice(dataset.as_numpy_iterator(), NUM_CHECKED_RECORDS))
