"""Whether the last blessed model predicts what the task asks for now, so that a candidate can be compared with it."""

import json
from typing import Any

import tensorflow as tf

from ...model_store.metadata import METADATA_FILE
from ..prediction_task import PredictionTask

_LABEL = {"problem": "", "label": "", "labels": [], "steps": 1, "quantiles": []}
"""What a model's metadata says of its label, with what stands for it in models from before there was the field."""


def difference(model_path: str, task: PredictionTask) -> str:
    """Returns in which field a model's label differs from that of a task and how, or an empty string.

    A model without metadata, of a `run_fn` of one's own, differs in nothing that is known.

    Args:
        model_path: string. Folder of a SavedModel.
        task: `PredictionTask`.
    """
    path = f"{model_path}/{METADATA_FILE}"
    if not tf.io.gfile.exists(path):
        return ""
    with tf.io.gfile.GFile(path) as file:
        metadata: dict[str, Any] = json.loads(file.read())
    label = task.label
    asked = (task.problem.value, label.name, list(label.values), label.steps, list(label.quantiles))
    for (field, default), now in zip(_LABEL.items(), asked, strict=True):
        before = metadata.get(field) or default
        if before != (now or default):
            return f"{field}: {before!r}, now {now!r}"
    return ""
