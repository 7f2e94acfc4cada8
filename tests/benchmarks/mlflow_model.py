"""Saves a SavedModel as an MLflow model; runs in MLflow's own environment.

PATH_OF_MLFLOW_PYTHON tests/benchmarks/mlflow_model.py MODEL_DIR OUTPUT_DIR
"""

import json
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import tensorflow as tf

DTYPES = {"float32": tf.float32, "int64": tf.int64, "string": tf.string}


class SavedModel(mlflow.pyfunc.PythonModel):
    """Answers a data frame with the signature of named features."""

    def load_context(self, context: Any) -> None:
        """Loads the model."""
        folder = context.artifacts["model"]
        self._model = tf.saved_model.load(folder)
        metadata = json.loads(Path(folder, "assets.extra/yachay.json").read_text())
        self._dtypes = {feature["name"]: feature["dtype"] for feature in metadata["features"]}

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Answers a request."""
        tensors = {name: tf.constant(model_input[name], DTYPES[dtype]) for name, dtype in self._dtypes.items()}
        outputs = self._model.signatures["serving_default"](**tensors)
        columns = {name: values.numpy().tolist() for name, values in outputs.items()}
        return [
            {name: each.decode() if isinstance(each, bytes) else each for name, each in zip(columns, row, strict=True)}
            for row in zip(*columns.values(), strict=True)
        ]


if __name__ == "__main__":
    mlflow.pyfunc.save_model(
        sys.argv[2], python_model=SavedModel(), artifacts={"model": sys.argv[1]}, pip_requirements=[]
    )
