"""A small SavedModel as the Trainer exports them: one required feature, two optional ones."""

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

FEATURES = [
    {"name": "income", "dtype": "float32", "kind": "numeric", "optional": False, "missing": None},
    {"name": "visits", "dtype": "int64", "kind": "numeric", "optional": True, "missing": -(2**63)},
    {"name": "town", "dtype": "string", "kind": "categorical", "optional": True, "missing": ""},
]
PARSED = {
    "income": tf.io.FixedLenFeature([], tf.float32),
    "visits": tf.io.FixedLenFeature([], tf.int64, -(2**63)),
    "town": tf.io.FixedLenFeature([], tf.string, ""),
}


class Customers(tf.Module):
    """`imputed` visits stand for missing ones; `default` of them in the signature that servers ask."""

    def __init__(self, imputed: float, default: float) -> None:
        super().__init__()
        self.imputed = tf.Variable(imputed)
        self.default = tf.Variable(default)

    def answer(self, raw: dict[str, Any], imputed: Any) -> dict[str, Any]:
        missing = tf.equal(raw["visits"], -(2**63))
        visits = tf.where(missing, imputed, tf.cast(raw["visits"], tf.float32))
        kept = tf.sigmoid(raw["income"] / 1000 + visits / 10 - tf.cast(raw["town"] == "", tf.float32))
        scores = tf.stack([1 - kept, kept], 1)
        return {"classes": tf.gather(["lost", "kept"], tf.argmax(scores, 1)), "scores": scores}

    @tf.function(input_signature=[{one["name"]: tf.TensorSpec([None], one["dtype"], one["name"]) for one in FEATURES}])
    def serve_default(self, raw: dict[str, Any]) -> dict[str, Any]:
        return self.answer(raw, self.default)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve_examples(self, examples: Any) -> dict[str, Any]:
        return self.answer(tf.io.parse_example(examples, PARSED), self.imputed)


def save_small_model(folder: Path, imputed: float = 3.0, default: float = 3.0) -> Path:
    module = Customers(imputed, default)
    signatures = {"serving_default": module.serve_default, "serving_examples": module.serve_examples}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    metadata = {
        "format": 1,
        "problem": "classification",
        "family": "linear",
        "label": "outcome",
        "labels": ["lost", "kept"],
        "features": [{**one, "domain": None, "default": None} for one in FEATURES],
        "versions": {},
    }
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra/yachay.json").write_text(json.dumps(metadata))
    return folder


def make_example(income: float, visits: int | None = None, town: str | None = None) -> bytes:
    example = tf.train.Example()
    example.features.feature["income"].float_list.value.append(income)
    if visits is not None:
        example.features.feature["visits"].int64_list.value.append(visits)
    if town is not None:
        example.features.feature["town"].bytes_list.value.append(town.encode())
    return example.SerializeToString()


EXAMPLES = [make_example(1000.0 * i / 7, i, town) for i, town in enumerate(["Cusco", "Lima", "Ñuñoa", "Puno"])]
