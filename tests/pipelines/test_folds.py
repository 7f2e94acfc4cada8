import numpy as np
import pandas as pd
import pytest

from yachay.errors import DataError
from yachay.pipelines.config.pipeline_config import PipelineConfig
from yachay.pipelines.folds import fold_method, split_folds


def configuration(method: str = "hash", problem: str = "classification") -> PipelineConfig:
    return PipelineConfig.model_validate(
        {
            "name": "sample",
            "problem": problem,
            "data": {"schema": "sample"},
            "label": {"name": "label", "values": ["no", "yes"] if problem == "classification" else []},
            "features": {"numeric": ["x"]},
            "split": {"method": method, "key": None if method == "hash" else "key"},
            "tasks": {"only": {}},
            "default_task": "only",
        }
    )


def records(problem: str = "classification") -> pd.DataFrame:
    rows = np.arange(60)
    label = np.where(rows % 4 == 0, "yes", "no").astype(object) if problem == "classification" else rows / 7
    return pd.DataFrame({"x": rows * 1.0, "label": label, "key": rows // 6 * 1.0})


@pytest.mark.parametrize("problem", ["classification", "regression"])
@pytest.mark.parametrize("method", ["hash", "group"])
def test_every_record_is_held_out_once_and_never_trained_on_in_its_fold(method, problem):
    folds = split_folds(records(problem), configuration(method, problem), 5)
    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(60))
    assert all(sorted([*before, *held_out]) == list(range(60)) for before, held_out in folds)


def test_each_fold_has_the_classes_in_their_shares():
    table = records()
    folds = split_folds(table, configuration(), 5)
    assert [(table["label"][held_out] == "yes").sum() for _, held_out in folds] == [3] * 5


@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_a_group_stays_together(problem):
    table = records(problem)
    for before, held_out in split_folds(table, configuration("group", problem), 5):
        assert not set(table["key"][before]) & set(table["key"][held_out])


def test_in_time_each_fold_comes_after_all_that_it_is_trained_on():
    table = records().sample(frac=1, random_state=1).reset_index(drop=True)
    folds = split_folds(table, configuration("time"), 3)
    assert len(folds) == 3
    for before, held_out in folds:
        assert table["key"][before].max() < table["key"][held_out].min()


@pytest.mark.parametrize(
    ("method", "problem", "expected"),
    [
        ("hash", "classification", "stratified"),
        ("hash", "regression", "shuffled"),
        ("group", "classification", "grouped"),
        ("time", "regression", "time"),
    ],
)
def test_the_method_of_the_split_says_how_folds_are_made(method, problem, expected):
    assert fold_method(configuration(method, problem)) == expected


@pytest.mark.parametrize(
    ("method", "problem", "num_folds", "message"),
    [
        ("hash", "classification", 16, r"Expected at least 16 records of the class 'yes' .* Received: 15\."),
        ("hash", "regression", 61, r"Expected at least 61 records to cross-validate\. Received: 60\."),
        ("group", "regression", 11, r"Expected at least 11 groups of 'key' .* Received: 10\."),
        ("time", "regression", 10, r"Expected at least 11 distinct values of 'key' .* Received: 10\."),
    ],
)
def test_too_little_for_the_folds_is_refused(method, problem, num_folds, message):
    with pytest.raises(DataError, match=message):
        split_folds(records(problem), configuration(method, problem), num_folds)
