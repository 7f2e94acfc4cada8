from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from yachay.components.features import FeatureKind
from yachay.components.trainer.metadata import RawFeature
from yachay.components.trainer.tree_ensemble import Tree, TreeEnsemble
from yachay.components.trainer.tree_table import TreeModel, TreeTableError, make_tree_table
from yachay.model_store import tree_table
from yachay.model_store.tree_table import TREES_FILE, TreeScorer, TreeTable

pytestmark = pytest.mark.integration

DTYPES = {"income": np.float32, "rating": np.float32, "visits": np.int64, "branch": np.int64, "member": np.int64}
LEAST = -(2**63)


def table_of(model_dir: str) -> TreeTable:
    return TreeTable.from_bytes(Path(model_dir, TREES_FILE).read_bytes())


def random_values(num_rows: int) -> dict[str, np.ndarray[Any, Any]]:
    """Values of every kind: usual, missing, unknown, on and beside the edges of their types."""
    random = np.random.default_rng(1)
    greatest = np.finfo(np.float32).max
    pools: dict[str, Any] = {
        "income": np.append(random.gamma(4, 500, 200), [0, -0.0, 1e-40, -1e-40, greatest, -greatest]),
        "rating": [1, 2, 3, 4, 5, 1.5, np.nextafter(np.float32(3), np.float32(4)), np.nan, greatest],
        "visits": [*range(25), LEAST, LEAST + 1, 2**63 - 1, 2**53 + 1, -1],
        "branch": [*range(12), -(10**6), 2**62],
        "member": [0, 1, 2, -1, LEAST],
        "town": ["Cusco", "Lima", "Puno", "Tacna", "lima", "", "Kañaris"],
    }
    return {
        name: random.choice(np.array(pool, DTYPES.get(name, object)), num_rows)  # type: ignore[arg-type]
        for name, pool in pools.items()
    }


@pytest.mark.parametrize(
    ("problem", "max_looked_up"), [("classification", 2**16), ("regression", 2**16), ("regression", 0)]
)
def test_a_table_gives_the_scores_of_the_saved_model(
    problem: str, max_looked_up: int, trained: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_table, "_MAX_LOOKED_UP", max_looked_up)
    model_dir = trained(problem, "boosted_trees")
    table, raw = table_of(model_dir), random_values(3000)
    signature = tf.saved_model.load(model_dir).signatures["serving_default"]
    expected = signature(**{name: tf.constant(values) for name, values in raw.items()})

    scores = TreeScorer(table)(
        {dtype: np.stack([raw[name] for name in names]) for dtype, names in table.features.items()}
    )

    if problem == "regression":
        np.testing.assert_allclose(scores[:, 0], expected["outputs"], rtol=1e-6)
    else:
        np.testing.assert_allclose(scores, expected["scores"], atol=1e-6, rtol=0)
        assert np.ptp(scores, axis=0).min() > 0.2


@pytest.mark.parametrize(("problem", "family"), [("quantiles", "boosted_trees"), ("classification", "linear")])
def test_what_is_no_sum_of_trees_over_single_values_has_no_table(
    problem: str, family: str, trained: Callable[[str, str], str]
) -> None:
    assert not Path(trained(problem, family), TREES_FILE).exists()


def test_the_same_model_has_the_same_bytes(trained: Callable[[str, str], str]) -> None:
    content = Path(trained("classification", "boosted_trees"), TREES_FILE).read_bytes()

    assert TreeTable.from_bytes(content).to_bytes() == content


NUMBERS = [RawFeature(name, "float32", FeatureKind.NUMERIC, optional=False) for name in ("a", "b")]


def chain(num_leaves: int) -> Tree:
    """A tree that parts the values of the first column at 0, 1, 2, ..., each time the rest to the right."""
    inner = num_leaves - 1
    size = 2 * num_leaves - 1
    left, right = np.arange(size), np.arange(size)
    left[:inner] = inner + np.arange(inner)
    right[:inner] = [*range(1, inner), size - 1]
    threshold = np.where(np.arange(size) < inner, np.arange(size), np.inf)
    value = np.where(np.arange(size) < inner, 0, np.arange(size) - inner + 1.0)
    return Tree(np.zeros(size, int), threshold, left, right, value[:, np.newaxis])


def table_for(
    transform: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]], num_leaves: int = 3
) -> TreeTable:
    trees = [chain(num_leaves), chain(2)]

    def matrix(features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.stack([features["a"], features["b"]], axis=1)

    ensemble = TreeEnsemble(trees, np.zeros(1), "identity")
    model = TreeModel(trees, np.zeros(1), "identity", ["a", "b"], matrix)
    return make_tree_table(
        model, lambda raw: matrix(transform(raw)), lambda raw: ensemble(matrix(transform(raw))), NUMBERS, {}
    )


@pytest.mark.parametrize("num_leaves", [16, 17, 33, 64])
def test_trees_of_up_to_64_leaves_fit(num_leaves: int) -> None:
    table = table_for(lambda raw: {"a": raw["a"] / 3, "b": raw["b"]}, num_leaves)
    values = np.arange(-5.0, 250, 0.5, np.float32)

    scores = TreeScorer(table)({"float32": np.stack([values, values])})

    reached = np.searchsorted(np.arange(num_leaves - 1), values / np.float32(3)) + 1
    first = np.where(values / 3 <= 0, 1, 2)
    assert scores[:, 0].tolist() == (reached + first).tolist()


def test_a_tree_of_more_leaves_has_no_table() -> None:
    with pytest.raises(TreeTableError, match="at most 64 leaves"):
        table_for(dict, 65)


def test_a_column_of_several_features_has_no_table() -> None:
    with pytest.raises(TreeTableError, match="'a' to be transformed by itself"):
        table_for(lambda raw: {"a": raw["a"] + raw["b"], "b": raw["b"]})


def test_a_number_that_loses_its_order_has_no_table() -> None:
    with pytest.raises(TreeTableError, match="'a' to keep its order"):
        table_for(lambda raw: {"a": tf.abs(raw["a"]), "b": raw["b"]})
