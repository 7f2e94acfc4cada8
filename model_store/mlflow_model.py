"""What makes a push a model of MLflow: `MLmodel`, with the signature of raw features, and `input_example.json`.

    model = mlflow.pyfunc.load_model("<store>/push-<version>")
    model.predict(pandas.DataFrame([{"Age at enrollment": 19, ...}]))

Written without MLflow: https://mlflow.org/docs/latest/ml/model/ describes both files.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from .golden import GoldenRequest

MODEL_FILE = "MLmodel"
EXAMPLE_FILE = "input_example.json"
LOADER = "yachay.serving.pyfunc"

_NUM_EXAMPLES = 5


def describe_model(
    metadata: Mapping[str, Any], golden: Sequence[GoldenRequest], shown: Sequence[GoldenRequest], created: str
) -> dict[str, bytes]:
    """Returns the files that make a push a model of MLflow, by name.

    Args:
        metadata: mapping. Content of `assets.extra/yachay.json`.
        golden: sequence of `GoldenRequest`. The types of the outputs are taken from the first.
        shown: sequence of `GoldenRequest`. The rows of the input example; none where they are of real people.
        created: string. Time in UTC as ISO 8601 has it.
    """
    features = metadata["features"]
    signature: dict[str, Any] = {"inputs": json.dumps([_column(feature) for feature in features])}
    if golden:
        signature["outputs"] = json.dumps(_outputs(golden[0].prediction))
    document: dict[str, Any] = {
        "flavors": {"python_function": {"loader_module": LOADER, "python_version": platform.python_version()}},
        "signature": signature | {"params": None},
        "utc_time_created": created,
    }
    files = {}
    if shown:
        names = [feature["name"] for feature in features]
        rows = [[one.row.get(name) for name in names] for one in shown[:_NUM_EXAMPLES]]
        files[EXAMPLE_FILE] = (json.dumps({"columns": names, "data": rows}, allow_nan=False) + "\n").encode()
        document["saved_input_example_info"] = {
            "artifact_path": EXAMPLE_FILE,
            "type": "dataframe",
            "pandas_orient": "split",
        }
    files[MODEL_FILE] = yaml.safe_dump(document, sort_keys=True, allow_unicode=True).encode()
    return files


def output_columns(prediction: Any) -> Mapping[str, Any]:
    """Returns a prediction of the V1 protocol as columns: the only output of a model is called `prediction`."""
    return prediction if isinstance(prediction, dict) else {"prediction": prediction}


def _column(feature: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the column of a feature.

    pandas has numbers with decimals in 64 bits, and so it has integers where one is missing.
    """
    dtype: str = {"float32": "double", "int64": "long", "string": "string"}[feature["dtype"]]
    if dtype == "long" and (feature["optional"] or feature.get("missing") is not None):
        dtype = "double"
    column = {"name": feature["name"], "required": not feature["optional"]}
    if feature.get("steps") is None:
        return {"type": dtype, **column}
    return {"type": "array", "items": {"type": dtype}, **column}


def _outputs(prediction: Any) -> list[dict[str, Any]]:
    return [{**_type(value), "name": name, "required": True} for name, value in output_columns(prediction).items()]


def _type(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        items = _type(value[0]) if value else {"type": "double"}
        return {"type": "array", "items": items if items["type"] == "array" else {"type": items["type"]}}
    if isinstance(value, str):
        return {"type": "string"}
    return {"type": "long" if isinstance(value, int) else "double"}
