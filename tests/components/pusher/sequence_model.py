"""A small forecasting SavedModel as the Trainer exports them: sequences in, quantiles of three steps out."""

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

STEPS, HORIZON = 6, 3
FEATURES: list[dict[str, Any]] = [
    {
        "name": "temperature_c", "dtype": "float32", "kind": "numeric", "optional": True, "missing": "NaN",
        "steps": STEPS, "min_steps": STEPS, "domain": {"min": -50.0, "max": 60.0},
    },
    {
        "name": "load_mw", "dtype": "float32", "kind": "numeric", "optional": False, "missing": None,
        "steps": 4, "min_steps": 2, "domain": None,
    },
    {
        "name": "sky", "dtype": "string", "kind": "categorical", "optional": True, "missing": "",
        "steps": 2, "min_steps": 1, "domain": {"values": ["clear", "rain"]},
    },
    {
        "name": "station", "dtype": "string", "kind": "categorical", "optional": False, "missing": None,
        "steps": None, "min_steps": None, "domain": {"values": ["A", "B"]},
    },
]  # fmt: skip
ROW: dict[str, Any] = {
    "temperature_c": [10.0, 11.0, 12.0, 13.0, 14.0, 15.0],
    "load_mw": [1.0, 2.0, 3.0, 4.0],
    "sky": ["clear", "rain"],
    "station": "A",
}


def _shape(feature: dict[str, Any]) -> list[int]:
    return [] if feature["steps"] is None else [feature["steps"]]


SPECS = [
    {each["name"]: tf.TensorSpec([None, *_shape(each)], each["dtype"], each["name"]) for each in FEATURES},
]
PARSED = {each["name"]: tf.io.FixedLenFeature(_shape(each), each["dtype"]) for each in FEATURES}


class Forecaster(tf.Module):
    """The newest load and the mean temperature, a missing one as `imputed`, more for rain and station B."""

    def __init__(self, imputed: float) -> None:
        super().__init__()
        self.imputed = tf.Variable(imputed)

    def predict(self, raw: dict[str, Any]) -> dict[str, Any]:
        temperature = tf.where(tf.math.is_nan(raw["temperature_c"]), self.imputed, raw["temperature_c"])
        load = tf.reduce_sum(tf.where(tf.math.is_nan(raw["load_mw"]), 0.0, raw["load_mw"]), axis=1)
        rain = tf.reduce_sum(tf.cast(raw["sky"] == "rain", tf.float32) * [1.0, 2.0], axis=1)
        base = raw["load_mw"][:, -1] + tf.reduce_mean(temperature, axis=1) + load / 100 + rain
        base += tf.where(raw["station"] == "B", 10.0, 0.0)
        middle = base[:, None] + tf.range(HORIZON, dtype=tf.float32)
        quantiles = middle[:, :, None] + [-1.0, 0.0, 1.0]
        return {
            "outputs": quantiles[:, :, 1], "lower": quantiles[:, :, 0], "upper": quantiles[:, :, 2],
            "quantiles": quantiles,
        }  # fmt: skip

    @tf.function(input_signature=SPECS)
    def serve_default(self, raw: dict[str, Any]) -> dict[str, Any]:
        return self.predict(raw)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve_examples(self, examples: Any) -> dict[str, Any]:
        return self.predict(tf.io.parse_example(examples, PARSED))


def forecast(row: dict[str, Any], imputed: float = 12.0) -> list[float]:
    """Returns the middle quantiles as the model's formula gives them."""
    temperature = row.get("temperature_c") or [None] * STEPS
    mean = sum(imputed if value is None else value for value in temperature) / STEPS
    sky = ["", *(row.get("sky") or [])][-2:]
    rain = sum(weight for weight, value in zip((1, 2), ["", "", *sky][-2:], strict=True) if value == "rain")
    base = row["load_mw"][-1] + mean + sum(row["load_mw"]) / 100 + rain + (10 if row["station"] == "B" else 0)
    return [base + step for step in range(HORIZON)]


def save_sequence_model(folder: Path, imputed: float = 12.0) -> Path:
    """Writes the SavedModel with its metadata."""
    module = Forecaster(imputed)
    signatures = {"serving_default": module.serve_default, "serving_examples": module.serve_examples}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    metadata = {
        "format": 1,
        "problem": "forecast",
        "family": "toy",
        "label": "load_next",
        "labels": [],
        "features": [{**each, "default": None} for each in FEATURES],
        "original_names": {"temperature_c": "Temperature (°C)"},
        "versions": {},
    }
    (folder / "assets.extra").mkdir(exist_ok=True)
    (folder / "assets.extra/yachay.json").write_text(json.dumps(metadata))
    return folder


def make_sequence_example(row: dict[str, Any]) -> bytes:
    """Returns a row as the ingest writes it: every sequence with all its steps, padded at the front."""
    example = tf.train.Example()
    for each in FEATURES:
        name, held = each["name"], example.features.feature[each["name"]]
        values = row.get(name) if each["steps"] else [row[name]]
        missing = float("nan") if each["dtype"] == "float32" else ""
        values = [missing if value is None else value for value in values or []]
        values = [missing] * ((each["steps"] or 1) - len(values)) + values
        if each["dtype"] == "float32":
            held.float_list.value.extend(values)
        else:
            held.bytes_list.value.extend(value.encode() for value in values)
    return example.SerializeToString()
