from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.metrics import accuracy_score

pytestmark = pytest.mark.end_to_end


def test_the_out_of_fold_predictions_have_the_printed_accuracy(yachay: Any, tmp_path: Path) -> None:
    result = yachay(
        "evaluate", "student_dropout", "--folds", "2", "--family", "linear", "--workdir", tmp_path,
        "--tune", "--trials", "2", "--set", "tune.folds=2",
    )  # fmt: skip

    assert result.status == 0, result.stderr
    predictions = pd.read_csv(next(tmp_path.rglob("out_of_fold_predictions.csv")))
    assert len(predictions) == 4424
    pooled = accuracy_score(predictions["label"], predictions["predicted"])
    assert result.output["pooled"]["accuracy"] == pytest.approx(pooled)
    assert "SYNTHETIC DATA" in result.stderr
    assert result.output["objective"] == "macro_f1"
    assert 0.5 < result.output["inner_score"] < 1
    assert all(fold["hyperparameters"]["C"] > 0 for fold in result.output["folds"])


def test_an_unknown_family_is_rejected(yachay: Any, tmp_path: Path) -> None:
    result = yachay("evaluate", "student_dropout", "--family", "forest", "--workdir", tmp_path)

    assert result.status == 2
    assert "'random_forest'" in result.output["error"]
