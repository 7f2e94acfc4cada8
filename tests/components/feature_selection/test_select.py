from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from yachay.components.feature_selection.select import Selection, reduce_schema, select_features, unselected
from yachay.components.feature_selection.settings import FeatureSelectionSettings
from yachay.components.features import Problem
from yachay.components.prediction_task import PredictionTask, SplitSettings
from yachay.errors import DataError

pytestmark = pytest.mark.integration

CLASSES = ["no", "perhaps", "yes"]
FEATURES = ["noise", "word", "signal", "copy", "constant", "empty"]


def records(num_records: int = 150) -> pd.DataFrame:
    """`signal` and `word` make the label together; `copy` repeats `signal`; the others say nothing."""
    generator = np.random.default_rng(3)
    signal = generator.normal(size=num_records)
    word = generator.integers(0, 2, num_records)
    place = (signal > 0).astype(int) + word
    table = pd.DataFrame(
        {
            "noise": generator.normal(size=num_records),
            "word": np.array(["apple", "pear"], object)[word],
            "signal": signal,
            "copy": signal,
            "constant": 1.0,
            "empty": np.nan,
            "target": np.array(CLASSES, object)[place],
            "amount": place * 1000.0,
        }
    )
    table.loc[::50, ["signal", "copy"]] = np.nan
    return table


def task(problem: Problem, label: dict[str, Any], features: list[str] = FEATURES, **fields: Any) -> PredictionTask:
    kinds = dict.fromkeys(features, "numeric")
    return PredictionTask.model_validate({"problem": problem, "label": label, "features": kinds, **fields})


def select(table: pd.DataFrame, problem: Problem = Problem.CLASSIFICATION, threshold: float = 0.02) -> Selection:
    label = {"name": "target", "values": CLASSES} if problem is Problem.CLASSIFICATION else {"name": "amount"}
    return select_features(table, task(problem, label), FeatureSelectionSettings(threshold=threshold), seed=42)


@pytest.fixture(scope="module")
def selection() -> Selection:
    return select(records())


@pytest.fixture(scope="module")
def regression_selection() -> Selection:
    return select(records(), Problem.REGRESSION)


@pytest.mark.parametrize("name", ["selection", "regression_selection"])
def test_keeps_what_makes_the_label_and_neither_noise_nor_a_copy(name, request):
    selected = request.getfixturevalue(name).selected
    assert "word" in selected
    assert len({"signal", "copy"} & set(selected)) == 1
    assert len(selected) == 2


def test_ranks_every_feature_by_its_importance(selection):
    ranking = selection.ranking
    importances = [feature.importance for feature in ranking]
    assert importances == sorted(importances, reverse=True)
    assert {feature.name for feature in ranking} == set(FEATURES)


def test_a_feature_is_kept_where_it_raises_the_score_by_more_than_the_threshold(selection):
    first, *others = selection.ranking
    assert first.is_kept
    score = first.score
    for feature in others:
        assert feature.is_kept == (feature.score - score > 0.02)
        score = feature.score if feature.is_kept else score


def test_the_unit_of_the_label_does_not_matter_to_a_regression(regression_selection):
    table = records()
    thousandths = select(table.assign(amount=table["amount"] / 1000), Problem.REGRESSION)
    assert thousandths.selected == regression_selection.selected


def test_the_same_records_and_seed_give_the_same_selection(selection):
    assert select(records()) == selection


@pytest.mark.parametrize("num_processors", [1, 4])
def test_the_number_of_processors_leaves_no_trace(selection, num_processors, monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: num_processors)
    assert select(records()) == selection


def test_classes_written_as_numbers_are_found_in_a_numeric_label():
    table = records()
    table["target"] = table["target"].map({"no": 0.0, "perhaps": 1.0, "yes": 2.0})
    label = {"name": "target", "values": ["0", "1", "2"]}
    numbered = task(Problem.CLASSIFICATION, label, ["signal", "word"])
    selection = select_features(table, numbered, FeatureSelectionSettings(threshold=0.02), seed=42)
    assert set(selection.selected) == {"signal", "word"}


def test_an_unknown_label_is_rejected():
    table = records()
    table.loc[0, "target"] = "maybe"
    with pytest.raises(DataError, match=r"Expected the label to be one of no, perhaps, yes\. Received: maybe\."):
        select(table)


def test_too_few_records_for_the_folds_are_rejected():
    with pytest.raises(DataError, match=r"Expected at least 3 rows for the folds\. Received: 2"):
        select(records().head(2), Problem.REGRESSION)


def test_the_selection_as_json_says_what_was_kept(selection):
    document = selection.to_json()
    assert document["selected"] == selection.selected
    assert document["scoring"] == "f1_macro"
    assert document["num_records"] == 150
    assert set(document["ranking"][0]) == {"name", "importance", "score", "is_kept"}


def test_the_reduced_schema_leaves_out_the_unselected_features_only():
    schema = text_format.Parse(
        """
        feature { name: "a" type: FLOAT } feature { name: "b" type: INT }
        feature { name: "label" type: BYTES domain: "d" }
        string_domain { name: "d" value: "x" }
        """,
        schema_pb2.Schema(),
    )
    reduced = reduce_schema(schema, {"b"})
    assert [feature.name for feature in reduced.feature] == ["a", "label"]
    assert reduced.string_domain == schema.string_domain
    assert len(schema.feature) == 3


def test_a_feature_that_names_a_group_is_worth_nothing_where_the_split_is_by_group():
    generator = np.random.default_rng(3)
    group = np.repeat(np.arange(30), 20)
    table = pd.DataFrame(
        {
            "household": group.astype(float),
            "trait": generator.normal(size=30)[group],
            "signal": generator.normal(size=len(group)),
            "target": np.array(CLASSES, object)[generator.integers(0, 3, 30)[group]],
        }
    )
    label = {"name": "target", "values": CLASSES}
    grouped = {"method": "group", "key": "household"}
    by_group = task(Problem.CLASSIFICATION, label, ["trait", "signal"], split=grouped)
    settings = FeatureSelectionSettings(threshold=0.02)

    selection = select_features(table, by_group, settings, seed=42)
    of_rows = select_features(table, by_group.model_copy(update={"split": SplitSettings()}), settings, seed=42)

    assert max(feature.score for feature in of_rows.ranking) > 0.8
    assert max(feature.score for feature in selection.ranking) < 0.6


def test_a_sequence_is_one_feature_of_all_its_steps():
    table = records()
    for step in range(3):
        table[f"past[{step}]"] = table["signal"] + step
    sequence = task(Problem.CLASSIFICATION, {"name": "target", "values": CLASSES}, ["past", "word", "noise"])

    selection = select_features(table, sequence, FeatureSelectionSettings(threshold=0.02), seed=42)

    assert set(selection.selected) == {"past", "word"}


def test_the_key_of_the_split_stays_in_the_schema():
    label = {"name": "amount"}
    grouped = task(Problem.REGRESSION, label, ["signal", "noise"], split={"method": "group", "key": "noise"})

    assert unselected(grouped, Selection("f1_macro", 1, 0.0, ())) == {"signal"}
