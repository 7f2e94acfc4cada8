"""A model of the seven features of `student_dropout`'s events: two trees, pushed as the Pusher does."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from yachay.model_store.golden import GoldenRequest, write_golden
from yachay.model_store.integrity import hash_files, hash_manifest
from yachay.model_store.layout import GOLDEN_FILE
from yachay.model_store.store import Push
from yachay.model_store.tree_table import TREES_FILE, TreeTable

LABELS = ["Dropout", "Enrolled", "Graduate"]
NAMES = {
    "GDP": "GDP",
    "Inflation_rate": "Inflation rate",
    "Tuition_fees_up_to_date": "Tuition fees up to date",
    "Scholarship_holder": "Scholarship holder",
    "Curricular_units_1st_sem_approved": "Curricular units 1st sem (approved)",
    "Curricular_units_1st_sem_enrolled": "Curricular units 1st sem (enrolled)",
    "Curricular_units_2nd_sem_approved": "Curricular units 2nd sem (approved)",
}
# Of whoever passed more than three units in the second semester, the second leaf counts.
TABLE = TreeTable(
    features={"float32": tuple(NAMES)},
    bounds=np.array([3.0]),
    num_bounds=np.array([0, 0, 0, 0, 0, 0, 1]),
    row_of_interval=np.array([2, 2, 2, 2, 2, 2, 0, 1]),
    row_of_missing=np.full(7, -1),
    texts=(),
    table=np.array([[1, 1], [2, 2], [3, 3]], np.uint16),
    values=np.pad(np.array([[2.0, 0.0], [0.0, 2.0]]), ((0, 0), (0, 14))),
    num_trees=np.array([1, 0, 1]),
    base=np.zeros(3),
    link="softmax",
)
HIGH = float(np.exp(2) / (2 + np.exp(2)))
"""The score of the predicted class."""
ENVELOPE = {"features": "student_features", "key": "student_id"}
EVENT: dict[str, Any] = {
    "student_features": {
        "GDP": 1.74,
        "Inflation rate": 1.4,
        "Tuition fees up to date": 1,
        "Scholarship holder": 0,
        "Curricular units 1st sem (approved)": 5,
        "Curricular units 1st sem (enrolled)": 6,
        "Curricular units 2nd sem (approved)": 5,
    },
    "student_id": 256,
}


def event(student: int, approved: int = 5) -> dict[str, Any]:
    """Returns an event: up to three approved units the model predicts Dropout."""
    features = EVENT["student_features"] | {"Curricular units 2nd sem (approved)": approved}
    return {"student_features": features, "student_id": student}


def push_trees(store: Path, version: int) -> Path:
    """Pushes the model into a store."""
    import tensorflow as tf

    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[{name: tf.TensorSpec([None], tf.float32, name) for name in NAMES}])  # type: ignore[untyped-decorator]
        def serve(self, raw: dict[str, Any]) -> dict[str, Any]:
            unused = tf.add_n([0 * column for column in raw.values()])
            passed = tf.cast(raw["Curricular_units_2nd_sem_approved"] > 3, tf.float32)
            scores = tf.nn.softmax(tf.stack([2 - 2 * passed, unused, 2 * passed], axis=1))
            return {"classes": tf.gather(tf.constant(LABELS), tf.argmax(scores, axis=1)), "scores": scores}

    push = store / f"push-{version}"
    path = push / str(version)
    module = Model()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    (path / "assets.extra").mkdir(exist_ok=True)
    common = {"dtype": "float32", "kind": "numeric", "optional": False, "missing": None, "domain": None}
    metadata = {
        "format": 1,
        "problem": "classification",
        "family": "boosted_trees",
        "label": "Target",
        "labels": LABELS,
        "features": [{"name": name, "default": None, **common} for name in NAMES],
        "original_names": NAMES,
        "metrics": {},
    }
    (path / "assets.extra" / "yachay.json").write_text(json.dumps(metadata), encoding="utf-8")
    (path / TREES_FILE).write_bytes(TABLE.to_bytes())
    row = dict(zip(NAMES, EVENT["student_features"].values(), strict=True))
    low = (1 - HIGH) / 2
    golden = [GoldenRequest(row, {"classes": "Graduate", "scores": [low, low, HIGH]})]
    (push / GOLDEN_FILE).write_bytes(write_golden(golden))
    files = {name: digest for name, digest in hash_files(push).items() if name != "push.json"}
    receipt = Push(version, str(push), hash_manifest(files), files=files)
    (push / "push.json").write_text(receipt.to_json(), encoding="utf-8")
    return push
