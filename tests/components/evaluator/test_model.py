"""Models whose trees have a table: it predicts in place of the graph where it says the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from yachay.components.evaluator.model import Model
from yachay.components.evaluator.tree_predictor import TreePredictor
from yachay.components.examples import decode
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask
from yachay.model_store.tree_table import TREES_FILE, TreeTable

TASK = PredictionTask(problem=Problem.REGRESSION, label=Label(name="y"), features={"dose": FeatureKind.NUMERIC})


def table(values: tuple[float, float] = (1.0, 5.0)) -> TreeTable:
    """One tree that looks at `dose`: up to 2 the first value, above it the second; `town` decides nothing."""
    leaves = np.zeros((1, 16))
    leaves[0, :2] = values
    return TreeTable(
        features={"float32": ("dose",), "string": ("town",)},
        bounds=np.array([2.0]),
        num_bounds=np.array([1]),
        row_of_interval=np.array([0, 1]),
        row_of_missing=np.array([-1]),
        texts=({None: 2},),
        table=np.array([[0b11], [0b10], [0b11]], np.uint16),
        values=leaves,
        num_trees=np.array([1]),
        base=np.zeros(1),
        link="identity",
    )


class Step(tf.Module):
    """The tree as a graph."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        dose = tf.io.parse_example(examples, {"dose": tf.io.FixedLenFeature([], tf.float32)})["dose"]
        return {"outputs": tf.where(dose <= 2.0, 1.0, 5.0)}


def make_model(folder: Path, trees: TreeTable) -> Model:
    module = Step()
    tf.saved_model.save(module, str(folder), signatures={"serving_examples": module.serve})
    (folder / TREES_FILE).parent.mkdir(exist_ok=True)
    (folder / TREES_FILE).write_bytes(trees.to_bytes())
    return Model(str(folder), TASK)


def example(**values: Any) -> bytes:
    features = {}
    for name, value in values.items():
        if isinstance(value, bytes):
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        elif isinstance(value, int):
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        else:
            numbers = value if isinstance(value, list) else [value]
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=numbers))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def test_a_table_predicts_what_the_graph_does(tmp_path: Path) -> None:
    model = make_model(tmp_path, table())
    assert TreePredictor(table()).predict(decode([example(dose=0.0, town=b"Cusco")])) is not None
    doses = np.random.default_rng(0).choice([0.0, 2.0, 2.5, -7.0, 9e9], 1000)

    predictions = model.predict([example(dose=float(dose), town=b"Cusco") for dose in doses])

    assert predictions.tolist() == np.where(doses <= 2, 1.0, 5.0).tolist()


def test_a_table_that_says_otherwise_is_not_used(tmp_path: Path) -> None:
    model = make_model(tmp_path, table((1.0, 5.001)))

    assert model.predict([example(dose=3.0)] * 400).tolist() == [5.0] * 400
    assert model.predict([example(dose=3.0)] * 400).tolist() == [5.0] * 400


def test_a_table_that_known_predictions_checked_needs_no_graph(tmp_path: Path) -> None:
    model = make_model(tmp_path, table())
    (tmp_path / "saved_model.pb").unlink()

    model.check_trees(decode([example(dose=1.0), example(dose=3.0)]), np.array([1.0, 5.0], np.float32))

    assert model.predict([example(dose=3.0)] * 4).tolist() == [5.0] * 4


def test_a_table_that_says_otherwise_than_known_predictions_is_not_used(tmp_path: Path) -> None:
    model = make_model(tmp_path, table((1.0, 5.001)))

    model.check_trees(decode([example(dose=3.0)]), np.array([5.0], np.float32))

    assert model.predict([example(dose=3.0)] * 4).tolist() == [5.0] * 4


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"dose": [1.0, 2.0]},
        {"dose": 3},
        {"dose": float("nan")},
        {"dose": float("inf")},
        {"dose": 1.0, "town": b""},
        {"dose": 1.0, "town": b"\xff"},
        {"dose": 1.0, "town": 4},
    ],
    ids=["missing", "several", "other_type", "nan", "infinite", "empty_text", "no_utf8", "number_for_text"],
)
def test_examples_that_only_a_graph_can_judge_are_left_to_it(values: Mapping[str, Any]) -> None:
    examples = decode([example(**values)] * 3)

    assert TreePredictor(table()).predict(examples) is None


def test_a_text_may_be_missing() -> None:
    scores = TreePredictor(table()).predict(decode([example(dose=1.0), example(dose=3.0)]))

    assert scores is not None
    assert scores.tolist() == [[1.0], [5.0]]
