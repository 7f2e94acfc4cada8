import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from yachay.model_store.tree_table import TREES_FILE, TreeTable
from yachay.serving.saved_model import load_saved_model

from .conftest import Running

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


def test_a_table_of_other_features_is_not_used(copied: Path) -> None:
    features = {**TABLE.features, "string": ("city",)}
    table = TreeTable(**{**vars(TABLE), "features": features})
    (copied / TREES_FILE).write_bytes(table.to_bytes())

    assert "hold the model's features" in load_saved_model(copied).failure
