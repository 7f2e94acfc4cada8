"""The table of trees is compared with its SavedModel once for each content."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from stream_model import NAMES, TABLE, push_trees

from yachay.components.batch_predictor import predict as predictor
from yachay.components.batch_predictor import trees_check
from yachay.components.batch_predictor.predict import PredictionSummary
from yachay.components.batch_predictor.settings import PredictSettings
from yachay.components.batch_predictor.trees_check import is_known_good, remember_good
from yachay.model_store.tree_table import TREES_FILE

EXPECTED = ['"Dropout"'] * 4 + ['"Graduate"'] * 2
"""Of whoever passed up to three units, and more."""

Score = Callable[..., PredictionSummary]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_good_outcome_is_kept_for_one_content_and_what_compared_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_known_good("a")
    remember_good("a")
    assert is_known_good("a")
    assert not is_known_good("b")
    monkeypatch.setattr(trees_check.metadata, "version", lambda name: f"{name} 99")
    assert not is_known_good("a")


def test_the_word_of_another_user_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    remember_good("a")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert not is_known_good("a")


@pytest.mark.parametrize("change", ["renamed", "emptied", "linked"])
def test_what_others_did_to_an_outcome_does_not_count(cache: Path, change: str) -> None:
    remember_good("a")
    good = next((cache / "yachay/trees").iterdir())
    remember_good("b")
    bad = next(file for file in good.parent.iterdir() if file != good)
    if change == "renamed":
        good.rename(bad)
    elif change == "emptied":
        bad.write_bytes(b"")
    else:
        bad.unlink()
        bad.symlink_to(good)

    assert not is_known_good("b")


def test_a_cache_that_cannot_be_written_is_none(cache: Path) -> None:
    cache.write_text("a file")
    remember_good("a")
    assert not is_known_good("a")


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return push_trees(tmp_path_factory.mktemp("store"), 7) / "7"


@pytest.fixture
def model(pushed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pushed, tmp_path / "model"))


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compared, each time that it was."""
    models: list[str] = []

    def check(model: str) -> str:
        models.append(model)
        return trees_check.check_trees(model)

    monkeypatch.setattr(predictor, "check_trees", check)
    return models


@pytest.fixture
def records(write_records: Callable[..., Path]) -> Path:
    return write_records(([number] * len(NAMES) for number in range(6)), header=list(NAMES))


@pytest.mark.integration
def test_a_table_is_compared_once(score: Score, records: Path, checked: list[str]) -> None:
    first, second = (score(records, name) for name in ("one.csv", "two.csv"))

    assert len(checked) == 1
    assert first.evaluator == second.evaluator == "trees"
    assert Path(first.output).read_text() == Path(second.output).read_text()


@pytest.mark.integration
def test_a_table_that_predicts_otherwise_is_compared_each_time(
    score: Score, records: Path, checked: list[str], model: Path
) -> None:
    score(records, "trees.csv")
    # Its leaves have changed places: records would get another class.
    (model / TREES_FILE).write_bytes(dataclasses.replace(TABLE, values=TABLE.values[:, ::-1].copy()).to_bytes())

    for number in range(2):
        summary = score(records, f"{number}.csv")
        assert (summary.evaluator, summary.rows) == ("saved_model", 6)
        assert [line.split(",")[1] for line in Path(summary.output).read_text().splitlines()[1:]] == EXPECTED
    assert len(checked) == 3


@pytest.mark.integration
def test_one_part_is_scored_without_other_processes(
    score: Score, records: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Path(score(records, "here.csv").output).read_text()
    monkeypatch.delattr(predictor.ProcessPoolExecutor, "submit")

    summary = predictor.predict(model, PredictSettings(data=str(records), output=str(tmp_path / "one.csv")))

    assert Path(summary.output).read_text() == expected
