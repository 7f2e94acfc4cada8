from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from yachay.model_store.location import open_store
from yachay.model_store.store import push
from yachay.pipelines.baseline import LatestPushedModelStrategy


def model(number: int) -> Any:
    artifact = standard_artifacts.Model()
    artifact.id, artifact.uri = number, f"/artifacts/model/{number}"
    return artifact


def blessing(number: int) -> Any:
    artifact = standard_artifacts.ModelBlessing()
    artifact.set_int_custom_property("blessed", 1)
    artifact.set_int_custom_property("current_model_id", number)
    return artifact


def resolve(store: Path, *numbers: int) -> list[str]:
    given = {"model": [model(number) for number in numbers], "model_blessing": [blessing(number) for number in numbers]}
    resolved = LatestPushedModelStrategy(str(store)).resolve_artifacts(None, given)
    assert resolved.keys() == given.keys()
    return [artifact.uri for artifact in resolved["model"]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "models"


def push_model(store: Path, folder: Path, number: int) -> None:
    source = folder / str(number)
    source.mkdir()
    (source / "saved_model.pb").write_text(str(number))
    push(
        source, open_store(str(store), "", ""), content_hash=str(number), golden=b"", run_id="1", data_fingerprint="1",
        blessing={"blessed": True, "model": f"/artifacts/model/{number}"},
    )  # fmt: skip


def test_a_blessed_model_that_was_not_pushed_is_no_baseline(store: Path, tmp_path: Path) -> None:
    assert resolve(store, 1, 2) == []

    push_model(store, tmp_path, 1)

    assert resolve(store, 1, 2) == ["/artifacts/model/1"]


def test_the_model_of_the_last_push_is_the_baseline(store: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        push_model(store, tmp_path, number)

    assert resolve(store, 1, 2, 3) == ["/artifacts/model/2"]


def test_a_push_of_another_metadata_store_is_no_baseline(store: Path, tmp_path: Path) -> None:
    push_model(store, tmp_path, 9)

    assert resolve(store, 1) == []
    assert resolve(store) == []
