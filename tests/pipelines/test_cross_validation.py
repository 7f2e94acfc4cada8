import dataclasses
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from yachay.errors import ConfigurationError, DataError, UsageError
from yachay.pipelines.config.pipeline_config import PipelineConfig
from yachay.pipelines.cross_validation import CrossValidation, cross_validate
from yachay.pipelines.registry import find_pipeline

CLASSES = ["high", "low", "middle"]
TYPES = {"x": "FLOAT", "noise": "FLOAT", "code": "INT", "word": "BYTES", "day": "INT", "label": "BYTES", "y": "FLOAT"}
SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} presence {{ min_fraction: 1 }} shape {{ dim {{ size: 1 }} }} }}'
    for name, kind in TYPES.items()
)


def configuration(problem: str = "classification", **sections: Any) -> PipelineConfig:
    label = {"name": "label", "values": CLASSES} if problem == "classification" else {"name": "y"}
    return PipelineConfig.model_validate(
        {
            "name": "sample",
            "problem": problem,
            "data": {"schema": "sample"},
            "label": label,
            "features": {"numeric": ["x", "noise"], "categorical": ["code", "word"]},
            "tasks": {"only": {}},
            "default_task": "only",
            **sections,
        }
    )


def records(num_records: int = 240) -> pd.DataFrame:
    generator = np.random.default_rng(5)
    x, code = generator.normal(size=num_records).round(4), generator.integers(0, 3, num_records)
    y = x + code
    return pd.DataFrame(
        {
            "x": x,
            "noise": generator.normal(size=num_records).round(4),
            "code": code,
            "word": generator.choice(["a", "b"], num_records),
            "day": np.arange(num_records) // 4,
            "label": np.array(["low", "middle", "high"])[np.digitize(y, [0.5, 1.5])],
            "y": y.round(4),
        }
    )


def validate(folder: Path, table: pd.DataFrame, config: PipelineConfig, **arguments: Any) -> CrossValidation:
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "data.csv", index=False)
    given = {"family": "linear", "folds": 2, **arguments}
    return cross_validate(config, SCHEMA, "only", str(folder / "data.csv"), workdir=folder / "out", **given)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> CrossValidation:
    return validate(tmp_path_factory.mktemp("result"), records(), configuration())


@pytest.mark.end_to_end
def test_the_metrics_are_those_of_the_predictions_that_were_written(result):
    predictions = pd.read_csv(result.predictions_path)
    assert list(predictions.columns) == ["record", "fold", "label", "predicted", *(f"score_{name}" for name in CLASSES)]
    assert len(predictions) == 240
    assert result.pooled["accuracy"] == pytest.approx(accuracy_score(predictions["label"], predictions["predicted"]))
    of_folds = [f1_score(part["label"], part["predicted"], average="macro") for _, part in predictions.groupby("fold")]
    assert [fold.metrics["macro_f1"] for fold in result.folds] == pytest.approx(of_folds)
    assert result.mean["macro_f1"] == pytest.approx(np.mean(of_folds))
    assert result.deviation["macro_f1"] == pytest.approx(np.std(of_folds, ddof=1))


@pytest.mark.end_to_end
def test_what_can_be_learned_is_learned(result):
    assert result.pooled["auc_ovr"] > 0.9
    assert result.rows == {"read": 240, "kept": 240, "quarantined": 0}
    assert [fold.num_held_out for fold in result.folds] == [120, 120]


@pytest.mark.end_to_end
def test_the_result_lies_beside_the_predictions_as_json(result):
    document = json.loads((result.output_dir / "cross_validation.json").read_text())
    assert document == result.to_json()
    assert document["is_synthetic"] is False
    assert document["method"] == "stratified"
    assert {path.name for path in result.output_dir.iterdir()} == {
        "cross_validation.json",
        "out_of_fold_predictions.csv",
        "quarantine.csv",
    }


READER = """
import pyarrow.csv
from yachay.components.example_gen.notes import Note

def read(path):
    yield Note("data.csv", 3, "", "x", "blanked", "no value")
    yield from pyarrow.csv.read_csv(path).to_batches()
"""


@pytest.mark.end_to_end
def test_what_a_reader_noted_lies_beside_the_predictions(tmp_path, monkeypatch):
    (tmp_path / "reader_of_a_test.py").write_text(READER)
    monkeypatch.syspath_prepend(str(tmp_path))
    data = {"schema": "sample", "reader": "reader_of_a_test.read"}

    noted = validate(tmp_path / "run", records(), configuration(data=data))

    assert noted.warnings == ("data.csv: 1 value blanked (no value); see notes.csv",)
    assert (noted.output_dir / "notes.csv").read_text().splitlines()[1:] == ["data.csv,3,,x,blanked,no value"]


@pytest.mark.end_to_end
def test_the_order_of_the_records_does_not_matter(result, tmp_path):
    shuffled = validate(tmp_path, records().sample(frac=1, random_state=2), configuration())
    assert shuffled.predictions_path.read_bytes() == result.predictions_path.read_bytes()
    assert shuffled.pooled == result.pooled


@pytest.mark.end_to_end
def test_folds_side_by_side_predict_the_same_to_the_digit(result, tmp_path):
    apart = validate(tmp_path, records(), configuration(), workers=2)
    assert apart.predictions_path.read_bytes() == result.predictions_path.read_bytes()
    assert [fold.metrics for fold in apart.folds] == [fold.metrics for fold in result.folds]


@pytest.mark.end_to_end
def test_a_regression_in_time_holds_out_what_comes_later(tmp_path):
    seen = []
    config = configuration("regression", split={"method": "time", "key": "day"})
    result = validate(tmp_path, records(), config, folds=3, on_fold=seen.append)
    assert seen == list(result.folds)
    assert [(fold.num_train, fold.num_held_out) for fold in result.folds] == [(60, 60), (120, 60), (180, 60)]
    assert result.method == "time"
    assert result.pooled["r2"] > 0.8
    assert len(pd.read_csv(result.predictions_path)) == 180


@pytest.mark.end_to_end
def test_each_fold_selects_features_where_the_configuration_says_so(tmp_path):
    config = configuration(feature_selection={"enabled": True, "threshold": 0.05})
    result = validate(tmp_path, records(), config)
    assert [set(fold.features) for fold in result.folds] == [{"x", "code"}] * 2


def test_fewer_than_two_folds_are_rejected(tmp_path):
    with pytest.raises(UsageError, match=r"Expected at least 2 folds\. Received: 1\."):
        validate(tmp_path, records(), configuration(), folds=1)


def test_too_few_records_of_a_class_leave_nothing_behind(tmp_path):
    table = records()
    table = table[(table["label"] != "low") | (table.index == table.index[table["label"] == "low"][0])]
    with pytest.raises(DataError, match=r"Expected at least 2 rows of the class 'low' .* Received: 1\."):
        validate(tmp_path, table, configuration())
    assert not list((tmp_path / "out").iterdir())


def test_a_folder_that_cannot_be_written_is_rejected_before_the_work(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DataError, match=r"Expected to write to .*out\."):
        validate(tmp_path, records(), configuration())


@pytest.mark.slow
@pytest.mark.skipif("YACHAY_DATA" not in os.environ, reason="YACHAY_DATA names no folder of real data")
@pytest.mark.parametrize(
    ("task", "anchors"),
    [("semester2", (0.780, 0.712, 0.896)), ("semester1", (0.750, 0.666, 0.870)), ("enrolment", (0.651, 0.552, 0.785))],
)
def test_boosted_trees_reach_the_anchors_of_the_real_file(task, anchors, tmp_path):
    folder = find_pipeline("student_dropout")
    config = folder.load()
    data = Path(os.environ["YACHAY_DATA"], "student_dropout", "data.csv")
    result = cross_validate(config, folder.schema_text(config), task, str(data), "boosted_trees", 5, tmp_path)
    for metric, anchor in zip(("accuracy", "macro_f1", "auc_ovr"), anchors, strict=True):
        assert result.mean[metric] > anchor - 0.01
    assert result.mean["accuracy"] < 0.82


@pytest.mark.integration
def test_a_search_is_in_the_family_that_is_asked_for_which_must_fit_it(tmp_path: Path) -> None:
    tune = {"enabled": True, "families": ["random_forest"], "trials": 1, "folds": 2, "minutes": None}
    config = configuration(model={"family": "boosted_trees"}, tune=tune)
    table = records(60)

    found = validate(tmp_path / "linear", table, config, family="linear", workers=1)

    assert {fold.family for fold in found.folds} == {"linear"}
    config = configuration(model={"family": "boosted_trees"}, tune={**tune, "oracle": "hyperband"})
    with pytest.raises(ConfigurationError, match=r"with 'linear', whose training has no rounds to shorten"):
        validate(tmp_path / "rounds", table, config, family="linear")


@pytest.mark.parametrize(
    ("inner", "higher_is_better", "expected"), [(0.8, True, True), (0.7, True, False), (0.7, False, True)]
)
def test_a_search_is_optimistic_where_it_expected_more_than_the_held_out_records_show(
    inner: float, higher_is_better: bool, expected: bool
) -> None:
    fold = SimpleNamespace(inner_score=inner, metrics={"accuracy": 0.75})
    fields = dict.fromkeys(field.name for field in dataclasses.fields(CrossValidation))
    given = {"folds": (fold,), "pooled": {"accuracy": 0.75}, "objective": "accuracy"}

    result = CrossValidation(**fields | given | {"higher_is_better": higher_is_better})

    assert result.is_optimistic is expected
