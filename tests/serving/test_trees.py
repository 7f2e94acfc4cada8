import math
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
import tensorflow as tf

from yachay.model_store.tree_table import TREES_FILE, TreeScorer, TreeTable
from yachay.serving.contract import Prediction
from yachay.serving.limits import Limits
from yachay.serving.saved_model import load_saved_model

from .conftest import FEATURES, LABELS, Running

# Two trees over the features of the tiny model: income parts at 2.0 (missing: none), Lima from the other towns.
TABLE = TreeTable(
    features={"float32": ("income", "rating"), "int64": ("visits", "branch"), "string": ("town",)},
    bounds=np.array([2.0]),
    num_bounds=np.array([1, 0, 0, 0]),
    row_of_interval=np.array([0, 1, 2, 2, 2]),
    row_of_missing=np.array([-1, 2, 2, -1]),
    texts=({"Lima": 3, "": 4, None: 4},),
    table=np.array([[1, 3], [2, 3], [3, 3], [3, 1], [3, 2]], np.uint16),
    values=np.pad(np.array([[0.0, 1.0], [2.0, 0.0]]), ((0, 0), (0, 14))),
    num_trees=np.array([0, 2]),
    base=np.zeros(2),
    link="softmax",
)


class SteppedModel(tf.Module):
    """What the table says, in TensorFlow."""

    @tf.function(
        input_signature=[
            {each["name"]: tf.TensorSpec([None], str(each["dtype"]), str(each["name"])) for each in FEATURES}
        ]
    )
    def serve(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        total = tf.cast(raw["income"] > 2, tf.float64) + 2 * tf.cast(raw["town"] == "Lima", tf.float64)
        # Every input stays in the graph.
        unused = 0 * tf.cast(tf.math.is_nan(raw["rating"]), tf.float64) + 0 * tf.cast(
            raw["visits"] + raw["branch"], tf.float64
        )
        scores = tf.cast(tf.nn.softmax(tf.stack([unused, total], axis=1)), tf.float32)
        return {"classes": tf.gather(tf.constant(LABELS), tf.argmax(scores, axis=1)), "scores": scores}


@pytest.fixture(scope="module")
def stepped(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a table that agrees with it."""
    path = tmp_path_factory.mktemp("stepped") / "5"
    module = SteppedModel()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    shutil.copytree(model_dir / "assets.extra", path / "assets.extra", dirs_exist_ok=True)
    (path / TREES_FILE).write_bytes(TABLE.to_bytes())
    return path


def stepped_score(row: dict[str, Any]) -> float:
    total = (row["income"] > 2) + 2 * (row["town"] == "Lima")
    return math.exp(total) / (1 + math.exp(total))


@pytest.mark.parametrize("bound", [-3.5, -3.0, 2.0**20, 2.0**53, -(2.0**60)])
def test_integers_on_both_sides_of_a_bound_reach_other_leaves(bound: float) -> None:
    table = TreeTable(
        features={"int64": ("visits",)},
        bounds=np.array([bound]),
        num_bounds=np.array([1]),
        row_of_interval=np.array([0, 1]),
        row_of_missing=np.array([-1]),
        texts=(),
        table=np.array([[1], [2]], np.uint16),
        values=np.pad([[3.0, 7.0]], ((0, 0), (0, 14))),
        num_trees=np.array([1]),
        base=np.zeros(1),
        link="identity",
    )
    last, step = math.floor(bound), max(1, int(np.spacing(abs(bound))))
    values = np.array([[-(2**63), last - step, last, last + step, 2**63 - 1]])

    assert TreeScorer(table)({"int64": values})[:, 0].tolist() == [3, 3, 3, 7, 7]


def test_a_table_that_agrees_predicts_batches_of_any_size(
    stepped: Path, serve: Callable[..., AbstractContextManager[Running]], row: dict[str, Any]
) -> None:
    random = np.random.default_rng(0)
    towns = ["Lima", "Cusco", "Kañaris", None]
    incomes = [0.0, 2.0, np.nextafter(np.float32(2), np.float32(3)).item(), 1e30]
    rows = [{**row, "income": incomes[a], "town": towns[b], "visits": None} for a, b in random.integers(0, 4, (90, 2))]
    # Of more rows than a batch, and of fewer, all at once.
    sizes = [1] * 40 + [9, 30, 1, 8]

    assert (load_saved_model(stepped).evaluator, load_saved_model(stepped).failure) == ("trees", "")
    with serve(stepped, limits=Limits(max_batch_rows=8)) as server, ThreadPoolExecutor(len(sizes)) as pool:
        requests = [rows[index : index + size] for index, size in enumerate(sizes)]
        answers = list(pool.map(lambda one: server.predict({"instances": one}).json()["predictions"], requests))

    for sent, received in zip(requests, answers, strict=True):
        scores = [stepped_score(one) for one in sent]
        assert [one["scores"][1] for one in received] == pytest.approx(scores, abs=1e-6)
        assert [one["classes"] for one in received] == ["yes" if score > 0.5 else "no" for score in scores]


def test_observers_see_what_a_table_predicted(
    stepped: Path, serve: Callable[..., AbstractContextManager[Running]], row: dict[str, Any]
) -> None:
    seen: list[Prediction] = []
    observer = SimpleNamespace(record=seen.append, close=lambda: None)

    with serve(stepped, observers=[observer]) as server:
        for _ in range(3):
            server.predict({"instances": [row, row]})

    assert [len(prediction.outputs["scores"]) for prediction in seen] == [2, 2, 2]
    assert seen[0].inputs["town"].tolist() == ["Lima", "Lima"]


@pytest.fixture
def copied(model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_dir, tmp_path / "5"))


def test_a_model_without_a_table_predicts_by_its_saved_model(model_dir: Path) -> None:
    loaded = load_saved_model(model_dir)

    assert (loaded.evaluator, loaded.failure) == ("saved_model", "")


def test_a_table_that_predicts_otherwise_is_not_used_and_that_is_counted(
    copied: Path, serve: Callable[..., AbstractContextManager[Running]], row: dict[str, Any], caplog: Any
) -> None:
    (copied / TREES_FILE).write_bytes(TABLE.to_bytes())

    with serve(copied) as server:
        metrics = httpx.get(f"{server.url}/metrics").text
        answer = server.predict({"instances": [row]}).json()["predictions"]

    assert load_saved_model(copied).evaluator == "saved_model"
    assert "trees.npz to give the classes of the SavedModel" in caplog.text or "to give the scores" in caplog.text
    assert any(
        line.startswith('yachay_tree_table_failures_total{model_name="tiny"}') and float(line.split()[-1]) >= 1
        for line in metrics.splitlines()
    )
    assert len(answer) == 1


@pytest.mark.parametrize("content", [b"", b"no table", TABLE.to_bytes()[:200]])
def test_a_damaged_table_is_not_used(content: bytes, copied: Path) -> None:
    (copied / TREES_FILE).write_bytes(content)

    assert "Expected a table of trees in format 1" in load_saved_model(copied).failure


@pytest.mark.parametrize(
    "fields",
    [
        {"row_of_interval": TABLE.row_of_interval + 5},
        {"row_of_missing": TABLE.row_of_missing[1:]},
        {"table": TABLE.table.astype(np.float64)},
        {"base": np.zeros(1)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_table_of_arrays_that_do_not_fit_each_other_is_not_used(fields: dict[str, Any], copied: Path) -> None:
    (copied / TREES_FILE).write_bytes(TreeTable(**{**vars(TABLE), **fields}).to_bytes())

    loaded = load_saved_model(copied)

    assert loaded.evaluator == "saved_model"
    assert "arrays that fit each other" in loaded.failure


def test_a_table_of_other_features_is_not_used(copied: Path) -> None:
    features = {**TABLE.features, "string": ("city",)}
    table = TreeTable(**{**vars(TABLE), "features": features})
    (copied / TREES_FILE).write_bytes(table.to_bytes())

    assert "hold the model's features" in load_saved_model(copied).failure
